"""The port of the store about the health of parts. See `bridge.store.base`."""

from collections.abc import Collection
from typing import Protocol

from bridge.store.values import HealthRecord


class Health(Protocol):
    """The health of builders (`builder:NAME`), channels (`channel:NAME`), sources and other parts."""

    async def get(self, name: str) -> HealthRecord:
        """The health of one part; a part that was never recorded works."""

    async def all(self) -> list[HealthRecord]:
        """All that is recorded, by name."""

    async def prove(self, name: str, why: str) -> None:
        """Record why a part that is up is up, just as a delivery is kept: that shows whether one can be.

        Raises StoreError where none can.
        """

    async def degrade(self, name: str, why: str, *, pause: float = 0.0, failing: str = "") -> bool:
        """Record that a part is down, and paused for `pause` seconds; returns whether it was up."""

    async def restore(self, name: str, why: str) -> bool:
        """Record that a part is up; returns whether it was down."""

    async def pause(self, name: str, until: float, why: str) -> None:
        """Record that nothing is to be sent to a part before `until`; one that is down stays so, and why."""

    async def resume(self, name: str) -> None:
        """End the pause of a part, up or down."""

    async def forget(self, names: Collection[str]) -> None:
        """Keep nothing of parts that are no more."""
