"""How long it took until another process had the duties of a node that was killed or frozen."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from chaos.checker import Takeover
from chaos.faults import Happened, Kind
from chaos.fleet import Fleet
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from bridge.store.schema_activity import duty, node

_MARGIN: Final = 2.0
"""What a takeover may take beside the lease, in seconds."""
_LOOK_SECONDS: Final = 0.1
Held = Mapping[str, tuple[str, int]]
"""By duty, the id of the process that has it, and the index of its node."""


class DutyWatch:
    """Looks again and again at who has which duty; `seen` are the answers with their monotonic times."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._stop = threading.Event()
        self.seen: list[tuple[float, Held]] = []

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
                self.seen.append((time.monotonic(), self._held()))

    def _held(self) -> Held:
        pids = {
            one.daemon.process.pid: index for index, one in enumerate(self._fleet.nodes) if one.daemon.process
        }
        query = select(duty.c.name, node.c.id, node.c.pid).join(node, duty.c.node_id == node.c.id)
        with self._fleet.engine.connect() as connection:
            return {row.name: (row.id, pids.get(row.pid, -1)) for row in connection.execute(query)}


def takeovers(
    happened: Sequence[Happened], seen: Sequence[tuple[float, Held]], lease: float
) -> Iterator[Takeover]:
    """One for each duty of the node that was hit; a database that is down meanwhile adds its time."""
    for one in happened:
        if one.fault.kind not in {Kind.KILL, Kind.FREEZE}:
            continue
        before = next((held for at, held in reversed(seen) if at < one.begun), {})
        for name, (process, lane) in before.items():
            if lane != one.fault.lane:
                continue
            later = (at for at, held in seen if at > one.begun and held.get(name, (process,))[0] != process)
            taken = next(later, None)
            if taken is None:
                continue  # it woke before its lease had ended
            away = sum(
                max(0.0, min(other.over, taken) - max(other.begun, one.begun))
                for other in happened
                if other.fault.kind is Kind.RESTART
            )
            after = f"a {one.fault.kind} of node {lane + 1}"
            yield Takeover(name, after, taken - one.begun, lease + _MARGIN + away)
