"""The port of the store for who reads a log by its lines. See `bridge.store.base`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from bridge.model.build import Build

MAX_LINES: Final = 1000
"""So many lines are read, or found, at once."""
MAX_LINE: Final = 64 << 10
"""The most characters of a line: of a longer one its two ends, half of it each."""
MAX_TEXT: Final = 1 << 20
"""The most characters of lines that are read at once; a line more may come with them."""
MAX_EXCERPT: Final = 200


@dataclass(frozen=True, slots=True)
class NumberedLine:
    """A line without its end, of `length` characters in all.

    `number` is None for the mark in a long log: the numbers that are missing there are those of the lines
    that were left out, and `before` is the number of the line before it.
    """

    number: int | None
    text: str
    length: int
    before: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLines:
    """Some lines of a log, which has `total`; the last one of all is `open` while it may grow."""

    total: int
    open: bool
    rows: Sequence[NumberedLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMatches:
    """How many lines of a log match, and the first of them: their numbers, and a part that has the match."""

    count: int
    rows: Sequence[tuple[int, str]]


class Logs(Protocol):
    """Logs by the numbers of their lines, from 1. A number stays that of its line while the log grows.

    Lines that were left out of a long log count. Each call is about one `run`, the newest where that is None.
    """

    async def lines(
        self, build_id: str, first: int, count: int, *, run: int | None = None, from_end: bool = False
    ) -> LogLines:
        """At most `count` lines, and 1000, from the number `first` on; as many as `MAX_TEXT` allows.

        With `from_end` the last ones of those that have the `count` numbers from `first` on, which may be
        none but the mark. A `first` below 1 counts from the end of the log: 0 is its last line.
        """

    async def search(self, build_id: str, text: str, *, run: int | None = None) -> LogMatches:
        """The lines that contain a text, in any case; codes for terminals count as nothing."""

    async def note_failed_line(self, build: Build, number: int) -> None:
        """Keep at which line the failure of a run is seen, 0 for none, as long as its log stays as it is.

        Where the log has gone on since the `build` was read, this is for nothing.
        """
