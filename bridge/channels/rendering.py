"""Renders a notice as words in the reader's language; a channel adds its markup."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from bridge.channels.build_text import build_lines, duration
from bridge.channels.content import DETAILS, Content, Detail, Line, Link, Span
from bridge.channels.digest_text import as_table, earlier_line
from bridge.channels.text import log_tail, plain, web_link
from bridge.channels.words import Language, Words, status_of, words_of
from bridge.model.notice import BuildFacts, DigestFacts, Notice

LATE_AFTER: Final = 300.0


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
    facts, words = notice.facts, words_of(language)
    if isinstance(facts, DigestFacts):
        content = _digest(notice, facts, words, detail)
    else:
        content = _single(notice, words, detail)
    footer = _footer(notice, words, now, content.footer, shortened=detail is not DETAILS[0])
    return replace(content, footer=footer)


def _single(notice: Notice, words: Words, detail: Detail) -> Content:
    facts = notice.facts
    assert not isinstance(facts, DigestFacts)
    status = words.statuses[status_of(notice.event, facts)]
    if isinstance(facts, BuildFacts):
        subject = plain(f"{facts.namespace}/{facts.repo_name}", 100)
        title = f"{subject} {plain(facts.ref_name, 60)} {facts.label}"
        lines = build_lines(notice.event, facts, words, detail)
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
        footer=(Link(words.log, log),) if log else (),
    )


def _digest(notice: Notice, facts: DigestFacts, words: Words, detail: Detail) -> Content:
    """Of a job the newest is told, and what came before it is named; else each has a line."""
    if facts.kind != "job":
        return as_table(facts, words, detail)
    newest = facts.members[-1]
    content = _single(replace(notice, event=newest.event, facts=newest.facts), words, detail)
    earlier = earlier_line(facts, words)
    return replace(content, lines=(*content.lines, earlier)) if earlier else content


def _footer(notice: Notice, words: Words, now: float, log: Line, *, shortened: bool) -> Line:
    """The link to the log, the end of the notice's id (which shows a repeat), and the delay."""
    parts: list[Span] = [*log, f"N-{plain(notice.id, 200)[-8:]}"]
    delay = now - notice.created_at
    if delay > LATE_AFTER:
        parts.append(words.late.format(duration(delay - delay % 60, words)))
    if shortened:
        parts.append(words.shortened)
    return tuple(span for part in parts for span in (" · ", part))[1:]
