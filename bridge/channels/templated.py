"""Notices in the words of a channel's own templates, which may fail: the notice goes out all the same."""

from collections.abc import Iterable

import structlog

from bridge.channels.base import ChannelContext
from bridge.channels.content import Line, Link, Span, Worded, words_in
from bridge.model.notice import DigestFacts, Notice, ServiceFacts
from bridge.runtime.events import LogEvent

log = structlog.get_logger()


def own_words(notice: Notice, context: ChannelContext) -> Worded | None:
    """What a template makes of the notice; None where there is none for it, or where it fails.

    It is tried once for each notice object, that is once in a send, however often that writes the notice.
    """
    for before, found in context.tried:
        if before is notice:
            return found
    found = _made(notice, context)
    context.tried[:] = [(notice, found)]
    return found


def _made(notice: Notice, context: ChannelContext) -> Worded | None:
    found = _tried(notice, context)
    if isinstance(found, str):
        from bridge.runtime.metrics import TEMPLATES_FAILED  # noqa: PLC0415  # no command counts

        TEMPLATES_FAILED.labels(notice.channel).inc()
        log.warning(
            LogEvent.NOTICE_TEMPLATE_FAILED,
            channel=notice.channel,
            notice_id=notice.id,
            kind=notice.event,
            error=found,
        )
        return None
    return found


def fault_of_template(notice: Notice, context: ChannelContext) -> str | None:
    """Why the usual text stands in place of a template's; None where it does not."""
    found = _tried(notice, context)
    return found if isinstance(found, str) else None


def _tried(notice: Notice, context: ChannelContext) -> Worded | str | None:
    facts = notice.facts
    if (template := context.templates.get(notice.event)) is None or isinstance(facts, DigestFacts):
        return None
    if isinstance(facts, ServiceFacts) and facts.is_test:
        return None
    # The library takes two megabytes, and most channels have no templates.
    from bridge.channels.templates.fault import TemplateFaults  # noqa: PLC0415
    from bridge.channels.templates.worded import worded  # noqa: PLC0415

    try:
        return worded(template, notice.event, facts, context.speech, context.language)
    except TemplateFaults as error:
        return str(error)


def length(lines: Iterable[Line]) -> int:
    """The characters that lines show."""
    return sum(len(words_in(span)) for line in lines for span in line)


def cut(lines: Iterable[Line], room: int) -> tuple[Line, ...]:
    """As much of the lines as `room` characters can show; a link is whole or missing."""
    kept: list[Line] = []
    for line in lines:
        shown: list[Span] = []
        for span in line:
            part = span if len(words_in(span)) <= room else "" if isinstance(span, Link) else span[:room]
            if part != span:
                room = 0
            room -= len(words_in(part))
            if part:
                shown.append(part)
            if part != span:
                break
        if shown:
            kept.append(tuple(shown))
        if room <= 0:
            break
    return tuple(kept)
