"""The output of the demo: coloured and live on a terminal, plain lines elsewhere."""

import io
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from rich import box
from rich.console import Console, RenderableType
from rich.constrain import Constrain
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bridge.channels.text import plain
from bridge.demo.chinese import SENTENCES
from bridge.demo.progress import Accepted, Mark, TimelineEntry
from bridge.model.language import Language, speaker

_PLAIN_WIDTH: Final = 150
_CHAT_WIDTH: Final = 110
_INDENT: Final = 14
_LONGEST: Final = 1000
_NAME: Final = 12
"""The width of the names of facts, in columns of a terminal."""
_STYLES: Final[dict[Mark, str]] = {"good": "green", "bad": "red", "step": "dim"}
_MARKS: Final[dict[Mark, str]] = {"good": "✔", "bad": "✘", "step": "·"}
_ASCII_MARKS: Final[dict[Mark, str]] = {"good": "+", "bad": "x", "step": "."}


class Screen:
    """Standard output, in one language: `tell` says a sentence in it."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.tell = speaker(language, SENTENCES)
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A locale that cannot encode a character must not end the demo.
            sys.stdout.reconfigure(errors="replace")
        live = sys.stdout.isatty()
        self._console = Console(highlight=False, width=None if live else _PLAIN_WIDTH)
        unicode = self._console.encoding.startswith("utf")
        self._marks = _MARKS if unicode else _ASCII_MARKS
        self._spinner = "dots" if unicode else "line"

    def say(self, text: str = "", style: str = "") -> None:
        self._console.print(Text(text, style))

    def quote(self, lines: Iterable[str], style: str = "dim") -> None:
        """Lines of another program, neither cut nor wrapped."""
        for line in lines:
            self._console.print(Text(_clean(line), style), soft_wrap=True)

    def heading(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(_clean(text), "bold"))

    def command(self, command: str, note: str) -> None:
        self._console.print(Text.assemble("   $ ", (command, "cyan"), "   ", (_clean(note), "dim")))

    def entry(self, entry: TimelineEntry, since: float) -> None:
        """One line of the timeline; `since` is when its push began, in Unix seconds."""
        line = Table.grid(padding=(0, 1))
        line.add_column(width=11, justify="right", style="dim")
        line.add_column(width=1)
        line.add_column(width=8)
        line.add_column(overflow="fold")
        style = _STYLES[entry.mark]
        line.add_row(
            f"+{max(0.0, entry.at - since) * 1000:.0f} ms",
            Text(self._marks[entry.mark], style),
            Text(self.tell(entry.what), f"bold {style}"),
            Text(_clean(entry.text), style if entry.mark == "bad" else ""),
        )
        self._print(line)

    def message(self, message: Accepted) -> None:
        """What the chat shows."""
        title = Text(_clean(message.title), "bold")
        panel = Panel(Markdown(message.text, hyperlinks=False), title=title, title_align="left", style="dim")
        width = min(self._console.width, _CHAT_WIDTH)
        self._print(Padding(Constrain(panel, width - _INDENT), (0, 0, 0, _INDENT)))

    def summary(self, rows: Iterable[Sequence[str]]) -> None:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for name in ("pushed", "image tags", "build", "notice"):
            table.add_column(self.tell(name), overflow="fold")
        table.add_column(self.tell("in all"), justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(_clean(cell)) for cell in row))
        self._console.print()
        self._print(table)

    def facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Names and values; values are never cut or wrapped, so that they can be copied."""
        for name, value in facts:
            named = Text(name, "dim")
            named.pad_right(max(1, _NAME - named.cell_len))
            self._console.print(named + Text(value), soft_wrap=True)

    def working(self, text: str) -> AbstractContextManager[object]:
        """A spinner below the lines, on a terminal only."""
        if not self._console.is_terminal:
            return nullcontext()
        return self._console.status(Text(text, "dim"), spinner=self._spinner)

    def _print(self, renderable: RenderableType) -> None:
        """Print; where the output is not a terminal, without trailing blanks."""
        if self._console.is_terminal:
            self._console.print(renderable)
            return
        for line in self._console.render_lines(renderable, pad=False):
            self._console.print(Text("".join(segment.text for segment in line).rstrip()), soft_wrap=True)


def _clean(text: str) -> str:
    return plain(text, _LONGEST)
