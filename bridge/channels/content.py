# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Renders a notice as words in the reader's language; a channel adds its markup."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bridge.channels.text import log_tail, plain, web_link
from bridge.model.notice import BuildFacts, EventName, Notice

Language = Literal["zh-CN", "en"]
Tone = Literal["good", "bad", "neutral"]

LATE_AFTER: Final = 300.0
# Builds with these causes do not come from the author's push.
_NOT_BY_AUTHOR: Final = frozenset({"manual", "order", "schedule"})


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    url: str


Span = str | Link
Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A notice in words: single lines of text without control characters, and links that are safe in markup.

    The text comes from strangers: a channel must escape it. `title` is used alone (as a subject or in a
    notification bar); `mark`, `status` and `subject` form a heading.
    """

    title: str
    mark: str
    status: str
    subject: str
    tone: Tone
    lines: tuple[Line, ...]
    tail: tuple[str, ...]
    footer: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """The size of a rendering: `tail` in bytes, `subject` and `text` in characters, `images` as a count."""

    tail: int
    subject: int
    images: int
    text: int
    extras: bool = True
    links: bool = True


# From the most detailed to the least detailed, which is under 2000 bytes of UTF-8 for all facts.
DETAILS: Final = (
    Detail(tail=1200, subject=80, images=3, text=600),
    Detail(tail=400, subject=80, images=3, text=600),
    Detail(tail=0, subject=80, images=3, text=400),
    Detail(tail=0, subject=24, images=3, text=200),
    Detail(tail=0, subject=24, images=1, text=100),
    Detail(tail=0, subject=24, images=0, text=100, extras=False),
    Detail(tail=0, subject=0, images=0, text=60, extras=False, links=False),
)


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
    took: str
    cause: str
    causes: Mapping[str, str]
    failing: str
    fixed: str
    fixed_one: str
    log: str
    late: str
    shortened: str
    units: tuple[str, str, str, str]
    separator: str
    instant: str


_ZH: Final = Words(
    statuses={
        "buildJobStart": Status("▶️", "开始", "构建开始", "neutral"),
        "buildJobSuccess": Status("✅", "成功", "构建成功", "good"),
        "buildJobFail": Status("❌", "失败", "构建失败", "bad"),
        "still": Status("🔁", "仍失败", "构建仍失败", "bad"),
        "unknown": Status("⚠️", "未知", "构建结果未知", "bad"),
        "buildJobStop": Status("⏹", "中止", "构建中止", "neutral"),
        "superseded": Status("⏹", "被取代", "构建被更新的提交取代", "neutral"),
        "buildJobFixed": Status("🟢", "恢复", "构建已恢复", "good"),
        "updateConfigJob": Status("⚙️", "配置", "任务配置已更新", "neutral"),
        "deleteJob": Status("⚙️", "删除", "任务已删除", "neutral"),
        "forbiddenJob": Status("⚙️", "禁用", "任务被禁用", "neutral"),
        "serviceDegraded": Status("⚠️", "异常", "服务异常", "bad"),
        "serviceRestored": Status("🟢", "恢复", "服务已恢复", "good"),
        "test": Status("🧪", "测试", "这是一条测试通知", "neutral"),
    },
    branch="分支",
    tag="标签",
    commit="提交",
    by="{0}（{1}）",
    images="镜像 {0}",
    more_images="{0} 等 {1} 个",
    detail="详情 {0}",
    took="耗时 {0}",
    cause="{0} 触发",
    causes={"tag": "标签触发", "manual": "手动触发", "schedule": "定时触发", "order repair": "补建触发"},
    failing="自 #{1} 起连续失败 {0} 次",
    fixed="自 #{1} 起连续失败 {0} 次，历时 {2}",
    fixed_one="自 #{1} 起失败 1 次，历时 {2}",
    log="查看日志",
    late="延迟 {0}送达",
    shortened="…（已截断，详见日志）",
    units=(" 天", " 小时", " 分", " 秒"),
    separator=" ",
    instant="不到 1 秒",
)
_EN: Final = Words(
    statuses={
        "buildJobStart": Status("▶️", "STARTED", "Build started", "neutral"),
        "buildJobSuccess": Status("✅", "OK", "Build succeeded", "good"),
        "buildJobFail": Status("❌", "FAILED", "Build failed", "bad"),
        "still": Status("🔁", "STILL FAILING", "Build still failing", "bad"),
        "unknown": Status("⚠️", "UNKNOWN", "Build result unknown", "bad"),
        "buildJobStop": Status("⏹", "STOPPED", "Build stopped", "neutral"),
        "superseded": Status("⏹", "SUPERSEDED", "Build superseded by a newer commit", "neutral"),
        "buildJobFixed": Status("🟢", "FIXED", "Build fixed", "good"),
        "updateConfigJob": Status("⚙️", "CONFIG", "Job updated", "neutral"),
        "deleteJob": Status("⚙️", "DELETED", "Job deleted", "neutral"),
        "forbiddenJob": Status("⚙️", "DISABLED", "Job disabled", "neutral"),
        "serviceDegraded": Status("⚠️", "DEGRADED", "Service degraded", "bad"),
        "serviceRestored": Status("🟢", "RESTORED", "Service restored", "good"),
        "test": Status("🧪", "TEST", "Test notice", "neutral"),
    },
    branch="Branch",
    tag="Tag",
    commit="Commit",
    by="{0} ({1})",
    images="Image {0}",
    more_images="{0} and others, {1} in all",
    detail="Detail {0}",
    took="took {0}",
    cause="by {0}",
    causes={"manual": "by hand"},
    failing="Failing for {0} builds since #{1}",
    fixed="Broken since #{1}: {0} failures in a row, over {2}",
    fixed_one="Broken since #{1}: 1 failure, for {2}",
    log="View log",
    late="delivered {0} late",
    shortened="… (shortened, see the log)",
    units=("d", "h", "m", "s"),
    separator="",
    instant="under 1s",
)
_WORDS: Final[Mapping[Language, Words]] = {"zh-CN": _ZH, "en": _EN}


def fitted(
    notice: Notice, language: Language, now: float, render: Callable[[Content], bytes], limit: int
) -> bytes:
    """The most detailed rendering of at most `limit` bytes; the least detailed one if none is that short."""
    body = b""
    for detail in DETAILS:
        body = render(compose(notice, language, now, detail))
        if len(body) <= limit:
            break
    return body


def compose(notice: Notice, language: Language, now: float, detail: Detail) -> Content:
    """The notice in words; `now` is in Unix seconds."""
    words = _WORDS[language]
    status = words.statuses[_status(notice)]
    facts = notice.facts
    if isinstance(facts, BuildFacts):
        subject = plain(f"{facts.namespace}/{facts.repo_name}", 100)
        title = f"{subject} {plain(facts.ref_name, 60)} {facts.label}"
        lines = _build_lines(notice.event, facts, words, detail)
        tail = log_tail(facts.log_tail, detail.tail) if detail.tail else ()
        log = web_link(facts.page_url) or web_link(facts.build_url)
    else:
        title = subject = plain(facts.subject, 100)
        lines = ((plain(facts.detail, detail.text),),) if facts.detail.strip() else ()
        tail, log = (), None
    return Content(
        title=f"[{status.word}] {title}",
        mark=status.mark,
        status=status.phrase,
        subject=subject,
        tone=status.tone,
        lines=lines,
        tail=tail,
        footer=_footer(notice, words, now, log, shortened=detail is not DETAILS[0]),
    )


def _status(notice: Notice) -> str:
    if isinstance(notice.facts, BuildFacts):
        match notice.event, notice.facts.state:
            case EventName.FAIL, "unknown":
                return "unknown"
            case EventName.FAIL, _ if notice.facts.streak > 1:
                return "still"
            case EventName.STOP, "superseded":
                return "superseded"
    elif notice.facts.is_test:
        return "test"
    return notice.event.value


def _build_lines(event: EventName, facts: BuildFacts, words: Words, detail: Detail) -> tuple[Line, ...]:
    lines = [_where(facts, words, detail)]
    if detail.subject and facts.subject.strip():
        lines.append((_commit(facts, words, detail),))
    if detail.images and event in {EventName.SUCCESS, EventName.FIXED} and facts.images:
        lines.append((_images(facts.images, words, detail.images),))
    if detail.extras:
        lines.extend((text,) for text in _extras(event, facts, words, detail) if text)
    return tuple(lines)


def _where(facts: BuildFacts, words: Words, detail: Detail) -> Line:
    """What was built: `Branch main · 1a2b3c4d · #128`."""
    kind = words.tag if facts.ref_kind == "tag" else words.branch
    commit = _link(plain(facts.sha, 40)[:8], facts.commit_url, detail)
    number = _link(facts.label, facts.build_url, detail)
    return (f"{kind} {plain(facts.ref_name, 60)}", *((" · ", commit) if commit else ()), " · ", number)


def _link(text: str, url: str | None, detail: Detail) -> Span:
    safe = web_link(url) if detail.links and text else None
    return Link(text, safe) if safe else text


def _commit(facts: BuildFacts, words: Words, detail: Detail) -> str:
    subject = plain(facts.subject, detail.subject)
    author = plain(facts.author.name or "", 40)
    return f"{words.commit} {words.by.format(subject, author) if author else subject}"


def _images(images: tuple[str, ...], words: Words, count: int) -> str:
    shown = ", ".join(plain(image, 160) for image in images[:count])
    if len(images) > count:
        shown = words.more_images.format(shown, len(images))
    return words.images.format(shown)


def _extras(event: EventName, facts: BuildFacts, words: Words, detail: Detail) -> list[str]:
    took = duration(facts.duration, words)
    about = (
        plain(facts.builder, 40),
        words.took.format(took) if took else "",
        _cause(facts, words),
    )
    texts = [" · ".join(filter(None, about))]
    if facts.detail and facts.detail.strip():
        texts.append(words.detail.format(plain(facts.detail, detail.text)))
    if event in {EventName.FAIL, EventName.FIXED} and facts.streak_since is not None:
        sentence = words.fixed_one if facts.streak == 1 else words.fixed
        if event == EventName.FAIL:
            sentence = words.failing
        lasted = duration(facts.streak_seconds, words)
        texts.append(sentence.format(facts.streak, facts.streak_since, lasted))
    return texts


def _cause(facts: BuildFacts, words: Words) -> str:
    """Why it was built, and who asked for it: `by hand (root)`."""
    cause = plain(facts.cause, 60)
    if not cause:
        return ""
    shown = words.causes.get(cause) or words.cause.format(cause)
    by = plain(facts.by or "", 40)
    return words.by.format(shown, by) if by else shown


def duration(seconds: float | None, words: Words) -> str:
    """The two largest units, such as `3m12s`; empty for an unknown duration. `seconds` may be any float."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return ""
    rest, counts = int(seconds), []
    for size in (86400, 3600, 60, 1):
        counts.append(rest // size)
        rest %= size
    first = next((place for place, count in enumerate(counts) if count), None)
    if first is None:
        return words.instant
    shown = list(zip(counts, words.units, strict=True))[first : first + 2]
    return words.separator.join(f"{count}{unit}" for count, unit in shown if count)


def _footer(notice: Notice, words: Words, now: float, log: str | None, *, shortened: bool) -> Line:
    """The link to the log, the end of the notice's id (which shows a repeat), and the delay."""
    parts: list[Span] = [Link(words.log, log)] if log else []
    parts.append(f"N-{plain(notice.id, 200)[-8:]}")
    delay = now - notice.created_at
    if delay > LATE_AFTER:
        parts.append(words.late.format(duration(delay - delay % 60, words)))
    if shortened:
        parts.append(words.shortened)
    return tuple(span for part in parts for span in (" · ", part))[1:]


def author_contact(notice: Notice, contacts: Mapping[str, str]) -> str | None:
    """The contact of the author whose own push failed or fixed the build; None for every other notice."""
    facts = notice.facts
    if not isinstance(facts, BuildFacts) or notice.event not in {EventName.FAIL, EventName.FIXED}:
        return None
    cause = facts.cause.split(maxsplit=1)
    if cause and cause[0].lower() in _NOT_BY_AUTHOR:
        return None
    return contacts.get((facts.author.email or "").strip().lower())
