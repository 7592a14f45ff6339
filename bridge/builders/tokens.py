"""A token that another server makes: made when it is needed, and kept for most of its life."""

from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from bridge.errors import NotSent, Unanswered
from bridge.runtime.clock import Clock

_USED_SHARE: Final = 0.9
"""The share of a token's life in which it is used."""


class KeptToken:
    """The token that `make` makes, with the moment in Unix seconds when it ends.

    `maker` is what sentences call the server that makes it; `timeout` is that of one call, in seconds.
    """

    def __init__(
        self, maker: str, make: Callable[[], Awaitable[tuple[str, float]]], timeout: float, clock: Clock
    ) -> None:
        self._maker = maker
        self._make = make
        self._timeout = timeout
        self._clock = clock
        self._making = anyio.Lock()
        self._kept: tuple[str, float] | None = None

    async def get(self) -> str:
        """The token. Raises RemoteError, never Unanswered: what needs it was not sent."""
        try:
            # Who waits for the token of another call does not wait longer than for its own.
            with anyio.fail_after(self._timeout):
                async with self._making:
                    if self._kept is None or self._clock() >= self._kept[1]:
                        self._kept = None
                        token, ends = await self._make()
                        now = self._clock()
                        self._kept = token, now + _USED_SHARE * max(ends - now, 0.0)
                    return self._kept[0]
        except Unanswered as error:
            raise NotSent(str(error)) from None
        except TimeoutError:
            raise NotSent(f"{self._maker} did not answer within {self._timeout:g} s") from None

    def drop(self, refused: str | None) -> None:
        """Make a new one next time, if this is still the one that is kept."""
        if self._kept is not None and self._kept[0] == refused:
            self._kept = None
