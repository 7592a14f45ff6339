"""The port of the store about what waits in it, for monitoring. See `bridge.store.base`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from bridge.model.build import BuildState

STUCK_SECONDS: Final = 600.0
"""What was due so long ago is done by no daemon."""
BUILD_SECONDS: Final = 24 * 3600.0
"""A build that its builder has had for so long has ended, or is lost."""


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
    log, and `free_bytes` what the disk has left: None where that is another server's.
    """

    deliveries: Queue
    builds: Mapping[tuple[str, BuildState], Queue]
    notices: Mapping[str, Queue]
    last_deliveries: Mapping[str, float | None]
    store_bytes: int
    wal_bytes: int | None
    free_bytes: int | None


@dataclass(frozen=True, slots=True)
class Successes:
    """When a build was last handed to each builder, and a notice last taken by each channel, in Unix seconds.

    A builder is not named where none of the newest 1000 runs was handed to it, nor a channel that took none.
    """

    builders: Mapping[str, float]
    channels: Mapping[str, float]


class StuckKind(StrEnum):
    """What is past its time, and has no next step that anything brings about by itself."""

    UNDECIDED = "undecided"
    """Deliveries that wait for a decision."""
    UNTRIGGERED = "untriggered"
    """Builds that wait, are due, and whose builder is up and has none of them."""
    TRIGGERING = "triggering"
    """Builds that are being triggered for longer than any call takes, on a builder that is up."""
    UNENDED = "unended"
    """Builds that their builder has had for a day."""
    UNKNOWN = "unknown"
    """Builds of which no one knows how they ended."""
    UNSENT = "unsent"
    """Notices that are due, and first in line for a channel that is up."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """So many rows, the oldest of which has this id, and is there, or was due, since then."""

    kind: StuckKind
    count: int
    oldest: str
    since: float


class Monitoring(Protocol):
    """What monitoring asks of a store."""

    async def backlog(
        self, sources: Collection[str], builders: Collection[str], channels: Collection[str]
    ) -> Backlog:
        """What waits now. Raises StoreError when that takes two seconds.

        It reads along indexes, and holds up no write.
        """

    async def successes(self, channels: Collection[str]) -> Successes:
        """When each part last did what it is for."""

    async def undecided_since(self, source: str) -> float | None:
        """When the oldest delivery of a source was received that waits for its decision; None for none."""

    async def stuck(self, now: float) -> Sequence[Stuck]:
        """What no daemon goes on with, by kind; what waits for a part that is down is not among it."""

    async def server_time(self) -> float | None:
        """What the server of the store says that time is, in Unix seconds; None for a file."""

    async def newest(self) -> float | None:
        """When the newest row was written, by the clock of then; None in an empty store."""
