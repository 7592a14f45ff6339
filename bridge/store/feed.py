"""The ports of the store about in-app messages, and about what happened. See `bridge.store.base`."""

from collections.abc import Callable
from typing import Protocol

from bridge.model.notice import Notice
from bridge.store.values import ANY_MESSAGE, Cursor, Happening, MessageFilter, MessageRow, Page


class Messages(Protocol):
    """In-app messages."""

    async def add_message(self, notice: Notice) -> None:
        """Keep the notice as a message; a repeat of the same notice changes nothing."""

    async def page(self, cursor: Cursor, size: int, only: MessageFilter = ANY_MESSAGE) -> Page[MessageRow]:
        """One page of the messages, newest first."""


class Feed(Protocol):
    """What happened to deliveries, builds and notices, in the order in which it was written."""

    async def newest(self) -> int:
        """The `seq` of the last one; 0 without any."""

    async def after(self, seq: int, limit: int) -> list[Happening]:
        """The first ones after `seq`. None is written later with a `seq` below one that was read."""

    def follow(self, on_written: Callable[[], None]) -> None:
        """Call `on_written` in this event loop when anything was written, by any process: within a second."""
