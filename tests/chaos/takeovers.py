"""How long it took until another process had the duties of a node that was killed or frozen."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from chaos.checker import Takeover
from chaos.faults import DATABASE, Happened, Kind
from chaos.fleet import Fleet
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from bridge.planning.duties import PATIENCE_SECONDS
from bridge.store.schema_activity import duty, node

_MARGIN: Final = 2.0
"""What a takeover may take beside the lease, in seconds."""
_LOOK_SECONDS: Final = 0.1
_HITS: Final = frozenset({Kind.KILL, Kind.FREEZE})


@dataclass(frozen=True, slots=True)
class Look:
    """What the store said at a monotonic time.

    `held` has by duty the id of the process that has it, and the index of its node; `joined` by that index
    the id of the process that is a node now.
    """

    at: float
    held: Mapping[str, tuple[str, int]]
    joined: Mapping[int, str]


class DutyWatch:
    """Looks again and again at who has which duty; `seen` are the answers."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._stop = threading.Event()
        self.seen: list[Look] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            # While the database is away no one can take a duty either.
            with suppress(OperationalError):
                self.seen.append(self._look())

    def _look(self) -> Look:
        pids = {
            one.daemon.process.pid: index for index, one in enumerate(self._fleet.nodes) if one.daemon.process
        }
        query = select(node.c.id, node.c.pid, duty.c.name).outerjoin(duty, duty.c.node_id == node.c.id)
        with self._fleet.engine.connect() as connection:
            rows = connection.execute(query).all()
        return Look(
            time.monotonic(),
            {row.name: (row.id, pids.get(row.pid, -1)) for row in rows if row.name},
            {pids[row.pid]: row.id for row in rows if row.pid in pids},
        )


def takeovers(happened: Sequence[Happened], seen: Sequence[Look], lease: float) -> Iterator[Takeover]:
    """One for each duty of the node that was hit.

    What no other process took lasts until the last look, or until the frozen one that still has it woke. The
    time in which the process that was there for the longest to take it was not there adds to what it may
    last: each counts by itself. So does the patience with the next node where another one was hit meanwhile.
    """
    for hit in happened:
        lane = hit.fault.lane
        if hit.fault.kind not in _HITS:
            continue
        before = _last(seen, hit.begun)
        for name, (process, holder) in before.held.items():
            later = [look for look in seen if look.at > hit.begun]
            if holder != lane or not later:
                continue
            taken = next((one.at for one in later if one.held.get(name, (process,))[0] != process), None)
            if taken is None:
                last = later[-1]
                woke = hit.fault.kind is Kind.FREEZE and last.held.get(name, ("",))[0] == process
                taken = min(hit.over, last.at) if woke else last.at
            around = [one for one in happened if one.begun < taken and one.over > hit.begun - lease]
            patience = (
                PATIENCE_SECONDS if any(one.fault.lane not in {lane, DATABASE} for one in around) else 0
            )
            looks = [Look(hit.begun, {}, {}), *(look for look in later if look.at <= taken)]
            there: dict[str, float] = defaultdict(float)
            for look, after in pairwise(looks):
                for one in _takers(look.at, after, process, happened, seen):
                    there[one] += after.at - look.at
            away = taken - hit.begun - max(there.values(), default=0)
            yield Takeover(
                name,
                f"a {hit.fault.kind} of node {lane + 1}",
                taken - hit.begun,
                lease + _MARGIN + patience + away,
            )


def _takers(
    since: float, look: Look, process: str, happened: Sequence[Happened], seen: Sequence[Look]
) -> set[str]:
    """The other processes that could have taken a duty all the time from `since` until the look."""
    during = [one for one in happened if one.begun < look.at and one.over > since]
    if any(one.fault.lane == DATABASE for one in during):
        return set()
    able = {one for lane, one in look.joined.items() if all(lane != it.fault.lane for it in during)}
    return able - {process} - _killed(happened, seen, look.at)


def _killed(happened: Sequence[Happened], seen: Sequence[Look], until: float) -> set[str]:
    """Processes whose row is left for a moment, until the node has started again."""
    kills = [one for one in happened if one.fault.kind is Kind.KILL and one.begun < until]
    found = (_last(seen, one.begun).joined.get(one.fault.lane) for one in kills)
    return {process for process in found if process}


def _last(seen: Sequence[Look], before: float) -> Look:
    return next((look for look in reversed(seen) if look.at < before), Look(before, {}, {}))
