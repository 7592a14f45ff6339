"""The port of the store about the daemon: its last start, and what it rejected. See `base`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

REJECTIONS_SECONDS: Final = 3600
"""How long rejected requests are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStart:
    """The last start of the daemon: its release and its process."""

    version: str
    pid: int
    started_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """So many requests of a source were rejected for this reason."""

    source: str
    reason: str
    count: int


class Activity(Protocol):
    """What someone asks who looks whether all is well."""

    async def last_start(self) -> DaemonStart | None:
        """The last one; None if no daemon has served the store yet."""

    async def keep_rejections(self) -> None:
        """Write what `Deliveries.reject` has counted since the last time; what is over an hour old goes."""

    async def rejections(self, since: float = 0.0) -> Sequence[Rejected]:
        """Those of the last hour, or since a minute within it; the most frequent first."""
