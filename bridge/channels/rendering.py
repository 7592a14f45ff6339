"""Renders a notice as words in the reader's language; a channel adds its markup."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from bridge.channels.base import ChannelContext
from bridge.channels.build_text import build_lines, duration
from bridge.channels.content import DETAILS, Content, Detail, Line, Link, Span, Worded
from bridge.channels.digest_text import as_table, earlier_line
from bridge.channels.log_lines import log_tail
from bridge.channels.templated import cut, length, own_words
from bridge.channels.text import clipped, plain, web_link
from bridge.channels.words import Speech, Words, status_of
from bridge.model.notice import BuildFacts, DigestFacts, Notice

LATE_AFTER: Final = 300.0
_MOST_NAMED: Final = 2


def fitted(
    notice: Notice,
    context: ChannelContext,
    render: Callable[[Content], bytes],
    limit: int,
    size: Callable[[bytes], int] = len,
) -> bytes:
    """The most detailed rendering of at most `limit` bytes; the least detailed one if none is that short.

    Of the lines of a template it keeps as much as there is room for. `size` is for vendors that count
    something else than bytes.
    """
    own = own_words(notice, context)

    def rendered(detail: Detail) -> bytes:
        return render(_composed(notice, context, detail, own))

    if own is not None and own.lines is not None:
        return _cut_to_fit(rendered, length(own.lines), lambda body: size(body) <= limit)
    body = b""
    for detail in DETAILS:
        body = rendered(detail)
        if size(body) <= limit:
            break
    return body


def _cut_to_fit(rendered: Callable[[Detail], bytes], most: int, fits: Callable[[bytes], bool]) -> bytes:
    """The rendering with the most characters that fits; the one without any if none does."""
    if fits(whole := rendered(DETAILS[0])):
        return whole
    least, body = 0, rendered(replace(DETAILS[0], body=0))
    while most - least > 1:
        middle = (least + most) // 2
        longer = rendered(replace(DETAILS[0], body=middle))
        if fits(longer):
            least, body = middle, longer
        else:
            most = middle
    return body


def compose(notice: Notice, context: ChannelContext, detail: Detail) -> Content:
    """The notice in the words of the channel's language or of its template, as of now."""
    return _composed(notice, context, detail, own_words(notice, context))


def _composed(notice: Notice, context: ChannelContext, detail: Detail, own: Worded | None) -> Content:
    facts, speech = notice.facts, context.speech
    if isinstance(facts, DigestFacts):
        content = _digest(notice, facts, speech, detail)
    else:
        content = _single(notice, speech, detail)
    if own is not None and own.title is not None:
        content = replace(content, title=own.title, status="", subject=own.title)
    if own is not None and own.lines is not None:
        moved = _moved([notice.moved_from], speech.words, detail)
        content = replace(content, lines=(*moved, *cut(own.lines, detail.body)), tail=())
    shortened = detail is not DETAILS[0]
    footer = _footer(notice, speech.words, context.clock(), content.footer, shortened=shortened)
    return replace(content, footer=footer)


def _single(notice: Notice, speech: Speech, detail: Detail) -> Content:
    facts, words = notice.facts, speech.words
    log: Span
    assert not isinstance(facts, DigestFacts)
    status = words.statuses[status_of(notice.event, facts)]
    if isinstance(facts, BuildFacts):
        subject = plain(f"{facts.namespace}/{facts.repo_name}", 100)
        title = f"{subject} {plain(facts.ref_name, 60)} {facts.label}"
        lines = build_lines(notice.event, facts, speech, detail)
        tail = log_tail(facts.log_tail, detail.tail, words.gap) if detail.tail else ()
        page = web_link(speech.page(facts))
        log = Link(words.log, page) if page else words.log_command.format(f"{subject}#{facts.number}")
    else:
        title = subject = plain(speech.part(facts.subject), 100)
        said = words.works.format(subject) if facts.is_test else speech.reason(facts.detail)
        lines = ((plain(said, detail.text),),) if said.strip() else ()
        tail, log = (), ""
    lines = (*_moved([notice.moved_from], words, detail), *lines)
    return Content(
        title=f"[{status.word}] {title}",
        mark=status.mark,
        status=status.phrase,
        subject=subject,
        tone=status.tone,
        lines=(*lines, (words.tail,)) if tail else lines,
        tail=tail,
        footer=(log,) if log else (),
    )


def _digest(notice: Notice, facts: DigestFacts, speech: Speech, detail: Detail) -> Content:
    """A job's digest shows its newest notice and names the earlier ones; any other has a line for each."""
    origins = [member.moved_from for member in facts.members]
    if facts.kind != "job":
        content = as_table(facts, speech, detail)
        return replace(content, lines=(*_moved(origins, speech.words, detail), *content.lines))
    newest = facts.members[-1]
    single = replace(notice, event=newest.event, facts=newest.facts, moved_from=newest.moved_from)
    content = _single(single, speech, detail)
    earlier = earlier_line(facts, speech.words)
    return replace(content, lines=(*content.lines, earlier)) if earlier else content


def _moved(origins: Sequence[str | None], words: Words, detail: Detail) -> tuple[Line, ...]:
    """For which channels it is here: the first line, which is shown also where there is room for few."""
    names = list(dict.fromkeys(clipped(name, detail.name) for name in origins if name))
    if not names:
        return ()
    shown = words.list_separator.join(names[:_MOST_NAMED]) + ("…" if len(names) > _MOST_NAMED else "")
    return ((words.moved.format(shown),),)


def _footer(notice: Notice, words: Words, now: float, log: Line, *, shortened: bool) -> Line:
    """The link to the log, the end of the notice's id (which shows a repeat), and the delay."""
    parts: list[Span] = [*log, f"N-{plain(notice.id, 200)[-8:]}"]
    delay = now - notice.created_at
    if delay > LATE_AFTER:
        parts.append(words.late.format(duration(delay - delay % 60, words)))
    if shortened:
        parts.append(words.shortened)
    return tuple(span for part in parts for span in (" · ", part))[1:]
