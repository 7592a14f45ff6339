"""A guide in Markdown as HTML: without HTML of its own or pictures, and with links between guides."""

import re
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup, escape

from bridge.model.language import Language
from bridge.runtime.topics import Topic

_KEPT: Final = 64
"""So many rendered guides stay in memory, some tens of KiB each."""
_GUIDE: Final = re.compile(r"(?:[^:#?]*/)?([a-z0-9-]+)\.md(#[^?]*)?")
_COMMAND: Final = re.compile(r"buildbridge help ([a-z0-9-]+)")
_NO_WORD: Final = re.compile(r"[^\w\- ]")
_CONTENTS: Final = "h2"
_HEADING: Final = 3
"""So many tokens are a heading: its begin, its text, its end."""
_HAN: Final = r"\u2014\u2018-\u201d\u2026\u3000-\u303f\u4e00-\u9fff\uff00-\uff65"
_MARK: Final = r"\u3001-\u3011\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f"
_END: Final = re.compile(r"(?<=(.))\n(?=(.))")
_CODE: Final = re.compile("`([^`]+)`")
_NO_SPACE: Final = re.compile(f"[{_HAN}][{_HAN}]|[{_MARK}].|.[{_MARK}]")
"""Two letters, or a letter and a mark, between which Chinese has no space."""
_LEFT_OUT: Final = ("{}", "{} …", "… {}", "… {} …")
"""Guides show of some sentences only what is always the same."""
_OF_PAGE: Final = ("main", "live", "icon", "live-state", "live-switch")
"""Names that parts of every page have."""


@dataclass(frozen=True, slots=True)
class Guide:
    """A guide as HTML: its title, and what follows.

    `sections` are the anchors and texts of its second headings.
    """

    title: Markup
    html: Markup
    sections: Sequence[tuple[str, str]]


@lru_cache(maxsize=_KEPT)
def guide(
    topic: Topic, language: Language, names: frozenset[str], say: Callable[[str], str], before: str
) -> Guide:
    """The guide of a topic; `names` are those of all, to which it may link, `before` begins its anchors.

    Sentences of the bridge stand in its tables as the API and the log have them; `say` puts them into the
    language in which pages do.
    """
    return rendered(topic.shown(language), names, say, before)


def rendered(text: str, names: frozenset[str], say: Callable[[str], str] = str, before: str = "") -> Guide:
    # Only where somebody reads a guide: the daemon keeps what it has imported.
    from markdown_it import MarkdownIt  # noqa: PLC0415
    from markdown_it.token import Token  # noqa: PLC0415

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(text)
    sections: list[tuple[str, str]] = []
    taken = dict.fromkeys(_OF_PAGE, 1)
    columns: list[str] = []
    cells: Iterator[str] = iter(())
    for index, token in enumerate(tokens):
        if token.type == "table_open":
            # As all tables of pages: its rows become cards on a phone.
            token.attrSet("class", "rows")
            columns = []
        elif token.type == "th_open":
            columns.append(_plain(tokens[index + 1]))
        elif token.type == "tr_open":
            cells = iter(columns)
        elif token.type == "td_open":
            token.attrSet("data-label", next(cells, ""))
        elif token.type == "heading_open":
            title = _plain(tokens[index + 1])
            token.attrSet("id", anchor := before + _anchor(title, taken))
            if token.tag == _CONTENTS:
                sections.append((anchor, title))
        elif token.type == "inline":
            token.children = _linked(_unbroken(token.children or []), names)
            if tokens[index - 1].type == "td_open" and (said := _said(token.content, say)):
                token.children += [Token("hardbreak", "br", 0), Token("text", "", 0, content=said)]
    begin = _HEADING if tokens and tokens[0].tag == "h1" else 0
    title, html = (
        Markup(parser.renderer.render(part, parser.options, {}))  # noqa: S704  # the parser escapes the rest
        for part in (tokens[:begin], tokens[begin:])
    )
    return Guide(title, html, sections)


def _said(cell: str, say: Callable[[str], str]) -> str:
    """The cell of a table in the words of the pages, if it is a sentence that they know; else ""."""
    for form in _LEFT_OUT if " " in cell else ():
        sentence = form.format(cell)
        if (found := say(sentence)) != sentence:
            return found
    return ""


def _plain(inline: Any) -> str:
    return "".join(child.content for child in inline.children or [])


def one_line(text: str) -> Markup:
    """A sentence of a guide, on one line and with its code."""
    whole = _END.sub(lambda found: "" if _NO_SPACE.fullmatch(found[1] + found[2]) else " ", text)
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(whole))))  # noqa: S704  # escaped before


def _unbroken(children: Sequence[Any]) -> list[Any]:
    """The parts of a paragraph without those ends of lines that would be a space between Chinese words."""
    texts = [child.content or "" for child in children]
    kept: list[Any] = []
    for index, child in enumerate(children):
        before = next((text for text in reversed(texts[:index]) if text), "")[-1:]
        after = next((text for text in texts[index + 1 :] if text), "")[:1]
        if child.type != "softbreak" or not _NO_SPACE.fullmatch(before + after):
            kept.append(child)
    return kept


def _anchor(title: str, taken: MutableMapping[str, int]) -> str:
    """The name by which a heading is linked to: as code hosts make it of its words."""
    name = _NO_WORD.sub("", title.lower()).strip().replace(" ", "-") or "section"
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else f"{name}-{taken[name] - 1}"


def _linked(children: Sequence[Any], names: frozenset[str]) -> list[Any]:
    """The parts of a paragraph, with links to guides where those are named."""
    made: list[Any] = []
    is_in_link = False
    for child in children:
        if child.type == "link_open":
            is_in_link = True
            _lead(child, names)
        elif child.type == "link_close":
            is_in_link = False
        command = _COMMAND.fullmatch(child.content) if child.type == "code_inline" else None
        if command and command[1] in names and not is_in_link:
            opened = type(child)("link_open", "a", 1, attrs={"href": f"/help/{command[1]}"})
            made += [opened, child, type(child)("link_close", "a", -1)]
        else:
            made.append(child)
    return made


def _lead(link: Any, names: frozenset[str]) -> None:
    """Have a link lead to the page of the guide, or to another site; a file of the sources has no page."""
    target = str(link.attrGet("href") or "")
    found = _GUIDE.fullmatch(target)
    if found and found[1] in names:
        link.attrSet("href", f"/help/{found[1]}{found[2] or ''}")
    elif target.startswith(("https://", "http://")):
        link.attrSet("rel", "noreferrer")
    elif not target.startswith("#"):
        link.attrs.pop("href", None)
