# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a Jenkins builder says of a build, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.builders.chinese import CHINESE as OF_SERVERS

CHINESE: Final[Mapping[str, str]] = {
    **OF_SERVERS,
    "aborted in Jenkins": "在 Jenkins 上被中止",
    "not built": "没有构建",
    "cancelled in the queue of Jenkins": "在 Jenkins 队列里被取消",
    "stuck: {}": "卡住：{}",
    "waits for an input in Jenkins": "在 Jenkins 上等待人工输入",
    "{} in the stage {}": "{}（阶段 {}）",
    "gone from Jenkins: {}": "在 Jenkins 上找不到了：{}",
    "the queue and the builds were searched by build id, queue number and build number, {} while Jenkins "
    "answered": "Jenkins 可用时按构建 id、队列号和构建号{}查找队列和构建，都没有",
    "the job was renamed or deleted": "任务被改名或删除",
    "Jenkins was restarted meanwhile": "期间 Jenkins 重启过",
    "its number {} is below {}, the oldest build kept": "编号 {} 早于现存最旧的构建 {}",
    "it is not among the newest {} builds": "不在最近 {} 个构建里",
    "it was deleted": "已被删除",
    "the job {} was not queued: {}": "任务 {} 没有进入队列：{}",
    "the job {} was not queued: Jenkins points elsewhere, because a plugin rejected it or `url` is not "
    "exact ({})": "任务 {} 没有进入队列：Jenkins 指向别处，可能被插件拒绝，或者 `url` 不准确（{}）",
    "the job {} does not exist, or this user may not see it: check `job` and the user's permissions "
    "({})": "任务 {} 不存在，或者这个用户看不到（{}）：请检查 `job` 和用户的权限",
    "the job {} cannot be started through the API ({})": "任务 {} 不能通过 API 启动（{}）",
    "the job {} is disabled ({})": "任务 {} 已被禁用（{}）",
    "the job {} cannot get parameters this long: Jenkins or a proxy limits them ({})": (
        "任务 {} 的参数太长，Jenkins 或代理有限制（{}）"
    ),
    "the job does not offer the given value of: {}": "任务的这些参数没有所给的选项：{}",
    "the job {} does not take these parameters ({})": "任务 {} 不接受这些参数（{}）",
    "Jenkins has no job {} yet": "Jenkins 上还没有任务 {}",
    "Jenkins shows no job {} to this user (404): check `job` and permissions": (
        "这个用户在 Jenkins 上看不到任务 {}（404）：请检查 `job` 和权限"
    ),
    "the user may not do this in Jenkins (403): check its permissions": (
        "用户在 Jenkins 上没有这项权限（403）：请检查权限"
    ),
    "Jenkins rejects the user name or the {} (401): check `username` and `{}`": (
        "Jenkins 不接受用户名或{}（401）：请检查 `username` 和 `{}`"
    ),
    "a password": "密码",
    "an API token": "API 令牌",
    "Jenkins is starting or not available (503)": "Jenkins 正在启动或不可用（503）",
    "Jenkins did not answer within {} s": "Jenkins 在 {} 秒内没有应答",
    "Jenkins did not answer in time": "Jenkins 没有及时应答",
    "Jenkins closed the connection, with no answer": "Jenkins 没有应答就断开了连接",
    "the connection to Jenkins failed ({})": "连不上 Jenkins（{}）",
    "or Jenkins is still starting": "或者 Jenkins 还在启动",
    "{}, {} minutes after the first look: see the scan log of {}, whose filters have to let the branch "
    "or tag pass, and whether that has a Jenkinsfile": (
        "{}（第一次查看后 {} 分钟）：请看 {} 的扫描日志，它的过滤规则要放行这个分支或标签，并且里面要有 "
        "Jenkinsfile"
    ),
    # settings
    "write the id that credentials have in Jenkins, such as git-bot, and no secret": (
        "请写凭据在 Jenkins 里的 id，例如 git-bot，不要写密钥"
    ),
    "write its folders and its name, such as docker/build-image, without a slash at an end; braces stand "
    "only in {branch}, which is the whole last part: team/shop/{branch}": (
        "请写它的文件夹和名字，例如 docker/build-image，首尾不要斜杠；花括号只能用来写 {{branch}}，"
        "它是完整的最后一段：team/shop/{{branch}}"
    ),
    "say how the user signs in, in one way: by `token`, or by `password`": (
        "用户的登录方式请只写一种：`token` 或 `password`"
    ),
    "remove {}, or write null where it comes from another builder: with {branch}, the Jenkinsfile says "
    "which credentials it uses": (
        "请删掉 {}，如果来自另一个构建器请写 null：用 {{branch}} 时，凭据由 Jenkinsfile 指定"
    ),
}
