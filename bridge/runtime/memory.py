"""How the daemon keeps its memory small."""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator
from types import ModuleType
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
    # What folders of modules have, which is read anew for a module that is loaded later.
    sys.path_importer_cache.clear()
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


class _Empty(ModuleType):
    """Has a class of every name."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


@contextlib.contextmanager
def emptied(*modules: str) -> Iterator[None]:
    """What is imported within the block gets empty modules in place of these, which it never uses here."""
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update((name, _Empty(name)) for name in absent)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
