"""A notice in words, and how detailed it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.channels.text import web_link
from bridge.channels.words import Tone


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    url: str


Span = str | Link
Line = tuple[Span, ...]


def words_in(span: Span) -> str:
    """What a span shows, without its address."""
    return span.text if isinstance(span, Link) else span


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A notice in words: single lines of text without control characters, and links that are safe in markup.

    The text comes from strangers: a channel must escape it. `title` is used alone (as a subject or in a
    notification bar); `mark`, `status` and `subject` form a heading. `status` is empty where a template made
    the subject.
    """

    title: str
    mark: str
    status: str
    subject: str
    tone: Tone
    lines: tuple[Line, ...]
    tail: tuple[str, ...]
    footer: Line

    def heading(self, escape: Callable[[str], str] = str, *, status: Callable[[str], str] = str) -> str:
        """The heading, its subject escaped and its status marked up."""
        subject = escape(self.subject)
        return f"{self.mark} {status(self.status)} · {subject}" if self.status else f"{self.mark} {subject}"


@dataclass(frozen=True, slots=True)
class Worded:
    """What a template says in place of the title and of the lines; None for what stays as it is."""

    title: str | None
    lines: tuple[Line, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """The size of a rendering: `tail` in bytes, `subject` and `text` in characters, `images` as a count.

    `name` is that of a repository in a line of a digest, in bytes. `body` is what a template wrote, in
    characters.
    """

    tail: int
    subject: int
    images: int
    text: int
    extras: bool = True
    links: bool = True
    name: int = 56
    body: int = 400


# From the most detailed to the least detailed, which is under 2000 bytes of UTF-8 for all facts.
DETAILS: Final = (
    Detail(tail=1200, subject=80, images=3, text=600, body=6000),
    Detail(tail=400, subject=80, images=3, text=600),
    Detail(tail=0, subject=80, images=3, text=400),
    Detail(tail=0, subject=24, images=3, text=200),
    Detail(tail=0, subject=24, images=1, text=100),
    Detail(tail=0, subject=0, images=0, text=100, extras=False, name=40),
    Detail(tail=0, subject=0, images=0, text=60, extras=False, links=False, name=15),
)


def link(text: str, url: str | None, detail: Detail) -> Span:
    """A link where the detail has them and the URL is safe in markup, else the text."""
    safe = web_link(url) if detail.links and text else None
    return Link(text, safe) if safe else text
