"""The log of a run, some of it at a time: it can be long."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.model.build import Build
from bridge.store.base import Builds
from bridge.store.values import LogPiece

_PIECES: Final = 100
"""Pieces of a log that are read at once."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line without its end, and when its first part was read, in Unix seconds."""

    at: float
    text: str


async def log_pieces(builds: Builds, build: Build) -> AsyncIterator[Sequence[LogPiece]]:
    """The pieces of the run, also where another run begins meanwhile."""
    seq = -1
    while pieces := await builds.log(build.id, seq, _PIECES, run=build.run):
        seq = pieces[-1].seq
        yield pieces


async def log_lines(builds: Builds, build: Build) -> AsyncIterator[Sequence[LogLine]]:
    """The lines of the run, some at a time; one that is kept in several pieces is one line.

    A line without an end is shown once the run has ended: until then it may grow, and what was shown stays.
    """
    at = 0.0
    parts: list[str] = []
    async for pieces in log_pieces(builds, build):
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
    if any(parts) and build.state.terminal:
        yield [_line(at, parts)]


def _line(at: float, parts: Sequence[str]) -> LogLine:
    return LogLine(at, "".join(parts).removesuffix("\r"))
