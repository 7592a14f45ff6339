"""The line of a log at which a reader sees why the build failed.

Jenkins writes a line where a stage begins (plugin Pipeline: Groovy); for Drone, Woodpecker, GitLab CI and the
Actions our builders write one before each step or job.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.to_thread

from bridge.channels.log_lines import failing_line
from bridge.errors import StoreError
from bridge.model.build import Build
from bridge.store.base import Store
from bridge.store.logs import MAX_LINES, Logs

_HEADS: Final = (
    ("[Pipeline] { (", "[Pipeline] {{ ({})", re.compile(r"\[Pipeline\] \{ \((.*)\)\s*")),
    ("== ", "{} ==", re.compile(r"== (.+) ==\s*")),
)
"""What each line has that begins a part of a log, what that of a name has, and that line with the name."""
_BETWEEN: Final = " / "
_WRITE_SECONDS: Final = 1.0


class FailedLines:
    """The lines at which failures are seen: each is sought when one first looks, and kept with its run.

    So it is the same whether the bridge was restarted, the build ended before an upgrade, or a person said
    that it failed; where the log of a run goes on, the store forgets the line.
    """

    def __init__(self, store: Store) -> None:
        self._builds = store.builds
        self._logs = store.logs
        self._seeking = anyio.Lock()

    async def of(self, build: Build) -> int | None:
        """The number of the line for a run that has failed; None without a log."""
        if build.failed_line is None:
            async with self._seeking:
                # Another reader may have had it sought meanwhile.
                build = await self._builds.run(build.run_id) or build
                if build.failed_line is None:
                    return await self._seek(build)
        return build.failed_line or None

    async def _seek(self, build: Build) -> int | None:
        found = await failed_line(self._logs, build)
        # Where the store takes no writes, a reader gets the page all the same.
        with suppress(StoreError), anyio.move_on_after(_WRITE_SECONDS):
            await self._logs.note_failed_line(build, found or 0)
        return found


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a log, from its first line to its last one; `end` is None for the end of the log."""

    begin: int
    end: int | None


async def failed_line(logs: Logs, build: Build) -> int | None:
    """The number of the line at which the failure of a build is seen; None without a log.

    It is in the part that failed, where the builder names one and the log has it, else in its end.
    """
    part = await _failed_part(logs, build)
    last = 0 if part.end is None else part.end
    first = 1 - MAX_LINES if part.end is None else max(part.begin, part.end - MAX_LINES + 1)
    found = await logs.lines(build.id, first, MAX_LINES, run=build.run, from_end=True)
    rows = [
        (row.number, row.text)
        for row in found.rows
        if row.number is not None and row.number >= part.begin and not 0 < last < row.number
    ]
    # The patterns take a moment, and longer where a line was made to defeat them.
    place = await anyio.to_thread.run_sync(failing_line, [text for _, text in rows])
    return None if place is None else rows[place][0]


async def _failed_part(logs: Logs, build: Build) -> _Part:
    """The last part of the log that has the name of the stage that failed; else all of it."""
    *outer, inner = build.stage.split(_BETWEEN)
    # A log may have only jobs where the builder names a step of one.
    for name in filter(None, (inner, _BETWEEN.join(outer))):
        for mark, named, head in _HEADS:
            hits = (await logs.search(build.id, named.format(name), run=build.run)).rows
            begins = [number for number, text in hits if _is_of(head.fullmatch(text), build.stage)]
            if begins:
                others = (await logs.search(build.id, mark, run=build.run)).rows
                return _Part(begins[-1], _end(others, head, begins[-1]))
    return _Part(1, None)


def _is_of(head: re.Match[str] | None, stage: str) -> bool:
    """Whether a part that begins so is the stage, or the job of it, or its step in the only stage."""
    if head is None:
        return False
    return stage == head[1] or stage.startswith(head[1] + _BETWEEN) or head[1].endswith(_BETWEEN + stage)


def _end(rows: Sequence[tuple[int, str]], head: re.Pattern[str], begin: int) -> int | None:
    """The last line of a part: before the next one begins."""
    return next((number - 1 for number, text in rows if number > begin and head.fullmatch(text)), None)
