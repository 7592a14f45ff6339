"""What the start of the daemon leaves in memory."""

import contextlib
import ctypes
import gc
from typing import Final

_COLLECT: Final = (20_000, 20, 20)


def settle() -> None:
    """Tell the collector that all there is will stay, and give the system back what only the start needed."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)
    # glibc keeps freed memory for itself; other C libraries have no such call, and most no such habit.
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
