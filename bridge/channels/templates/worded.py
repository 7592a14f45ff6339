"""What the template of a channel makes of a notice, and whether one can."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, get_args

from bridge.channels.content import Line, Link, Span, Worded, words_in
from bridge.channels.templates.fault import TemplateFault, TemplateFaults
from bridge.channels.templates.filters import limited, text_of
from bridge.channels.templates.grammar import LINK
from bridge.channels.templates.names import names_of, samples
from bridge.channels.templates.syntax import compiled
from bridge.channels.text import plain, printable, unmarked, web_link
from bridge.channels.words import Language, Speech, words_of
from bridge.config.templates import NoticeTemplate
from bridge.model.language import translator
from bridge.model.notice import BuildFacts, EventName, ServiceFacts

MAX_SECONDS: Final = 0.25
"""Of the processor; a template that is good needs about a thousandth."""
MAX_OUTPUT: Final = 6000
MAX_TITLE: Final = 100
_MAX_LINES: Final = 50
_MAX_LINE: Final = 400
_LINE_WEIGHT: Final = 2400
"""Of a line in markup, so that it is a part of a message with every vendor."""
_MAX_LINKS: Final = 16
_FIRST_LINK: Final = 0x86
"""A link is one control character until the text is finished; no value has any."""
_LINKS: Final = re.compile(f"([{chr(_FIRST_LINK)}-{chr(_FIRST_LINK + _MAX_LINKS - 1)}])")

_FAILS: Final = "fails with some notices"

Part = Literal["title", "body"]


def worded(
    template: NoticeTemplate,
    event: EventName,
    facts: BuildFacts | ServiceFacts,
    speech: Speech,
    language: Language,
) -> Worded:
    """The words of a template. Raises TemplateFaults."""
    names = names_of(event, facts, speech, language)
    title = lines = None
    if template.title is not None:
        shown = " ".join("".join(map(words_in, line)) for line in _rendered(template.title, names))
        title = plain(shown, MAX_TITLE) or None
    if template.body is not None:
        lines = tuple(map(_of_body, _rendered(template.body, names)))
    return Worded(title, lines)


def faults_of(template: NoticeTemplate, event: EventName) -> Iterator[tuple[Part, TemplateFault]]:
    """What is wrong with a template for this event; also what shows only when it runs."""
    for part in get_args(Part):
        if (source := getattr(template, part)) is None:
            continue
        try:
            _try(source, event)
        except TemplateFaults as error:
            yield from ((part, fault) for fault in error.faults)


def _try(source: str, event: EventName) -> None:
    """Raises TemplateFaults."""
    for language in get_args(Language):
        speech = Speech(words_of(language), translator(language, {}))
        for facts in samples(event):
            names = names_of(event, facts, speech, language)
            compiled(source, frozenset(names))
            try:
                _text(source, names)
            except TemplateFaults as error:
                (fault,) = error.faults
                raise TemplateFaults(TemplateFault(fault.offset, f"{_FAILS}: {fault.problem}")) from None


def _rendered(source: str, names: Mapping[str, object]) -> Iterator[Line]:
    text, links = _text(source, names)
    lines = (_line(line, links) for line in text.split("\n"))
    for _, line in zip(range(_MAX_LINES), filter(None, lines), strict=False):
        yield line


def _text(source: str, names: Mapping[str, object]) -> tuple[str, list[Link]]:
    """What a template writes, with its links. Raises TemplateFaults."""
    template = compiled(source, frozenset(names))
    links: list[Link] = []

    def link(text: object, url: object) -> str:
        shown, safe = plain(text_of(text), MAX_TITLE), web_link(text_of(url))
        if safe is None or not shown or len(links) == _MAX_LINKS:
            return shown
        links.append(Link(shown, safe))
        return chr(_FIRST_LINK + len(links) - 1)

    written, room = "", MAX_OUTPUT
    try:
        with limited(MAX_SECONDS):
            for chunk in template.chunks({**names, LINK: link}):
                written += chunk[: room - len(written)]
                if len(written) == room:
                    break
    except Exception as error:  # noqa: BLE001  # whatever a template does wrong, the notice goes out
        offset = template.offset(error.__traceback__)
        raise TemplateFaults(TemplateFault(offset, plain(str(error) or type(error).__name__, 200))) from None
    return written, links


def _line(text: str, links: list[Link]) -> Line:
    """The spans of a line; empty for one that shows nothing."""
    found: list[Span] = []
    room, weight = _MAX_LINE, _LINE_WEIGHT
    for place, piece in enumerate(_LINKS.split(text.strip())):
        span: Span = re.sub(r"\s+", " ", printable(piece))
        if place % 2:
            number = ord(piece) - _FIRST_LINK
            span = links[number] if number < len(links) else ""
            if isinstance(span, Link) and len(span.url) > weight:
                span = span.text
        if isinstance(span, str):
            span = span if len(span) <= room else f"{span[: max(room - 1, 0)]}…"
        shown = words_in(span)
        room -= len(shown)
        weight -= len(shown) + 4 * shown.count("&") + (len(span.url) if isinstance(span, Link) else 0)
        if shown:
            found.append(span)
        if room <= 0:
            break
    if not "".join(map(words_in, found)).strip():
        return ()
    return tuple(found)


def _of_body(line: Line) -> Line:
    """The same line, which begins no heading and no list."""
    first, *rest = line
    return (unmarked(first.lstrip()), *rest) if isinstance(first, str) else line
