"""Copies what is committed from the write-ahead log into the file, beside the writer and not in its way."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

import structlog

from bridge.runtime.events import LogEvent

log = structlog.get_logger()

_ROWS: Final = 256
"""Written since the last copy, they are worth the next one."""
_PAUSE_SECONDS: Final = 0.1


class Checkpointer:
    """A thread that copies after many writes; few are left to SQLite's own checkpoint at a commit.

    That one makes the writer wait for the disk, and so every delivery on its way; but it alone can empty a
    log that never rests. After a copy it finds little to do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = 0
        self._due = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-checkpointer", daemon=True)
        self._thread.start()

    def wrote(self, rows: int) -> None:
        """Say that so many rows were committed; for one thread."""
        self._rows += rows
        if self._rows >= _ROWS:
            self._rows = 0
            self._due.set()

    def close(self, timeout: float) -> None:
        """End, after at most `timeout` seconds."""
        self._closing.set()
        self._due.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as connection:
            while self._due.wait() and not self._closing.is_set():
                self._due.clear()
                _copy(connection)
                self._closing.wait(_PAUSE_SECONDS)


def _copy(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()
    except sqlite3.Error as error:
        log.warning(LogEvent.STORE_CHECKPOINT_FAILED, error=str(error))
