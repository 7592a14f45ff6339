"""How the daemon keeps its memory small."""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator
from typing import Final

_COLLECT: Final = (50_000, 20, 20)
_ARENA_MAX: Final = -8
"""M_ARENA_MAX of mallopt(3)."""


def share_arena() -> None:
    """Have the threads that start later share one heap: each of their own would keep what was freed in it."""
    # Other C libraries than glibc have no such call, and most no such habit.
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def settle() -> None:
    """Tell the collector that all there is will stay, and give the system back what only the start needed."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)
    # glibc keeps freed memory for itself.
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def without(module: str) -> Iterator[None]:
    """What is imported within the block finds this module not installed, and does without it."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # the import system reads this as "not installed"
    try:
        yield
    finally:
        del sys.modules[module]
