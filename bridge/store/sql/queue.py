"""The writes that wait for the writer thread: added in the event loop, taken by the thread.

The thread is woken once a turn of the loop has added nothing, so that all that clients have sent by then
shares a commit: it costs far more than a row, and a thread that is woken for each row competes with the loop.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from bridge.errors import StoreDied, StoreError

MAX_BATCH: Final = 256
MAX_WAITING: Final = 8192
_GATHER_SECONDS: Final = 0.005
"""How long the first write of a commit waits at most for others."""
_SWEEP_SECONDS: Final = 0.25
"""How often it is looked whether a caller has waited for too long."""
ALONE: Final = object()


class Write:
    """Work that waits for its commit; a bulk gets `row` together with the rows of others."""

    __slots__ = ("deadline", "error", "expired", "future", "result", "row", "work")

    def __init__(
        self, work: Callable[..., Any], row: Any, future: asyncio.Future[Any], deadline: float
    ) -> None:
        self.work = work
        self.row = row
        self.future = future
        self.deadline = deadline
        self.result: Any = None
        self.error: Exception | None = None
        self.expired = False

    def give_up_late(self) -> bool:
        """Whether its time is over: then it is not written. A process that stood still may find many such."""
        if not self.expired and self.deadline <= time.monotonic():
            self.future.get_loop().call_soon_threadsafe(self.expire)
            self.expired = True
        return self.expired

    def expire(self) -> None:
        """The caller waits no longer: what the writer has not begun it leaves out."""
        self.expired = True
        if not self.future.done():
            self.future.set_exception(StoreError("the store took no write for too long"))

    def settle(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class WriteQueue:
    """Add from one event loop; take and hand back from one thread, which waits for `ready`."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[Write] = deque()
        self._taken: list[Write] = []
        # What is added before `_closed` is set is written: the writer looks once more after that.
        self._lock = threading.Lock()
        self._closed = False
        self._death: StoreDied | None = None
        self._gathered = -1
        self._gather_until = 0.0
        self._sweeping = False

    def add(self, work: Callable[..., Any], row: Any, patience: float) -> asyncio.Future[Any]:
        """The future of a write, which fails after `patience` seconds. Raises StoreError."""
        # Once: it costs a system call, and there is one loop.
        loop = self._loop = self._loop or asyncio.get_running_loop()
        now = loop.time()
        write = Write(work, row, loop.create_future(), now + patience)
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed")
            if self._death is not None:
                raise self._death
            if len(self._waiting) >= MAX_WAITING:
                raise StoreError("the store is behind: too many writes wait")
            self._waiting.append(write)
        if self._gathered < 0:
            self._gathered, self._gather_until = 0, now + _GATHER_SECONDS
            loop.call_soon(self._gather, loop)
        if not self._sweeping and patience < math.inf:
            self._sweeping = True
            loop.call_later(min(patience, _SWEEP_SECONDS), self._sweep, loop)
        return write.future

    def take(self) -> list[Write]:
        """A batch of what waits, at most; writes whose caller has given up are left out."""
        while count := min(len(self._waiting), MAX_BATCH):
            with self._lock:
                taken = [self._waiting.popleft() for _ in range(count)]
                self._taken = [write for write in taken if not write.give_up_late()]
            if self._taken:
                return self._taken
        self._taken = []
        return []

    def top_up(self, batch: list[Write]) -> None:
        """Add to a batch that was taken what has come since then, at most."""
        count = min(len(self._waiting), MAX_BATCH - len(batch))
        with self._lock:
            come = [self._waiting.popleft() for _ in range(count)]
            batch += [write for write in come if not write.give_up_late()]

    def refuse(self, error: StoreError) -> None:
        """Fail what waits now; what was taken is not answered yet."""
        with self._lock:
            waiting = list(self._waiting)
            self._waiting.clear()
        for write in waiting:
            write.error = error
        if waiting:
            hand_back(waiting)

    @property
    def ended(self) -> bool:
        """Whether nothing waits, and nothing more is added."""
        return self._closed and not self._waiting

    @property
    def death(self) -> StoreDied | None:
        """Why nothing is written any more; None while the writer thread runs."""
        return self._death

    def close(self) -> bool:
        """Take no more writes; False when it was closed before."""
        with self._lock:
            was_closed, self._closed = self._closed, True
        self.ready.set()
        return not was_closed

    def die(self, death: StoreDied, batch: list[Write]) -> None:
        """Fail the batch, what waits, and what comes later."""
        with self._lock:
            self._death = death
        while batch := batch or self.take():
            for write in batch:
                write.error = death
            hand_back(batch)
            batch = []

    def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        count = len(self._waiting)
        if self._gathered < count < MAX_BATCH and loop.time() < self._gather_until:
            self._gathered = count
            loop.call_soon(self._gather, loop)
        else:
            self._gathered = -1
            self.ready.set()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """One look at all that wait costs less than a timer for each."""
        with self._lock:
            waiting = [write for write in (*self._taken, *self._waiting) if not write.future.done()]
        now = loop.time()
        for write in waiting:
            if write.deadline <= now:
                write.expire()
        self._sweeping = bool(waiting)
        if waiting:
            loop.call_later(_SWEEP_SECONDS, self._sweep, loop)


def hand_back(batch: list[Write]) -> None:
    """Answer the callers, in their event loop."""
    batch[0].future.get_loop().call_soon_threadsafe(_settle, batch)


def _settle(batch: list[Write]) -> None:
    for write in batch:
        write.settle()
