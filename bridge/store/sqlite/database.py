"""SQLite under one writer: callers wait for the commit that holds their rows, and commits are shared.

One thread owns the only connection that writes. It takes what is waiting, runs it in one transaction and
commits once (`synchronous=FULL`: the commit is an fsync). Each piece of work stands under its own savepoint,
so that one that fails takes nothing with it; rows of one kind can be written together, under one savepoint.
Reads run on connections of their own, in a few threads.
"""

import asyncio
import math
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import anyio
import anyio.to_thread
import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from bridge.errors import StoreDied, StoreError, StoreReplaced
from bridge.runtime.events import LogEvent
from bridge.store.sqlite import migrate
from bridge.store.sqlite.checkpoint import Checkpointer
from bridge.store.sqlite.identity import StoreFile

log = structlog.get_logger()

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[Connection], T]
Bulk = Callable[[Connection, Sequence[R]], Sequence[T]]
"""Writes many rows with few statements; an answer for each, in their order."""

MAX_BATCH: Final = 256
MAX_WAITING: Final = 8192
READERS: Final = 3
BUSY_SECONDS: Final = 10
BEAT_SECONDS: Final = 30.0
_LOG_PAGES: Final = 4_000
"""The size of the write-ahead log, in pages of 4 KiB, at which a commit copies it into the file."""
_LOG_BYTES: Final = _LOG_PAGES * 4096
"""To this size the log is cut when it begins anew: one large write does not keep its room for ever."""
_ALONE: Final = object()


class _Pending:
    """Work that waits for its commit; a Bulk gets `row` together with the rows of others."""

    __slots__ = ("error", "expired", "future", "result", "row", "work")

    def __init__(self, work: Callable[..., Any], future: asyncio.Future[Any], row: Any) -> None:
        self.work = work
        self.row = row
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None
        self.expired = False

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


