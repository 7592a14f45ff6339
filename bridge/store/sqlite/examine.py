"""`db check`: whether the file of a store is whole, and what in it no daemon goes on with."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import URL, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from bridge.errors import StoreError
from bridge.store.schema import REVISION
from bridge.store.sql.examined import Examined, Glance, stuck_problems
from bridge.store.sqlite import migrate
from bridge.store.sqlite.backup import damage
from bridge.store.sqlite.database import BUSY_SECONDS
from bridge.store.sqlite.failures import reason

LOG_BYTES: Final = 256 << 20
"""A log of writes of this size is copied into the store by no one."""
_PUT_BACK: Final = "put back a backup: `buildbridge db restore FILE`"
_STEPS: Final = 10_000
"""Instructions of SQLite between two looks at the time: well below a millisecond."""


def examine(store: Path, now: float) -> Examined:
    """Read all of the store, beside a daemon that may be running. Raises StoreError, StoreTooNew."""
    migrate.check(store)
    try:
        with closing(sqlite3.connect(store, timeout=BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA query_only=ON")
            problems = [f"the file is damaged: {one}: {_PUT_BACK}" for one in damage(connection)]
        problems += _about_files(store)
        engine = create_engine(URL.create("sqlite", database=str(store)), poolclass=NullPool)
        with engine.connect() as read:
            problems += stuck_problems(read, now)
    except (sqlite3.Error, SQLAlchemyError) as error:
        raise StoreError(f"{store} cannot be read: {reason(error)}") from error
    return Examined(store.stat().st_size, log_bytes(store), REVISION, tuple(problems))


def glance(store: Path, seconds: float) -> Glance:
    """What shows of damage within so many seconds, beside a daemon. Raises StoreError."""
    deadline = time.monotonic() + seconds
    try:
        with closing(sqlite3.connect(store, timeout=seconds)) as connection:
            connection.execute("PRAGMA query_only=ON")
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise StoreError(f"{store} cannot be read: {reason(error)}") from error
        return Glance(is_whole=False, problems=tuple(_about_files(store)))
    except sqlite3.Error as error:
        raise StoreError(f"{store} cannot be read: {reason(error)}") from error
    damaged = () if found == "ok" else (f"the file is damaged: {found}: {_PUT_BACK}",)
    return Glance(is_whole=True, problems=(*damaged, *_about_files(store)))


def log_bytes(store: Path) -> int:
    """The size of the log of writes beside the store; 0 without one."""
    log = Path(f"{store}-wal")
    return log.stat().st_size if log.exists() else 0


def _about_files(store: Path) -> Iterator[str]:
    if (size := log_bytes(store)) > LOG_BYTES:
        yield (
            f"{store}-wal has grown to {size >> 20} MiB: a command that reads for long keeps it from being "
            "copied into the store; end that one"
        )
    if os.stat(store.resolve()).st_nlink > 1:  # noqa: PTH116  # of the file itself
        yield (
            f"{store} has a second name (a hard link), as a restore leaves it that was killed: delete the "
            "other one, which is no copy"
        )
