"""Lines of a log as HTML, in blocks: a browser lays out only those that are seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from bridge.store.logs import NumberedLine
from bridge.web.pages.ansi import MAX_CHANGES, MAX_SHOWN, shown
from bridge.web.pages.i18n import Texts

BLOCK: Final = 500
"""Lines that are laid out together."""
MAX_STYLED: Final = 20_000
"""Changes of the style in all lines; the lines behind them have no colours."""
MAX_HTML: Final = 2 << 20
"""Characters of HTML, behind which of each line only its beginning is shown."""
_BEGINNING: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWindow:
    """A part of a log of `total` lines; the last line of all is `open` while it may grow.

    `picked` are the numbers of lines that stand out, `at` is where the failure is seen.
    """

    rows: Sequence[NumberedLine]
    total: int
    open: bool
    picked: range = range(0)
    at: int | None = None

    @property
    def first(self) -> int:
        """The number of the first line; of what was left out, the one after it."""
        return next((row.number for row in self.rows if row.number is not None), 1)

    @property
    def begin(self) -> int:
        """The number before which earlier lines are; what was left out is none of them."""
        return self.rows[0].before + 1 if self.rows and self.rows[0].number is None else self.first

    @property
    def last(self) -> int:
        return next((row.number for row in reversed(self.rows) if row.number is not None), 0)

    @property
    def next(self) -> int:
        """The line with which what follows begins: an open one is shown anew."""
        return self.last + (not (self.open and self.last == self.total))

    def around(self, before: int, after: int) -> Sequence[NumberedLine]:
        """The lines beside the failure."""
        if self.at is None:
            return ()
        near = range(self.at - before, self.at + after + 1)
        return [row for row in self.rows if row.number in near]


def blocks(window: LogWindow, texts: Texts, raw: str) -> Markup:
    """The lines, each with its number as an anchor; `raw` is the path of the whole log."""
    parts: list[str] = []
    known = 0
    room = _Room()
    for start in range(0, len(window.rows), BLOCK):
        lines = []
        for row in window.rows[start : start + BLOCK]:
            lines.append(_line(row, window, texts, raw, room, is_new=row.number != known))
            known = row.number or known
        size = "block" if len(lines) == BLOCK else "block short"
        parts.append(f'<pre class="{size}">{"".join(lines)}</pre>\n')
    return Markup("".join(parts))  # noqa: S704  # each part is escaped


class _Room:
    """What the lines of one window may have yet: strangers write them, and anyone may ask for them."""

    def __init__(self) -> None:
        self._changes, self._html = MAX_STYLED, MAX_HTML

    def shown(self, text: str) -> tuple[Markup, bool]:
        changes = min(self._changes, MAX_CHANGES)
        html, is_cut = shown(text, changes=changes, length=MAX_SHOWN if self._html > 0 else _BEGINNING)
        self._changes -= min(changes, text.count("\x1b["))
        self._html -= len(html)
        return html, is_cut


def _line(row: NumberedLine, window: LogWindow, texts: Texts, raw: str, room: _Room, *, is_new: bool) -> str:
    if row.number is None:
        return f'<code class="gap">{texts("build.left_out")}</code>'
    html, is_cut = room.shown(row.text)
    cut = ""
    if is_cut:
        note = texts("build.cut", count=row.length)
        cut = f' <a class="cut" href="{escape(raw)}">{note}</a>'
    name = f' id="L{row.number}"' if is_new else ""
    classes = " ".join(_classes(row, window))
    marked = f' class="{classes}"' if classes else ""
    number = f'<a href="#L{row.number}" tabindex="-1">{row.number}</a>'
    return f"<code{name}{marked}>{number}{html}{cut}</code>"


def _classes(row: NumberedLine, window: LogWindow) -> Iterator[str]:
    if row.number == window.at:
        yield "failed"
    if row.number in window.picked:
        yield "picked"
    if window.open and row.number == window.total:
        yield "open"
