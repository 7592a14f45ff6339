"""Processes that die at a failpoint: nothing that they would have done after it happens."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

STRIDE = int(os.environ.get("FAILPOINTS_STRIDE", "7"))
"""Every so many failpoints one is tried."""


class Died(BaseException):
    """The process is dead: no code of it handles this."""


class Fate:
    """The death of a process at its n-th failpoint; it does nothing after that."""

    def __init__(self, failpoint: int) -> None:
        self._left = failpoint
        self.died_at = ""

    def arm(self, failpoint: int) -> None:
        """From now on the n-th one is meant."""
        self._left = failpoint

    def point(self, where: str) -> None:
        self._left -= 1
        if not self._left:
            self.died_at = where
        if self.died_at:
            raise Died


class Mortal:
    """What a process calls, with a failpoint before and after each of these methods."""

    def __init__(self, called: Any, methods: tuple[str, ...], fate: Fate) -> None:
        self._called = called
        self._methods = methods
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._called, name)
        return self._watched(name, method) if name in self._methods else method

    def _watched(self, name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **more: Any) -> Any:
            self._fate.point(f"before {name}")
            answer = await method(*arguments, **more)
            self._fate.point(f"after {name}")
            return answer

        return call
