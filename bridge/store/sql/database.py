"""A database under one writer: callers wait for the commit that holds their rows, and commits are shared.

One thread owns the connection that writes. It takes what is waiting, runs it in one transaction and
commits once. Each piece of work stands under its own savepoint, so that one that fails takes nothing with it;
rows of one kind can be written together, under one savepoint. Reads run on connections of their own, in a few
threads.
"""

import asyncio
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import anyio
import anyio.to_thread
import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from bridge.errors import StoreDied, StoreError
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import WRITE_SECONDS
from bridge.store.sql.queue import ALONE, Write, WriteQueue, hand_back

log = structlog.get_logger()

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[Connection], T]
Bulk = Callable[[Connection, Sequence[R]], Sequence[T]]
"""Writes many rows with few statements; an answer for each, in their order."""

READERS: Final = 4
"""A list, a search in a log and the look for a failure may take one each: one is left for the daemon."""
SAVEPOINT: Final = "SAVEPOINT work"
RELEASE: Final = "RELEASE work"
BEAT_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 1.0
CLOSE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a database takes, in bytes; None for what is its server's own affair."""

    store: int
    log: int | None
    free: int | None


class TransactionLost(Exception):  # what happened, not a fault of ours
    """Nothing of the transaction was written, whatever work was in it."""


