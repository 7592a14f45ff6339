"""SQLite: one file, one process, and one thread of it that writes.

A commit is an fsync (`synchronous=FULL`).
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, Self

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from bridge.errors import StoreDied, StoreError, StoreReplaced
from bridge.runtime.disk import free_bytes
from bridge.runtime.events import LogEvent
from bridge.store.sql import database
from bridge.store.sql.database import READERS, Sizes, TransactionLost
from bridge.store.sql.queue import Write
from bridge.store.sqlite import migrate
from bridge.store.sqlite.checkpoint import Checkpointer
from bridge.store.sqlite.failures import reason
from bridge.store.sqlite.identity import StoreFile

log = structlog.get_logger()

BUSY_SECONDS: Final = 10
_LOG_PAGES: Final = 4_000
"""The size of the write-ahead log, in pages of 4 KiB, at which a commit copies it into the file."""
_LOG_BYTES: Final = _LOG_PAGES * 4096
"""To this size the log is cut when it begins anew: one large write does not keep its room for ever."""
_STEPS: Final = 10_000
"""Instructions of SQLite between two looks at the time: well below a millisecond."""


class Database(database.Database):
    """An open SQLite file: `open` makes one, `close` ends it."""

    def __init__(self, path: Path, file: StoreFile | None) -> None:
        super().__init__(_engine(path, pool_size=READERS, read_only=True))
        self._path = path
        self._file = file
        self._writer_engine = _engine(path, pool_size=1, read_only=False)
        # Not in the thread, so that a store that cannot be written raises for the caller of `open`.
        self._connection = _connect(self._writer_engine)
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        self._raw = raw
        if file is not None:
            self._watch_file(file)
        self._checkpointer = Checkpointer(path, self._check_file)
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

    def _watch_file(self, file: StoreFile) -> None:
        """Watch the file that is open now: another one that takes its place is not the store."""
        self._connection.exec_driver_sql("SELECT 1 FROM service").close()
        readers = [_connect(self._engine) for _ in range(READERS)]
        for reader in readers:
            reader.close()
        file.watch()

    @contextmanager
    def bounded(self, connection: Connection, seconds: float) -> Iterator[None]:
        """A reader that takes longer keeps the write-ahead log from being emptied."""
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        deadline = time.monotonic() + seconds
        raw.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        try:
            yield
        finally:
            raw.set_progress_handler(None, 0)

    def sizes(self, _connection: Connection) -> Sizes:
        """Raises StoreError."""
        log_size = 0
        with suppress(FileNotFoundError):  # it is made by the first write
            log_size = self._path.with_name(f"{self._path.name}-wal").stat().st_size
        try:
            return Sizes(self._path.stat().st_size, log_size, free_bytes(self._path.parent))
        except OSError as error:
            raise StoreError(f"the store cannot be read: {error}") from error

    def _commit(self, batch: list[Write]) -> None:
        try:
            self._execute("BEGIN IMMEDIATE")
            self._check_in_turn()
            self._apply(self._connection, batch)
            self._execute("COMMIT")
        except (sqlite3.Error, TransactionLost) as error:
            if self._raw.in_transaction:
                self._raw.rollback()
            failure = StoreError(f"the store cannot be written: {reason(error.__cause__ or error)}")
            for item in batch:
                item.error = failure
        self._check_file()

    def _execute(self, statement: str) -> None:
        self._raw.execute(statement)

    def _reason(self, error: BaseException) -> str | None:
        return reason(error) if isinstance(getattr(error, "orig", error), sqlite3.Error) else None

    def _is_lost(self) -> bool:
        return not self._raw.in_transaction  # a full disk makes SQLite roll all of it back

    def _watch(self) -> None:
        self._check_file()

    def _written(self) -> object:
        try:
            (others,) = self._raw.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return object()  # it may have been
        return others, self._raw.total_changes

    def _wrote(self, rows: int) -> None:
        self._checkpointer.wrote(rows)

    def _died(self, error: BaseException) -> StoreDied:
        if not isinstance(error, StoreReplaced):
            return super()._died(error)
        log.critical(LogEvent.STORE_REPLACED, error=str(error))
        self._empty_log()
        return error

    def _close(self) -> None:
        self._checkpointer.close(timeout=BUSY_SECONDS)
        self._connection.close()
        self._engine.dispose()
        self._writer_engine.dispose()
        if self._file is not None:
            self._file.close()

    def _check_file(self) -> None:
        """Before a caller hears that its rows are kept, or the log is copied. Raises StoreReplaced."""
        if self._file is not None:
            self._file.check()

    def _check_in_turn(self) -> None:
        """A commit makes a hole in a log that was cut off, even while it waited for its turn."""
        try:
            self._check_file()
        except StoreReplaced:
            self._raw.rollback()
            raise

    def _empty_log(self) -> None:
        """Copy the log into our own file, wherever that is now: another in its place must not be given it."""
        with suppress(sqlite3.Error):
            self._execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        raise StoreError(f"the store cannot be opened for writing: {reason(error)}") from error


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
