"""The log of a run line by line, for dialects whose clients know no pieces."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.model.build import Build
from bridge.store.base import Builds

_PIECES: Final = 100
"""Pieces of a log that are read at once: it can be long."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line without its end, and when its first part was read, in Unix seconds."""

    at: float
    text: str


async def log_lines(builds: Builds, build: Build) -> AsyncIterator[Sequence[LogLine]]:
    """The lines of the run, some at a time; one that is kept in several pieces is one line."""
    seq, at = -1, 0.0
    parts: list[str] = []
    while pieces := await builds.log(build.id, seq, _PIECES, run=build.run):
        seq = pieces[-1].seq
        lines: list[LogLine] = []
        for piece in pieces:
            if not any(parts):
                at = piece.at
            head, *others = piece.text.split("\n")
            parts.append(head)
            for text in others:
                lines.append(_line(at, parts))
                parts, at = [text], piece.at
        yield lines
    if any(parts):
        yield [_line(at, parts)]


def _line(at: float, parts: Sequence[str]) -> LogLine:
    return LogLine(at, "".join(parts).removesuffix("\r"))
