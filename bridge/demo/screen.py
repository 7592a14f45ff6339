"""How the demo looks: coloured and live on a terminal, plain lines elsewhere."""

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
from bridge.demo.watch import Accepted, Beat, Mark

_PLAIN_WIDTH: Final = 150
_CHAT_WIDTH: Final = 110
_INDENT: Final = 14
_LONGEST: Final = 1000
_STYLES: Final[dict[Mark, str]] = {"good": "green", "bad": "red", "step": "dim"}
_MARKS: Final[dict[Mark, str]] = {"good": "✔", "bad": "✘", "step": "·"}
_ASCII_MARKS: Final[dict[Mark, str]] = {"good": "+", "bad": "x", "step": "."}


class Screen:
    """Standard output."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A locale that lacks a letter must not end the demo.
            sys.stdout.reconfigure(errors="replace")
        live = sys.stdout.isatty()
        self._console = Console(highlight=False, width=None if live else _PLAIN_WIDTH)
        unicode = self._console.encoding.startswith("utf")
        self._marks = _MARKS if unicode else _ASCII_MARKS
        self._spinner = "dots" if unicode else "line"

    def say(self, text: str = "", style: str = "") -> None:
        self._console.print(Text(text, style))

    def quote(self, lines: Iterable[str], style: str = "dim") -> None:
        """Lines of somebody else, neither cut nor broken."""
        for line in lines:
            self._console.print(Text(_clean(line), style), soft_wrap=True)

    def heading(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(_clean(text), "bold"))

    def command(self, command: str, note: str) -> None:
        self._console.print(Text.assemble("   $ ", (command, "cyan"), "   ", (_clean(note), "dim")))

    def beat(self, beat: Beat, since: float) -> None:
        """One line of the timeline; `since` is when its push began, in Unix seconds."""
        line = Table.grid(padding=(0, 1))
        line.add_column(width=11, justify="right", style="dim")
        line.add_column(width=1)
        line.add_column(width=8)
        line.add_column(overflow="fold")
        style = _STYLES[beat.mark]
        line.add_row(
            f"+{max(0.0, beat.at - since) * 1000:.0f} ms",
            Text(self._marks[beat.mark], style),
            Text(beat.what, f"bold {style}"),
            Text(_clean(beat.text), style if beat.mark == "bad" else ""),
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
            table.add_column(name, overflow="fold")
        table.add_column("in all", justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(_clean(cell)) for cell in row))
        self._console.print()
        self._print(table)

    def facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Names and values; the values are never cut or broken, so that they can be copied."""
        for name, value in facts:
            self._console.print(Text.assemble((f"{name:<12}", "dim"), value), soft_wrap=True)

    def working(self, text: str) -> AbstractContextManager[object]:
        """A sign of life below the lines, on a terminal only."""
        if not self._console.is_terminal:
            return nullcontext()
        return self._console.status(Text(text, "dim"), spinner=self._spinner)

    def _print(self, renderable: RenderableType) -> None:
        """Without the blanks that tables end their lines with, where a program reads them."""
        if self._console.is_terminal:
            self._console.print(renderable)
            return
        for line in self._console.render_lines(renderable, pad=False):
            self._console.print(Text("".join(segment.text for segment in line).rstrip()), soft_wrap=True)


def _clean(text: str) -> str:
    return plain(text, _LONGEST)