class Database:
    """An open SQLite file: `open` makes one, `close` ends it. Use it from one event loop."""

    def __init__(self, path: Path, file: StoreFile | None) -> None:
        self._file = file
        self._engine = _engine(path, pool_size=READERS, read_only=True)
        self._writer_engine = _engine(path, pool_size=1, read_only=False)
        self._waiting: deque[_Pending] = deque()
        # What is queued before `_closed` is set is written: the writer looks once more after that.
        self._queue_lock = threading.Lock()
        self._wake = threading.Event()
        self._waking = False
        self._readers = anyio.CapacityLimiter(READERS)
        self._beat = time.monotonic()
        self._closed = False
        self._death: StoreDied | None = None
        # Not in the thread, so that a store that cannot be written raises for the caller of `open`.
        self._connection = _connect(self._writer_engine)
        if file is not None:
            self._watch(file)
        self._checkpointer = Checkpointer(path)
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: Path, *, exclusive: bool) -> Self:
        """Open the file. The daemon, `exclusive`, creates or upgrades it; others take it as it is.

        Raises StoreError, or StoreTooNew for the file of a newer release.
        """
        if not exclusive:
            migrate.check(path)
            return cls(path, None)
        file = StoreFile.hold(path)
        try:
            migrate.upgrade(file.path)
            return cls(file.path, file)
        except BaseException:
            file.close()
            raise

    def _watch(self, file: StoreFile) -> None:
        """Watch the file that is open now: another one that takes its place is not the store."""
        self._connection.exec_driver_sql("SELECT 1 FROM service").close()
        readers = [_connect(self._engine) for _ in range(READERS)]
        for reader in readers:
            reader.close()
        file.watch()

    async def write(self, work: Work[T]) -> T:
        """Run `work` in the writer's transaction; return its result once that is on disk.

        Raises whatever `work` raised (then nothing of it was written), or StoreError.
        """
        result: T = await self._queued(work, _ALONE)
        return result

    async def add(self, bulk: Bulk[R, T], row: R, *, patience: float = math.inf) -> T:
        """As `write`, but the rows that wait for the same `bulk` are written by one call of it.

        After `patience` seconds it raises StoreError; a row that the writer has begun may be written yet.
        """
        result: T = await self._queued(bulk, row, patience)
        return result

    async def _queued(self, work: Any, row: object, patience: float = math.inf) -> Any:
        loop = asyncio.get_running_loop()
        item = _Pending(work, loop.create_future(), row)
        with self._queue_lock:
            if self._closed:
                raise StoreError("the store is closed")
            if self._death is not None:
                raise self._death
            if len(self._waiting) >= MAX_WAITING:
                raise StoreError("the store is behind: too many writes wait")
            self._waiting.append(item)
        if not self._waking:
            # Later in this turn of the loop, so that all that it writes shares a commit.
            self._waking = True
            loop.call_soon(self._wake_writer)
        if patience == math.inf:
            return await item.future
        timer = loop.call_later(patience, item.expire)
        try:
            return await item.future
        finally:
            timer.cancel()

    def _wake_writer(self) -> None:
        self._waking = False
        self._wake.set()

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a read-only connection. Raises StoreError."""

        def run() -> T:
            try:
                with self._engine.connect() as connection:
                    return work(connection)
            except DBAPIError as error:
                raise StoreError(f"the store cannot be read: {error.orig}") from error

        return await anyio.to_thread.run_sync(run, limiter=self._readers)

    @property
    def beating(self) -> bool:
        """Whether the writer thread made progress within the last half minute."""
        return time.monotonic() - self._beat < BEAT_SECONDS

    def close(self) -> None:
        """Write what is waiting, then close. Safe to call twice."""
        with self._queue_lock:
            if self._closed:
                return
            self._closed = True
        self._wake.set()
        self._thread.join(timeout=BUSY_SECONDS + 5)
        self._checkpointer.close(timeout=BUSY_SECONDS)
        self._engine.dispose()
        self._writer_engine.dispose()
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def death(self) -> StoreDied | None:
        """Why nothing is written any more; None while the writer thread runs."""
        return self._death

    def _run(self) -> None:
        batch: list[_Pending] = []
        try:
            with self._connection as connection:
                while not self._closed or self._waiting:
                    self._wake.wait(timeout=1)
                    self._wake.clear()
                    self._beat = time.monotonic()
                    self._check_file()
                    while batch := self._take():
                        _commit(connection, batch)
                        self._check_file()
                        self._beat = time.monotonic()
                        _hand_back(batch)
                        self._checkpointer.wrote(len(batch))
        except StoreReplaced as error:
            log.critical(LogEvent.STORE_REPLACED, error=str(error))
            self._die(error, batch)
            self._empty_log()
        except BaseException as error:  # whatever it is, no caller may wait for this thread
            log.critical(LogEvent.STORE_WRITER_DIED, error=repr(error), exc_info=error)
            self._die(
                StoreDied(f"the store's writer has died: {error}: a restart goes on from the disk"), batch
            )

    def _check_file(self) -> None:
        """Before a caller hears that its rows are kept. Raises StoreReplaced."""
        if self._file is not None:
            self._file.check()

    def _empty_log(self) -> None:
        """Copy the log into our own file, wherever that is now: another in its place must not be given it."""
        with suppress(DBAPIError), self._writer_engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()

    def _die(self, death: StoreDied, batch: list[_Pending]) -> None:
        with self._queue_lock:
            self._death = death
        while batch := batch or self._take():
            for item in batch:
                item.error = death
            _hand_back(batch)
            batch = []

    def _take(self) -> list[_Pending]:
        """A batch of what waits, at most; rows whose caller has given up are left out."""
        while count := min(len(self._waiting), MAX_BATCH):
            taken = [self._waiting.popleft() for _ in range(count)]
            if batch := [item for item in taken if not item.expired]:
                return batch
        return []


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        raise StoreError(f"the store cannot be opened for writing: {error.orig}") from error


def _hand_back(batch: list[_Pending]) -> None:
    batch[0].future.get_loop().call_soon_threadsafe(_settle, batch)


def _settle(batch: list[_Pending]) -> None:
    for item in batch:
        item.settle()


def _commit(connection: Connection, batch: list[_Pending]) -> None:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    try:
        raw.execute("BEGIN IMMEDIATE")
        for bulk, items in groupby(batch, _bulk):
            if bulk is None:
                for item in items:
                    _apply(connection, raw, item)
            else:
                _apply_bulk(connection, raw, bulk, list(items))
        raw.execute("COMMIT")
    except sqlite3.Error as error:
        if raw.in_transaction:
            raw.rollback()
        failure = StoreError(f"the store cannot be written: {error}")
        for item in batch:
            item.error = failure


def _bulk(item: _Pending) -> Bulk[Any, Any] | None:
    return None if item.row is _ALONE else item.work


def _apply(connection: Connection, raw: sqlite3.Connection, item: _Pending) -> None:
    raw.execute("SAVEPOINT work")
    try:
        item.result = item.work(connection)
    except Exception as error:  # noqa: BLE001  # it belongs to the caller, not to the writer
        item.error = _failure(raw, error)
        raw.execute("ROLLBACK TO work")
    raw.execute("RELEASE work")


def _apply_bulk(
    connection: Connection, raw: sqlite3.Connection, bulk: Bulk[Any, Any], items: list[_Pending]
) -> None:
    """Where the rows cannot be written together, each is written alone, so that only the bad one fails."""
    raw.execute("SAVEPOINT work")
    try:
        for item, result in zip(items, bulk(connection, [item.row for item in items]), strict=True):
            item.result = result
    except Exception as error:  # noqa: BLE001  # it belongs to the callers, not to the writer
        items[0].error = _failure(raw, error)
        raw.execute("ROLLBACK TO work")
    raw.execute("RELEASE work")
    if items[0].error is not None and len(items) > 1:
        items[0].error = None
        for item in items:
            _apply_bulk(connection, raw, bulk, [item])


def _failure(raw: sqlite3.Connection, error: Exception) -> Exception:
    """The error for the caller. Raises sqlite3.OperationalError when the whole transaction is lost."""
    failed = getattr(error, "orig", error)
    if not raw.in_transaction:
        # A full disk makes SQLite roll the whole transaction back.
        raise sqlite3.OperationalError(str(failed)) from error
    if isinstance(failed, sqlite3.Error):
        return StoreError(f"the store cannot be written: {failed}")
    return error


def _engine(path: Path, *, pool_size: int, read_only: bool) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
    )

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        # A damaged byte makes one text odd, or no JSON any more, but keeps no other row from its reader.
        connection.text_factory = partial(str, encoding="utf-8", errors="backslashreplace")
        pragmas = ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"]
        pragmas += (
            ["query_only=ON", "cache_size=-1024"]
            if read_only
            else [f"wal_autocheckpoint={_LOG_PAGES}", f"journal_size_limit={_LOG_BYTES}"]
        )
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    event.listen(engine, "connect", prepare)
    return engine
