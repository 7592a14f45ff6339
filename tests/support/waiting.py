"""Waiting for what another process or thread brings about."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], *, seconds: float = 20.0) -> T:
    """What `look` answers once that is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    begun = time.monotonic()
    while not (found := look()):
        now = time.monotonic()
        if now > deadline:
            raise AssertionError(f"not within {seconds} s; last seen: {found!r}")
        # Another process brings it about, and looks that ask it take its time.
        time.sleep(min(0.1, max(0.02, 3 * (now - begun))))
        begun = time.monotonic()
    return found
