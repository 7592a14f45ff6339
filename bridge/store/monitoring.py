"""The port of the store about what waits in it, for monitoring. See `bridge.store.base`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from bridge.model.build import BuildState


@dataclass(frozen=True, slots=True)
class Queue:
    """What is in one state; `since` is when its oldest was made, in Unix seconds, None without any."""

    count: int
    since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits, by the names that were asked for, and the room that the store takes, in bytes.

    `builds` are those that have not ended; of a run that was asked for again the time is its own.
    `last_deliveries` are Unix seconds, None where there is none. `wal_bytes` is the size of the write-ahead
    log, and `free_bytes` what the disk has left.
    """

    deliveries: Queue
    builds: Mapping[tuple[str, BuildState], Queue]
    notices: Mapping[str, Queue]
    last_deliveries: Mapping[str, float | None]
    store_bytes: int
    wal_bytes: int
    free_bytes: int


class Monitoring(Protocol):
    """What monitoring asks of a store."""

    async def backlog(
        self, sources: Collection[str], builders: Collection[str], channels: Collection[str]
    ) -> Backlog:
        """What waits now. Raises StoreError when that takes two seconds.

        It reads along indexes, and holds up no write.
        """
