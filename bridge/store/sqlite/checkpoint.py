"""Checkpoints: copies commits from the write-ahead log into the file, in a thread beside the writer."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import structlog

from bridge.errors import StoreReplaced
from bridge.runtime.events import LogEvent

log = structlog.get_logger()

_ROWS: Final = 256
"""So many rows since the last copy are worth the next one."""
_PAUSE_SECONDS: Final = 0.1


class Checkpointer:
    """A thread that copies after many writes; few are left to SQLite's own checkpoint at a commit.

    SQLite's own makes the writer wait for the disk, and with it every delivery; but no other can empty a log
    that is always in use. After a copy it finds little to do. `check` raises StoreReplaced for a log, or a
    file, that is not what it was: both are left as they are.
    """

    def __init__(self, path: Path, check: Callable[[], None]) -> None:
        self._path = path
        self._check = check
        self._rows = 0
        self._due = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-checkpointer", daemon=True)
        self._thread.start()

    def wrote(self, rows: int) -> None:
        """Count committed rows; call it from one thread."""
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
        connecting = sqlite3.connect(self._path, timeout=0, isolation_level=None)
        with closing(connecting) as connection, suppress(StoreReplaced):  # the writer says so
            while self._due.wait() and not self._closing.is_set():
                self._due.clear()
                self._copy(connection)
                self._closing.wait(_PAUSE_SECONDS)

    def _copy(self, connection: sqlite3.Connection) -> None:
        try:
            self._check()
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()
        except (sqlite3.Error, OSError) as error:
            log.warning(LogEvent.STORE_CHECKPOINT_FAILED, error=str(error))