class Database(ABC):
    """An open database: an engine's `open` makes one, `close` ends it. Use it from one event loop."""

    def __init__(self, readers: Engine) -> None:
        self._engine = readers
        self._queue = WriteQueue()
        self._readers = anyio.CapacityLimiter(READERS)
        self._beat = self._look_at = time.monotonic()
        self._on_written: Callable[[], object] | None = None
        self._seen: object = None
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in the writer's transaction; return its result once that is on disk.

        Raises whatever `work` raised (then nothing of it was written), or StoreError.
        """
        result: T = await self._queue.add(work, ALONE, math.inf)
        return result

    def add(self, bulk: Bulk[R, T], row: R, *, patience: float = math.inf) -> Awaitable[T]:
        """As `write`, but the rows that wait for the same `bulk` are written by one call of it.

        After `patience` seconds it raises StoreError; a row that the writer has begun may be written yet.
        """
        return self._queue.add(bulk, row, patience)

    def insert(self, bulk: Bulk[R, T], row: R, *, patience: float) -> Awaitable[T]:
        """As `add`, for one statement that is right whatever else is written meanwhile.

        A shared database may do it before what was added earlier, twice, and for a node that is gone.
        """
        return self.add(bulk, row, patience=patience)

    async def read(self, work: Work[T], *, snapshot: bool = False) -> T:
        """Run `work` on a read-only connection. Raises StoreError.

        In a `snapshot` all its statements see the same, whatever is written meanwhile. Between two it may not
        wait for anything.
        """
        return await anyio.to_thread.run_sync(self._read, work, snapshot, limiter=self._readers)

    def follow(self, on_written: Callable[[], None]) -> None:
        """Call this in the running event loop when anything was written, by any process: within a second."""
        self._on_written = partial(asyncio.get_running_loop().call_soon_threadsafe, on_written)

    @property
    def beating(self) -> bool:
        """Whether the writer thread made progress within the last half minute."""
        return time.monotonic() - self._beat < BEAT_SECONDS

    @property
    def death(self) -> StoreDied | None:
        """Why nothing is written any more; None while the writer thread runs."""
        return self._queue.death

    def close(self) -> None:
        """Write what is waiting, then close. Safe to call twice."""
        if not self._queue.close():
            return
        self._thread.join(timeout=CLOSE_SECONDS)
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def bounded(self, connection: Connection, seconds: float) -> AbstractContextManager[None]:
        """Have what a reader asks within this block end in time; what does not raises."""

    @abstractmethod
    def sizes(self, _connection: Connection) -> Sizes:
        """What the database takes now."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes can have it open to serve it, too."""
        return False

    def fence(self, node_id: str | None) -> None:  # noqa: B027  # no one can take the place of who is alone
        """From now on nothing but what is inserted is written once this node is gone; None ends that."""

    def call(self, _connection: Connection, _words: Collection[str]) -> None:  # noqa: B027  # as above
        """Have other processes that have it open get these words, once what was written is there.

        They may be lost, where a connection is.
        """

    async def calls(self) -> AsyncGenerator[str]:
        """The words that any process has called, from now on. Raises StoreError."""
        await anyio.sleep_forever()
        yield ""

    def server_time(self, _connection: Connection) -> float | None:
        """What the server says that time is; None where there is none."""
        return None

    @abstractmethod
    def _commit(self, batch: list[Write]) -> None:
        """Write a batch in one transaction, each with its result or its error.

        Whatever this raises ends the writer.
        """

    @abstractmethod
    def _close(self) -> None:
        """Close all connections; the writer has ended."""

    @abstractmethod
    def _execute(self, statement: str) -> None:
        """On the writer's connection. Raises what the driver raises."""

    @abstractmethod
    def _reason(self, error: BaseException) -> str | None:
        """What the driver says that failed; None for an error that is not the driver's."""

    @abstractmethod
    def _is_lost(self) -> bool:
        """Whether the driver has given up the whole transaction."""

    def _read(self, work: Work[T], snapshot: bool) -> T:
        """Run `work` on a read-only connection, again on a new one where that was cut. Raises StoreError."""
        for again in (True, False):
            try:
                with self._engine.connect() as connection:
                    if snapshot:
                        # The pool ends it when it gets the connection back, whatever happened.
                        connection.exec_driver_sql("BEGIN")
                    return work(connection)
            except DBAPIError as error:
                if not (again and error.connection_invalidated):
                    raise StoreError(f"the store cannot be read: {self._reason(error)}") from error
        raise AssertionError

    def _watch(self) -> None:  # noqa: B027  # a server watches its own files
        """Called by the writer each second. What this raises ends the writer."""

    @abstractmethod
    def _written(self) -> object:
        """Differs from what it was before, where anything was written since then, by any process.

        Called by the writer between two transactions. What this raises ends the writer.
        """

    def _wrote(self, rows: int) -> None:  # noqa: B027
        """Called by the writer when the callers of so many rows have their answers."""

    def _died(self, error: BaseException) -> StoreDied:
        """Why nothing can be written any more."""
        log.critical(LogEvent.STORE_WRITER_DIED, error=repr(error), exc_info=error)
        return StoreDied(f"the store's writer has died: {error}: a restart goes on from the disk")

    def _run(self) -> None:
        batch: list[Write] = []
        try:
            while not self._queue.ended:
                self._queue.ready.wait(timeout=max(0.0, self._look_at - time.monotonic()))
                self._queue.ready.clear()
                self._look()
                while batch := self._queue.take():
                    with WRITE_SECONDS.time():
                        self._commit(batch)
                    hand_back(batch)
                    self._wrote(len(batch))
                    self._look()
        except BaseException as error:  # noqa: BLE001  # whatever it is, no caller may wait for this thread
            self._queue.die(self._died(error), batch)

    def _look(self) -> None:
        """Look around, once a second."""
        self._beat = now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        self._watch()
        if self._on_written is not None:
            before, self._seen = self._seen, self._written()
            if self._seen != before:
                self._on_written()

    def _apply(self, connection: Connection, batch: list[Write]) -> None:
        """Do the work of a batch in the open transaction. Raises TransactionLost, and as the driver does."""
        for bulk, items in groupby(batch, _bulk):
            if bulk is None:
                for item in items:
                    self._apply_one(connection, item)
            else:
                self._apply_bulk(connection, bulk, list(items))

    def _apply_one(self, connection: Connection, item: Write) -> None:
        self._execute(SAVEPOINT)
        try:
            item.result = item.work(connection)
            # PostgreSQL refuses it after any statement that failed, though the work went on.
            self._execute(RELEASE)
        except Exception as error:  # noqa: BLE001  # it belongs to the caller, not to the writer
            item.error = self._failure(error)
            self._undo()

    def _apply_bulk(self, connection: Connection, bulk: Bulk[Any, Any], items: list[Write]) -> None:
        """Where rows cannot be written together, each is written alone, so that only the bad one fails."""
        self._execute(SAVEPOINT)
        try:
            for item, result in zip(items, bulk(connection, [item.row for item in items]), strict=True):
                item.result = result
            self._execute(RELEASE)
        except Exception as error:  # noqa: BLE001  # it belongs to the callers, not to the writer
            items[0].error = self._failure(error)
            self._undo()
        if items[0].error is not None and len(items) > 1:
            items[0].error = None
            for item in items:
                self._apply_bulk(connection, bulk, [item])

    def _undo(self) -> None:
        self._execute("ROLLBACK TO work")
        self._execute(RELEASE)

    def _failure(self, error: Exception) -> Exception:
        """The error for the caller. Raises TransactionLost."""
        if self._is_lost():
            raise TransactionLost from error
        reason = self._reason(error)
        return error if reason is None else StoreError(f"the store cannot be written: {reason}")


def _bulk(item: Write) -> Bulk[Any, Any] | None:
    return None if item.row is ALONE else item.work
