# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What commands say to a person, in Chinese; the English sentence is the key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bridge.model.language import Language, Tell, speaker, translator

SENTENCES: Final[Mapping[str, str]] = {
    # help
    "Guides": "指南",
    "Git hosts": "代码平台",
    "Builders": "构建器",
    "Channels": "通知渠道",
    "Print one with `buildbridge help TOPIC`; `--language zh-CN` prints Chinese.": (
        "用 `buildbridge help 主题` 查看；加上 `--language en` 显示英文。"
    ),
    # init
    "Which Git hosts will call (several: with commas)": "代码平台（多个用逗号分隔）",
    "Which repository is built at {host}": "{host} 上要构建的仓库",
    "How will the host reach the bridge": "代码平台从哪个地址访问 Buildbridge",
    "Who builds": "构建器",
    "Whom to tell": "通知渠道",
    "Written to {folder}, from which all paths here count:": "已写入 {folder}，以下路径都以它为起点：",
    "Written:": "已写入：",
    "Put the real values into {files}.": "请把真实的值存到 {files}。",
    " and ": " 和 ",
    "Does a reverse proxy take port {port} and pass it on to us": (
        "端口 {port} 是否由反向代理接收并转发给本服务"
    ),
    "Port {port} is taken on this machine. Which one instead": "本机的端口 {port} 已被占用，改用哪个端口",
    "Without a reverse proxy before it, set server.host and server.port: they are {host}, "
    "this machine only, and {port}.": (
        "前面没有反向代理时，请设置 server.host 和 server.port：现在是 {host}（只有本机能访问）和 {port}。"
    ),
    "public_url has port {theirs}, and the daemon listens on {port}: that needs a reverse proxy, "
    "or the same server.port.": (
        "public_url 的端口是 {theirs}，而服务监听的是 {port}：需要反向代理，或者把 server.port 改成一样的。"
    ),
    "Port {port} is taken on this machine: end what has it, or set another server.port.": (
        "本机的端口 {port} 已被占用：请停掉占用它的程序，或者换一个 server.port。"
    ),
    "Added to {file}: {name}": "已添加到 {file}：{name}",
    "Add to the drop-in credentials.conf of the unit:": "在服务单元的 credentials.conf 里加上：",
    "Next, in this order:": "接下来依次做：",
    "Change what is marked CHANGE, until all is good:": "修改标着 CHANGE 的值，直到检查通过：",
    "See what a push would do, then start:": "看看一次推送会触发什么，然后启动：",
    "In the bare repository, set up the hook as the guide above says.": "在裸仓库里按上面的指南设置钩子：",
    "At {kind}, open the webhooks of the repository, as the guide above says:": (
        "在 {kind} 打开仓库的 WebHook 设置，按上面的指南填写："
    ),
    "Open {page}, and enter as the guide above says:": "打开 {page}，按上面的指南填写：",
    "and as its secret what this prints:": "密钥是这条命令的输出：",
    "Push something, and see it arrive:": "推送一次，看它是否到达：",
    "The commonest mistakes: buildbridge help {topic}": "常见错误：buildbridge help {topic}",
    # explain
    "{repo}: {event} of {kind} {name}": "{repo}：{event}{kind} {name}",
    "{repo}: {event}": "{repo}：{event}",
    "no repository": "没有仓库",
    "signature {proof}, source {source}": "签名{proof}，来源 {source}",
    "unknown (--source NAME says which)": "未知（用 --source NAME 指定）",
    "not: {why}": "不构建：{why}",
    "and {count} more that do not build": "另有 {count} 条不构建",
    "and {count} more that build nothing of it: see --json": "另有 {count} 条规则不构建它：见 --json",
    "builds {tags} on {builder}": "构建 {tags}，构建器 {builder}",
    "with {parameters}": "参数 {parameters}",
    "{tag} (of {original})": "{tag}（原为 {original}）",
    "a tag of the time": "时间标签",
    "a tag of the commit": "提交标签",
    "; ": "；",
    # status
    "daemon": "守护进程",
    "configuration": "配置",
    "store": "存储",
    "listens": "监听",
    "public url": "对外地址",
    "does not run": "没有运行",
    "unknown": "未知",
    "runs since {since}, version {version}, process {process}": (
        "自 {since} 起运行，版本 {version}，进程 {process}"
    ),
    "runs, version {version}, process {process}": "正在运行，版本 {version}，进程 {process}",
    "not made yet": "尚未建立",
    "all is well": "一切正常",
    "builders": "构建器",
    "channels": "通知渠道",
    "sources": "来源",
    "backlog": "积压",
    "silences in force": "生效中的静默",
    "id": "编号",
    "holds": "静默范围",
    "until": "截止时间",
    "author": "设置人",
    "held": "已拦下",
    "other parts that are down": "其他异常",
    "requests that were rejected in the last hour": "最近一小时被拒绝的请求",
    "next schedules": "即将执行的定时构建",
    "name": "名称",
    "kind": "类型",
    "state": "状态",
    "since": "起始时间",
    "waiting": "等待",
    "open": "进行中",
    "why": "原因",
    "paused until": "暂停到",
    "last delivery at": "最近一次推送",
    "owner": "归属",
    "count": "数量",
    "oldest at": "最早时间",
    "age": "已等待",
    "source": "来源",
    "reason": "原因",
    "repository": "仓库",
    "branch": "分支",
    "next at": "下次执行",
    "cron": "cron",
    "timezone": "时区",
}
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
REASONS: Final[Mapping[str, str]] = {
    "wants a {}, {} is a {}": "需要{0}，{1} 是{2}",
    "{} does not match {}": "{0} 不匹配 {1}",
    "{} is left out by !{}": "{0} 被 !{1} 排除",
    "is not active": "未启用",
    "no file was changed": "没有改动的文件",
    "{} for the paths {}": "{0}（paths：{1}）",
    "{} does not count": "改动的 {0} 不算在内",
    "none of {} files counts": "{0} 个改动的文件都不算在内",
    "the head commit's message holds {}": "提交说明里有 {0}",
    "{}; the nearest: {}": "{0}；最接近的：{1}",
    "no rule is for {}": "没有规则对应 {0}",
    "{}: builds from {}": "{0} 的代码是 {1}",
    "builds from {}": "代码是 {0}",
    "builds what is pushed to the source {}, and this was pushed to {}": (
        "只构建推送到来源 {0} 的代码，这次推送到的是 {1}"
    ),
    "builds without checking `paths`: {}": "不检查 `paths`，直接构建：{0}",
    "the host does not say which files changed": "平台没有说明改动了哪些文件",
    "the list of changed files may not be all": "改动的文件可能没有列全",
    "the Git host does not say which commit {} is": "平台没有说明 {0} 是哪个提交",
    "{} is not a semantic version": "{0} 不是语义化版本",
    "{} is a pre-release, which must not move the tags of releases": (
        "{0} 是预发布版本，不能移动正式版本的标签"
    ),
    "the {} was removed": "{0}已删除",
    "{} is neither a branch nor a tag": "{0} 既不是分支也不是标签",
    "{} tested the webhook": "{0} 测试了 Webhook",
    "{} is down: {}": "{0} 异常：{1}",
    "the daemon does not run: start it (`buildbridge serve`)": (
        "守护进程没有运行：请启动（`buildbridge serve`）"
    ),
    "the daemon is of version {}, not {}: restart it": "守护进程的版本是 {0}，不是 {1}：请重新启动",
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


@dataclass(frozen=True, slots=True)
class Speech:
    """How a person is spoken to: `tell` says sentences of commands, `reason` those of rules and Git hosts."""

    tell: Tell
    reason: Callable[[str], str]


def speech(language: Language) -> Speech:
    """The way to speak this language."""
    return Speech(speaker(language, SENTENCES), translator(language, {**WORDS, **REASONS}))


ENGLISH: Final = speech("en")


def say(language: Language, sentence: str, **values: object) -> str:
    """The sentence in this language, with the values in it."""
    return speaker(language, SENTENCES)(sentence, **values)
