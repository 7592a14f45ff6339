"""The port of the store about silences. See `bridge.store.base`."""

from typing import Protocol

from bridge.model.audit import Change
from bridge.model.silence import Silence


class Silences(Protocol):
    """The silences. Those in force are looked at whenever notices are about to be sent."""

    async def add(self, silence: Silence, change: Change) -> bool:
        """Keep a new one and its entry in the audit trail; a repeat changes nothing.

        False, and nothing is kept, where 200 are in force, or 50 of its namespace.
        """

    async def get(self, silence_id: str) -> Silence | None:
        """One by its id, also when it has ended."""

    async def active(self) -> list[Silence]:
        """Those in force, the oldest first."""

    async def newest(self, limit: int) -> list[Silence]:
        """The newest first, those that have ended among them."""

    async def end(self, silence_id: str, change: Change) -> bool:
        """From now on it holds nothing, which is kept in the audit trail as well.

        False, and nothing is kept, when there is no such one, or it has ended before.
        """
