"""The port of the store that finds ids by a part of them. See `bridge.store.base`."""

from typing import Literal, Protocol

RecordKind = Literal["delivery", "build", "notice"]


class Lookup(Protocol):
    """Finds records by what people copy of their ids."""

    async def ids(self, kind: RecordKind, part: str, limit: int) -> list[str]:
        """The ids that begin or end with `part`, at most `limit`, in their order."""
