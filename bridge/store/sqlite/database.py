"""SQLite under one writer: callers wait for the commit that holds their rows, and commits are shared.

One thread owns the only connection that writes. It takes what is waiting, runs it in one transaction and
commits once (`synchronous=FULL`: the commit is an fsync). Each piece of work stands under its own savepoint,
so that one that fails takes nothing with it; rows of one kind can be written together, under one savepoint.
Reads run on connections of their own, in a few threads.
"""

import math
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
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
from bridge.runtime.metrics import WRITE_SECONDS
from bridge.store.sqlite import migrate
from bridge.store.sqlite.checkpoint import Checkpointer
from bridge.store.sqlite.failures import reason
from bridge.store.sqlite.identity import StoreFile
from bridge.store.sqlite.queue import ALONE, Write, WriteQueue, hand_back

log = structlog.get_logger()

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[Connection], T]
Bulk = Callable[[Connection, Sequence[R]], Sequence[T]]
"""Writes many rows with few statements; an answer for each, in their order."""

READERS: Final = 4
"""A list, a search in a log and the look for a failure may take one each: one is left for the daemon."""
BUSY_SECONDS: Final = 10
BEAT_SECONDS: Final = 30.0
_LOG_PAGES: Final = 4_000
"""The size of the write-ahead log, in pages of 4 KiB, at which a commit copies it into the file."""
_LOG_BYTES: Final = _LOG_PAGES * 4096
"""To this size the log is cut when it begins anew: one large write does not keep its room for ever."""


class Database:
    """An open SQLite file: `open` makes one, `close` ends it. Use it from one event loop."""

    def __init__(self, path: Path, file: StoreFile | None) -> None:
        self._file = file
        self._engine = _engine(path, pool_size=READERS, read_only=True)
        self._writer_engine = _engine(path, pool_size=1, read_only=False)
        self._queue = WriteQueue()
        self._readers = anyio.CapacityLimiter(READERS)
        self._beat = time.monotonic()
        # Not in the thread, so that a store that cannot be written raises for the caller of `open`.
        self._connection = _connect(self._writer_engine)
        if file is not None:
            self._watch(file)
        self._checkpointer = Checkpointer(path, self._check_file)
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
        result: T = await self._queue.add(work, ALONE, math.inf)
        return result

    def add(self, bulk: Bulk[R, T], row: R, *, patience: float = math.inf) -> Awaitable[T]:
        """As `write`, but the rows that wait for the same `bulk` are written by one call of it.

        After `patience` seconds it raises StoreError; a row that the writer has begun may be written yet.
        """
        return self._queue.add(bulk, row, patience)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a read-only connection. Raises StoreError."""

        def run() -> T:
            try:
                with self._engine.connect() as connection:
                    return work(connection)
            except DBAPIError as error:
                raise StoreError(f"the store cannot be read: {reason(error)}") from error

        return await anyio.to_thread.run_sync(run, limiter=self._readers)

    @property
    def beating(self) -> bool:
        """Whether the writer thread made progress within the last half minute."""
        return time.monotonic() - self._beat < BEAT_SECONDS

    def close(self) -> None:
        """Write what is waiting, then close. Safe to call twice."""
        if not self._queue.close():
            return
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
        return self._queue.death

    def _run(self) -> None:
        batch: list[Write] = []
        try:
            with self._connection as connection:
                while not self._queue.ended:
                    woken = self._queue.ready.wait(timeout=1)
                    self._queue.ready.clear()
                    self._beat = time.monotonic()
                    if not woken:
                        self._check_file()
                    while batch := self._queue.take():
                        # A commit into a log that was cut off makes a hole in it.
                        self._check_file()
                        with WRITE_SECONDS.time():
                            _commit(connection, batch)
                        self._check_file()
                        self._beat = time.monotonic()
                        hand_back(batch)
                        self._checkpointer.wrote(len(batch))
        except StoreReplaced as error:
            log.critical(LogEvent.STORE_REPLACED, error=str(error))
            self._queue.die(error, batch)
            self._empty_log()
        except BaseException as error:  # whatever it is, no caller may wait for this thread
            log.critical(LogEvent.STORE_WRITER_DIED, error=repr(error), exc_info=error)
            why = f"the store's writer has died: {error}: a restart goes on from the disk"
            self._queue.die(StoreDied(why), batch)

    def _check_file(self) -> None:
        """Before a caller hears that its rows are kept, or the log is copied. Raises StoreReplaced."""
        if self._file is not None:
            self._file.check()

    def _empty_log(self) -> None:
        """Copy the log into our own file, wherever that is now: another in its place must not be given it."""
        with suppress(DBAPIError), self._writer_engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        raise StoreError(f"the store cannot be opened for writing: {reason(error)}") from error


def _commit(connection: Connection, batch: list[Write]) -> None:
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
        failure = StoreError(f"the store cannot be written: {reason(error)}")
        for item in batch:
            item.error = failure


def _bulk(item: Write) -> Bulk[Any, Any] | None:
    return None if item.row is ALONE else item.work


def _apply(connection: Connection, raw: sqlite3.Connection, item: Write) -> None:
    raw.execute("SAVEPOINT work")
    try:
        item.result = item.work(connection)
    except Exception as error:  # noqa: BLE001  # it belongs to the caller, not to the writer
        item.error = _failure(raw, error)
        raw.execute("ROLLBACK TO work")
    raw.execute("RELEASE work")


def _apply_bulk(
    connection: Connection, raw: sqlite3.Connection, bulk: Bulk[Any, Any], items: list[Write]
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
        return StoreError(f"the store cannot be written: {reason(failed)}")
    return error


def _engine(path: Path, *, pool_size: int, read_only: bool) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_use_lifo=True,  # the others keep no pages in memory until they are needed
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
