# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What rules and Git hosts say of a push, in Chinese: `{}` stands for what it is about."""

import re
from collections.abc import Mapping
from typing import Final

from bridge.forges.chinese_rejections import REJECTIONS

WORDS: Final[Mapping[str, str]] = {
    "push": "推送",
    "delete": "删除",
    "branch": "分支",
    "tag": "标签",
    "valid": "有效",
    "invalid": "无效",
    "absent": "缺失",
    "unchecked": "未校验",
    "up": "正常",
    "down": "异常",
    "paused": "暂停",
    "stored": "已保存",
    "waiting": "等待中",
    "triggering": "触发中",
    "queued": "排队中",
    "running": "构建中",
    "pending": "待发送",
    "sending": "发送中",
}
_OF_RULES: Final[Mapping[str, str]] = {
    "wants a {}, {} is a {}": "需要{0}，{1} 是{2}",
    "{} does not match {}": "{0} 不匹配 {1}",
    "{} is left out by !{}": "{0} 被 !{1} 排除",
    "is not active": "未启用",
    "no file was changed": "没有改动的文件",
    "{} for the paths {}": "{0}（paths：{1}）",
    "the head commit's message holds {}": "提交说明里有 {0}",
    "the ref's name is not UTF-8 text": "引用的名称不是 UTF-8 文本",
    "the ref's name is over 1 KiB": "引用的名称超过 1 KiB",
    "was disabled by {} ({})": "被 {0} 停用（{1}）",
    "was disabled by {} ({}): {}": "被 {0} 停用（{1}）：{2}",
    "the Git host does not say which commit {} is": "平台没有说明 {0} 是哪个提交",
    "{} is not a semantic version": "{0} 不是语义化版本",
    "{} is a pre-release, which must not move the tags of releases": (
        "{0} 是预发布版本，不能移动正式版本的标签"
    ),
    "the same push came as delivery {}": "同一次推送已经到达，见接收记录 {0}",
    "older than what was already pushed: {}": "比已推送的 {0} 更早",
    "builds what is pushed to the source {}, and this was pushed to {}": (
        "只构建推送到来源 {0} 的代码，这次推送到的是 {1}"
    ),
}
"""Why a rule builds nothing: also behind the name of the rule and a colon."""
_SHIFT: Final = re.compile(r"\{(\d)\}")
REASONS: Final[Mapping[str, str]] = {
    **{
        f"{{}}: {english}": "{0}：" + _SHIFT.sub(lambda found: f"{{{int(found[1]) + 1}}}", chinese)
        for english, chinese in _OF_RULES.items()
    },
    **_OF_RULES,
    "{} does not count": "改动的 {0} 不算在内",
    "none of {} files counts": "{0} 个改动的文件都不算在内",
    "{}; the nearest: {}": "{0}；最接近的：{1}",
    "the nearest: {}": "最接近的：{0}",
    "older than {}, which was already pushed; a person asked for it": "比已推送的 {0} 更早；由人工触发",
    "{}; so only the tags of its own commit are built": "{0}；因此只构建它自己提交的标签",
    "{} was ended: {}": "{0} 已结束：{1}",
    "{} is the tag of {}: {} becomes {}": "{0} 是 {1} 的标签：{2} 改为 {3}",
    "{} stands for {} already: {} becomes {}": "{0} 已经代表 {1}：{2} 改为 {3}",
    "there is no rule for {}": "没有 {0} 的规则",
    "the payload has no list of {}": "请求体里没有 {0} 列表",
    "no rule is for {}": "没有规则对应 {0}",
    "{}: builds from {}": "{0} 的代码是 {1}",
    "builds from {}": "代码是 {0}",
    "{}; such a rule has code_repo_clone_url: {}": "{0}；这样的规则要写 code_repo_clone_url: {1}",
    "builds without checking `paths`: {}": "不检查 `paths`，直接构建：{0}",
    "the host does not say which files changed": "平台没有说明改动了哪些文件",
    "the list of changed files may not be all": "改动的文件可能没有列全",
    "the {} was removed": "{0}已删除",
    "{} is neither a branch nor a tag": "{0} 既不是分支也不是标签",
    "{} tested the webhook": "{0} 测试了 Webhook",
    "{} tested the webhook: the ref did not move": "{0} 测试了 Webhook：引用没有变化",
    "{} is not a push": "{0} 不是推送",
    "the push moved no branch and no tag": "这次推送没有改动分支或标签",
    "GitHub sends a push for every {} too, and that one counts": "GitHub 对每个 {0} 都会另发一次推送",
    # what is stored of a delivery
    "damaged: what the store has as its {} cannot be read": "已损坏：存储里的 {0} 无法读取",
    "{}: send it again from the Git host": "{0}：请在代码平台重新发送",
    "it cannot be decided: {} (a fault of the bridge; the log has more)": (
        "无法处理：{0}（Buildbridge 的缺陷；详见日志）"
    ),
    "the same was sent again": "相同的内容再次发来",
    **REJECTIONS,
    "{} is down: {}": "{0} 异常：{1}",
    "the daemon does not run: start it (`buildbridge serve`)": (
        "守护进程没有运行：请启动（`buildbridge serve`）"
    ),
    "the daemon is of version {}, not {}: restart it": "守护进程的版本是 {0}，不是 {1}：请重新启动",
    "the node {} was last heard of {} ago": "节点 {0} 的最近一次心跳在 {1} 之前",
    "no node does {}, for {} by now": "已有 {1} 没有节点负责 {0}",
    "the node {} has other keys of the tokens than {}: `buildbridge doctor` says what to do": (
        "节点 {0} 的令牌密钥与 {1} 的不同：`buildbridge doctor` 会说明怎么办"
    ),
    "no node works: start one without `--only receive`": (
        "没有节点工作：请启动一个不带 `--only receive` 的节点"
    ),
    "{} to be evaluated, for {}": "{0}未处理，已等待 {1}",
    "{} delivery waits": "{0} 条接收记录",
    "{} deliveries wait": "{0} 条接收记录",
    "the rules on disk have {}: see `check`": "磁盘上的规则有 {0}：见 `check`",
    "{} fault": "{0} 处错误",
    "{} faults": "{0} 处错误",
}
"""Why something is not built, as rules and Git hosts say it; `{}` stands for what it is about.

Of two forms as long as each other the first one is tried first.
"""
