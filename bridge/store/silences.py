"""The port of the store about silences. See `bridge.store.base`."""

from typing import Protocol

from bridge.model.silence import Silence


class Silences(Protocol):
    """The silences. Those in force are looked at whenever notices are about to be sent."""

    async def add(self, silence: Silence) -> bool:
        """Keep a new one; False, and it is not kept, where 200 are in force. A repeat changes nothing."""

    async def get(self, silence_id: str) -> Silence | None:
        """One by its id, also when it has ended."""

    async def active(self) -> list[Silence]:
        """Those in force, the oldest first."""

    async def newest(self, limit: int) -> list[Silence]:
        """The newest first, those that have ended among them."""

    async def end(self, silence_id: str, by: str) -> bool:
        """From now on it holds nothing; False when there is no such one, or it has ended before."""
