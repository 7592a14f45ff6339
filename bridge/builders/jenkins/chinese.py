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
    # tests
    "signed in as {} by {}": "已登录：{}，使用 {}",
    "`password`, with a crumb": "`password`（带 crumb）",
    "`password`, without a crumb: if it is an API token, write it as `token`": (
        "`password`（不需要 crumb）：如果它是 API 令牌，请写成 `token`"
    ),
    "the job {} declares {} parameters": "任务 {} 声明了 {} 个参数",
    "it is disabled, so Jenkins will reject builds: enable it": "它被禁用，Jenkins 会拒绝构建：请启用",
    "it is disabled, so Jenkins scans and builds nothing: enable it": (
        "它被禁用，Jenkins 不扫描也不构建：请启用"
    ),
    "it does not declare {}: add a string parameter of that name, otherwise two pushes can share one "
    "build, and an interrupted trigger cannot be checked": (
        "它没有声明 {}：请添加这个名字的字符串参数，否则两次推送可能共用一个构建，中断的触发也无法核对"
    ),
    "it does not receive {}: add string parameters of these names, otherwise it builds the same for "
    "every push": "它收不到{}：请添加这些名字的字符串参数，否则每次推送构建的都一样",
    "the images to build (IMAGE, TAGS)": "要构建的镜像（IMAGE、TAGS）",
    "the commit to build (COMMIT, REF)": "要构建的提交（COMMIT、REF）",
    "the commit to build (COMMIT, REF), the images to build (IMAGE, TAGS)": (
        "要构建的提交（COMMIT、REF）和镜像（IMAGE、TAGS）"
    ),
    "the multibranch project {} has {} jobs of branches": "多分支项目 {} 有 {} 个分支任务",
    "none has run, and Jenkins knows what they declare only after that: build one": (
        "都还没有运行过，而 Jenkins 要运行之后才知道它们声明了什么：请构建一次"
    ),
    "of that which ran last: {}": "最近运行的那个：{}",
    "there is no Jenkins at `url` (404): check `url`": "`url` 处没有 Jenkins（404）：请检查 `url`",
    "Jenkins shows no multibranch project {} to this user (404): check `job` and permissions": (
        "这个用户在 Jenkins 上看不到多分支项目 {}（404）：请检查 `job` 和权限"
    ),
    "this user may not read its configuration, so it was not checked what it binds": (
        "这个用户不能读取它的配置，所以没有检查它绑定了什么"
    ),
    "it does not bind the credentials {} of `{}`: bind them to {} and {} at 'Use secret text(s) or "
    "file(s)', a part of the plugin Credentials Binding": (
        "它没有绑定 `{1}` 的凭据 {0}：请在 Credentials Binding 插件的“Use secret text(s) or file(s)”里把它"
        "绑定到 {2} 和 {3}"
    ),
    "the credentials {} of `{}` cannot be seen by this user, so they were not checked: it would need "
    "Credentials/View": "这个用户看不到 `{1}` 的凭据 {0}，所以没有检查：需要 Credentials/View 权限",
    "there are no credentials {}, neither in the folders of the job nor in Jenkins: add them to the "
    "global domain as a user name with its password, or correct `{}`": (
        "没有凭据 {}，任务的文件夹和 Jenkins 里都没有：请在全局域里按“用户名和密码”添加，或改正 `{}`"
    ),
    # tests
    "{} is not a job but a {}: set `job` to a job in it": "{} 不是任务，而是 {}：请把 `job` 设为其中的任务",
    "{} is not a multibranch project but a {}: set `job` to the name of a job, without {}": (
        "{} 不是多分支项目，而是 {}：请把 `job` 设为任务的名字，不要带 {}"
    ),
    "{} is not a job but a {}: set `job` to {}, for the pushed branch": (
        "{} 不是任务，而是 {}：请把 `job` 设为 {}，构建推送的分支"
    ),
    "Jenkins asks for a crumb (403): `token` must be an API token, not a password, which would be "
    "`password`": "Jenkins 要求 crumb（403）：`token` 必须是 API 令牌；密码请写在 `password`",
    "Jenkins does not say who we are: `url` is not exact, it has to be the address of the start page "
    "of Jenkins, without api/json or a job": (
        "Jenkins 没有说明登录的用户：`url` 不准确，应该是 Jenkins 首页的地址，不带 api/json 或任务"
    ),
    "`url` shows a web page, not the API of Jenkins: check `url`, and any proxy on the way": (
        "`url` 是网页，不是 Jenkins 的 API：请检查 `url` 和途中的代理"
    ),
    "a sign-in page at {} answers in place of Jenkins ({}): let requests with an API token pass it, or "
    "have `url` lead around it": (
        "应答的是 {} 上的登录页，不是 Jenkins（{}）：请让带 API 令牌的请求通过，或让 `url` 绕开它"
    ),
    "what answers at `url` is not Jenkins: check `url`, and any proxy on the way": (
        "`url` 处应答的不是 Jenkins：请检查 `url` 和途中的代理"
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
    # advice
    "the job {}, as it was seen at {}, does not declare {}": "任务 {}（{} 看到的）没有声明 {}",
    "the job {}, as it was seen at {}, does not receive {}": "任务 {}（{} 看到的）收不到 {}",
    "the job {}, as it was seen at {}, does not declare, and so does not get, {}": (
        "任务 {}（{} 看到的）没有声明、因此收不到 {}"
    ),
    "add a string parameter of that name, otherwise two pushes can share one build, and an interrupted "
    "trigger "
    "cannot be checked": ("请添加同名的字符串参数，否则两次推送可能共用一个构建，触发中断后也无法查证"),
    "add string parameters of these names, otherwise it builds the same for every push": (
        "请添加同名的字符串参数，否则每次推送的构建内容都一样"
    ),
    "add string parameters of these names to it, or remove them from `parameters`": (
        "请给任务添加同名的字符串参数，或者从 `parameters` 里删掉"
    ),
    "then `buildbridge builders test {}` sees it anew": "然后用 `buildbridge builders test {}` 重新查看",
}
