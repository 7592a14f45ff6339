"""The machine: its clock, the room on its disks, and how long they take to write."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from bridge.builders.base import BuilderContext
from bridge.cli.doctor.endpoints import Answer, Endpoint, Servers, Unreachable
from bridge.cli.doctor.finding import AS_DAEMON, Finding, State, in_thread
from bridge.config.loader import Config
from bridge.config.outline import Outline
from bridge.registry import BUILDERS
from bridge.runtime.clock import system_clock
from bridge.runtime.disk import free_bytes, nearest, same_disk, size_text

MAX_SKEW: Final = 5.0
"""Seconds by which clocks may differ: signatures with a time window need them."""
SLOW_FSYNC: Final = 0.05
"""Seconds: each group of deliveries waits for one before it is answered."""
_WRITES: Final = 7
_NAMED: Final = 5


async def clock(servers: Servers, asked: Mapping[str, Endpoint]) -> Sequence[Finding]:
    """The clock of this machine against those of the servers, by the names of what is there."""
    ahead: dict[str, float] = {}
    for name, endpoint in asked.items():
        try:
            answer: Answer = await servers.ask(endpoint)
        except Unreachable:
            continue  # its own check says so
        if answer.ahead is not None:
            ahead[name] = answer.ahead
    if not ahead:
        return [_clock(State.SKIPPED, "no server says what time it is")]
    wrong = {name: seconds for name, seconds in ahead.items() if abs(seconds) > MAX_SKEW}
    middle = median(ahead.values())
    if abs(middle) > MAX_SKEW:
        how = f"{abs(middle):.0f} s {'ahead of' if middle > 0 else 'behind'}"
        what = f"this machine is {how} the servers of {_names(wrong)}"
        return [
            _clock(State.WARN, what, "have it set: `timedatectl set-ntp true`, or look at chrony or ntpd")
        ]
    if wrong:
        what = f"the clock of the servers of {_names(wrong)} is wrong by more than {MAX_SKEW:g} s"
        return [
            _clock(State.WARN, what, "have it set there: signatures with a time window are rejected else")
        ]
    worst = max(map(abs, ahead.values()))
    return [_clock(State.OK, f"within {max(worst, 1):.0f} s of {len(ahead)} servers")]


def _clock(state: State, what: str, cure: str | None = None) -> Finding:
    return Finding(check="clock", state=state, what=what, cure=cure)


def _names(found: Mapping[str, float]) -> str:
    return ", ".join(list(found)[:_NAMED])


async def disks(outline: Outline, config: Config | None) -> Sequence[Finding]:
    """The room on each disk that the daemon fills, against what it needs for a build to start."""
    needed = outline.settings.store.min_free
    return await in_thread(lambda: [_room(folder, needed) for folder in _folders(outline, config)])


def _folders(outline: Outline, config: Config | None) -> Iterator[Path]:
    """One folder of each disk: that of the store, with the logs of builds, and those of local builds."""
    seen = [outline.state_path.parent]
    yield seen[0]
    for name, adapter in (config.builders if config else {}).items():
        context = BuilderContext(state=outline.state_path / name, clock=system_clock)
        folder = BUILDERS[adapter.kind](name, adapter.settings, context).folder
        if folder is not None and not any(same_disk(folder, one) for one in seen):
            seen.append(folder)
            yield folder


def _room(folder: Path, needed: int) -> Finding:
    free, total = free_bytes(folder), shutil.disk_usage(nearest(folder)).total
    what = f"{size_text(free)} of {size_text(total)} are free"
    state, cure = State.OK, None
    if free < needed:
        what += f", and no build starts below {size_text(needed)}"
        state, cure = (
            State.FAIL,
            "make room, or lower `store.min_free`; `retention` says how long records stay",
        )
    elif free < 2 * needed:
        what += f"; no build starts below {size_text(needed)}"
        state, cure = State.WARN, "make room soon; `retention` says how long records stay"
    return Finding(check="disk", about=str(folder), state=state, what=what, cure=cure)


async def fsync(outline: Outline) -> Sequence[Finding]:
    """How long it takes until a write beside the store is on disk."""
    folder = nearest(outline.state_path.parent)
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        what = f"{folder} cannot be written by this user"
        return [Finding(check="fsync", state=State.SKIPPED, what=what, cure=AS_DAEMON)]
    took = await in_thread(lambda: median(_writes(folder)))
    what = f"a write is on disk after {took * 1000:.1f} ms (the median of {_WRITES})"
    if took <= SLOW_FSYNC:
        return [Finding(check="fsync", state=State.OK, what=what)]
    cure = "put the store on a local disk (SSD), and see what else writes to this one: `iostat -x 5`"
    return [Finding(check="fsync", state=State.WARN, what=what, cure=cure)]


def _writes(folder: Path) -> Iterator[float]:
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_WRITES):
            began = time.monotonic()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            yield time.monotonic() - began
