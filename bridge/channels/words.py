# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""The words of notices, in both languages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bridge.model.notice import BuildFacts, EventName, ServiceFacts

Language = Literal["zh-CN", "en"]
_LONGEST: Final = 2000

Tone = Literal["good", "bad", "neutral"]


@dataclass(frozen=True, slots=True)
class Status:
    """How an event appears: `word` in a title, `phrase` in a heading."""

    mark: str
    word: str
    phrase: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one language, as templates of `str.format`."""

    statuses: Mapping[str, Status]
    branch: str
    tag: str
    commit: str
    by: str
    images: str
    more_images: str
    detail: str
    stage: str
    builder: str
    took: str
    cause: str
    causes: Mapping[str, str]
    failing: str
    fixed: str
    fixed_one: str
    tail: str
    left_out: str
    one_left_out: str
    log: str
    log_command: str
    late: str
    moved: str
    shortened: str
    units: tuple[str, str, str, str]
    units_alone: tuple[str, str, str, str]
    separator: str
    instant: str
    took_instant: str
    digest: str
    counted: str
    builds: str
    notices: str
    earlier: str
    colon: str
    list_separator: str
    works: str
    parts: Mapping[str, str]

    def gap(self, count: int) -> str:
        """The line in place of so many lines of a log."""
        return self.one_left_out if count == 1 else self.left_out.format(count)


_ZH: Final = Words(
    statuses={
        "buildJobQueued": Status("⏳", "等待", "等待构建", "neutral"),
        "buildJobStart": Status("▶️", "开始", "构建开始", "neutral"),
        "buildJobSuccess": Status("✅", "成功", "构建成功", "good"),
        "buildJobFail": Status("❌", "失败", "构建失败", "bad"),
        "still": Status("🔁", "仍失败", "构建仍失败", "bad"),
        "unknown": Status("⚠️", "未知", "构建结果未知", "bad"),
        "buildJobStop": Status("⏹", "中止", "构建中止", "neutral"),
        "superseded": Status("⏹", "被取代", "构建已被新提交取代", "neutral"),
        "buildJobFixed": Status("🟢", "恢复", "构建已恢复", "good"),
        "updateConfigJob": Status("⚙️", "配置", "规则已修改", "neutral"),
        "deleteJob": Status("⚙️", "删除", "仓库已删除", "neutral"),
        "forbiddenJob": Status("⚙️", "禁用", "仓库已停用", "neutral"),
        "serviceDegraded": Status("⚠️", "异常", "服务异常", "bad"),
        "serviceRestored": Status("🟢", "恢复", "服务已恢复", "good"),
        "test": Status("🔔", "测试", "测试消息", "neutral"),
    },
    branch="分支",
    tag="标签",
    commit="提交",
    by="{0}（{1}）",
    images="镜像 {0}",
    more_images="{0} 等 {1} 个",
    detail="原因：{0}",
    stage="失败于：{0}",
    builder="构建器 {0}",
    took="耗时 {0}",
    cause="{0} 触发",
    causes={
        "push": "推送触发",
        "tag": "标签触发",
        "manual": "手动触发",
        "schedule": "定时触发",
        "order repair": "自动补建",
    },
    failing="连续失败 {0} 次（自 #{1} 起）",
    fixed="连续失败 {0} 次后恢复（自 #{1}，历时 {2}）",
    fixed_one="失败 1 次后恢复（#{1}，历时 {2}）",
    tail="日志末尾：",
    left_out="…（略去 {0} 行）",
    one_left_out="…（略去 1 行）",
    log="查看日志",
    log_command="日志：buildbridge builds log {0}",
    late="延迟 {0}送达",
    moved="渠道 {0} 异常，改由此渠道发送",
    shortened="…（已截断，详见日志）",
    units=(" 天", " 小时", " 分", " 秒"),
    units_alone=(" 天", " 小时", " 分钟", " 秒"),
    separator=" ",
    instant="不到 1 秒",
    took_instant="耗时不到 1 秒",
    digest="汇总",
    counted="{0} 个{1}",
    builds="{0} 个构建",
    notices="{0} 条通知",
    earlier="此前 {0}",
    colon="：",
    list_separator="，",
    works="{0} 可用",
    parts={
        "channel": "通知渠道 {0}",
        "builder": "构建器 {0}",
        "disk": "磁盘 {0}",
        "source": "来源 {0}",
        "schedule of": "{0} 的定时构建",
        "pushes of": "{0} 的推送",
        "rules": "规则文件",
        "configuration": "配置文件",
    },
)
_EN: Final = Words(
    statuses={
        "buildJobQueued": Status("⏳", "QUEUED", "Build queued", "neutral"),
        "buildJobStart": Status("▶️", "STARTED", "Build started", "neutral"),
        "buildJobSuccess": Status("✅", "OK", "Build succeeded", "good"),
        "buildJobFail": Status("❌", "FAILED", "Build failed", "bad"),
        "still": Status("🔁", "STILL FAILING", "Build still failing", "bad"),
        "unknown": Status("⚠️", "UNKNOWN", "Build result unknown", "bad"),
        "buildJobStop": Status("⏹", "STOPPED", "Build stopped", "neutral"),
        "superseded": Status("⏹", "SUPERSEDED", "Build superseded by a newer commit", "neutral"),
        "buildJobFixed": Status("🟢", "FIXED", "Build fixed", "good"),
        "updateConfigJob": Status("⚙️", "CONFIG", "Rule changed", "neutral"),
        "deleteJob": Status("⚙️", "DELETED", "Repository deleted", "neutral"),
        "forbiddenJob": Status("⚙️", "DISABLED", "Repository disabled", "neutral"),
        "serviceDegraded": Status("⚠️", "DEGRADED", "Service degraded", "bad"),
        "serviceRestored": Status("🟢", "RESTORED", "Service restored", "good"),
        "test": Status("🔔", "TEST", "Test message", "neutral"),
    },
    branch="Branch",
    tag="Tag",
    commit="Commit",
    by="{0} ({1})",
    images="Image {0}",
    more_images="{0} and others, {1} in all",
    detail="Reason: {0}",
    stage="Failed in: {0}",
    builder="builder {0}",
    took="took {0}",
    cause="by {0}",
    causes={"manual": "by hand"},
    failing="Failing for {0} builds since #{1}",
    fixed="Broken since #{1}: {0} failures in a row, over {2}",
    fixed_one="Broken since #{1}: 1 failure, for {2}",
    tail="End of the log:",
    left_out="… {0} lines left out",
    one_left_out="… 1 line left out",
    log="View log",
    log_command="Log: buildbridge builds log {0}",
    late="delivered {0} late",
    moved="Here because channel {0} is out of order",
    shortened="… (shortened, see the log)",
    units=("d", "h", "m", "s"),
    units_alone=("d", "h", "m", "s"),
    separator="",
    instant="under 1s",
    took_instant="took under 1s",
    digest="DIGEST",
    counted="{0} {1}",
    builds="{0} builds",
    notices="{0} notices",
    earlier="Before that {0}",
    colon=": ",
    list_separator=", ",
    works="{0} works",
    parts={
        "channel": "channel {0}",
        "builder": "builder {0}",
        "disk": "disk {0}",
        "source": "source {0}",
        "schedule of": "schedule of {0}",
        "pushes of": "pushes of {0}",
        "rules": "rules",
        "configuration": "configuration",
    },
)
_WORDS: Final[Mapping[Language, Words]] = {"zh-CN": _ZH, "en": _EN}


def words_of(language: Language) -> Words:
    return _WORDS[language]


def status_of(event: EventName, facts: BuildFacts | ServiceFacts) -> str:
    """The key of what an event about these facts is called."""
    if isinstance(facts, BuildFacts):
        match event, facts.state:
            case EventName.FAIL, "unknown":
                return "unknown"
            case EventName.FAIL, _ if facts.streak > 1:
                return "still"
            case EventName.STOP, "superseded":
                return "superseded"
    elif facts.is_test:
        return "test"
    return event.value


@dataclass(frozen=True, slots=True)
class Speech:
    """The words of a language, and how the bridge's own sentences are put into it.

    `public_url` begins the addresses of our pages; without it only builders have pages.
    """

    words: Words
    translate: Callable[[str], str]
    public_url: str | None = None

    def page(self, facts: BuildFacts) -> str | None:
        """The address of our page about a build, else of its builder's; it is not yet checked."""
        return f"{self.public_url}/builds/{facts.build_id}" if self.public_url else facts.build_url

    def reason(self, detail: str) -> str:
        """What the bridge says of an event."""
        return self.translate(detail[:_LONGEST])

    def part(self, subject: str) -> str:
        """The name of a part of the bridge, such as `channel:team`; any other text stays as it is."""
        kind, _, name = subject.partition(":")
        for start in ("schedule of", "pushes of"):
            if subject.startswith(f"{start} "):
                kind, name = start, subject.removeprefix(f"{start} ")
        form = self.words.parts.get(kind)
        return subject if form is None else form.format(name).strip()
