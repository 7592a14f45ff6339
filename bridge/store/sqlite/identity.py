"""The daemon's hold on the file of its store: no second daemon has it, and the next start opens this one.

The lock is on the file itself, by flock(2), which SQLite does not use: a file beside it could be deleted. The
file and SQLite's log of writes are known by device and inode, and by what SQLite only lets grow. So one that
was deleted, moved, replaced, cut off or overwritten is noticed before anybody hears that it keeps something,
and before the log is copied into it.
"""

import fcntl
import os
import threading
import time
from pathlib import Path
from typing import Final, Self

from bridge.errors import StoreError, StoreReplaced
from bridge.store.sqlite.write_log import WriteLog

_LOOK_SECONDS: Final = 0.05
"""Far longer than `StoreFile.is_held` has the lock."""
_MAGIC: Final = b"SQLite format 3\0"


class StoreFile:
    """A file that this process holds: `hold` makes one, `close` ends it once SQLite has closed the file."""

    def __init__(self, named: Path, path: Path, descriptor: int) -> None:
        self.path = path
        self._named = named
        self._descriptor = descriptor
        self._log: WriteLog | None = None
        self._watched: list[tuple[Path, tuple[int, int]]] = []
        self._changes, self._size = 0, 0
        self._checking = threading.Lock()

    @classmethod
    def hold(cls, named: Path) -> Self:
        """Hold the file of this name, or that it links to; make an empty one where there is none.

        Raises StoreError, also when another daemon has it.
        """
        path = named.resolve()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            place = error.filename or path
            raise StoreError(
                f"{place}: {error.strerror}: the store needs a folder it may write, and its file"
            ) from error
        if not (_locks(descriptor) or _locks_later(descriptor)):
            os.close(descriptor)
            raise StoreError(
                f"{path} is in use by another daemon: stop that one, or name another file as store.url"
            )
        return cls(named, path, descriptor)

    @staticmethod
    def is_held(named: Path) -> bool:
        """Whether a daemon holds the file of this name."""
        try:
            descriptor = os.open(named, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _locks(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def watch(self) -> None:
        """Begin to watch what SQLite has opened by now. Raises StoreError."""
        try:
            self._log = log = WriteLog(self.path)
        except OSError as error:
            raise StoreError(f"{error.filename}: {error.strerror}: the store needs this file") from error
        held = ((self._named, os.fstat(self._descriptor)), (log.path, log.stat()))
        self._watched = [(path, _identity(file)) for path, file in held]
        self.check()

    def check(self) -> None:
        """Look at what is watched, from any thread.

        Raises StoreReplaced unless the next start finds all that was written.
        """
        with self._checking:
            if self._log is not None:
                self._check_content(self._log)
            for path, identity in self._watched:
                _compare(path, identity)

    def _check_content(self, log: WriteLog) -> None:
        # The size first: another command may write between two calls, and SQLite cuts a file last.
        size, head = os.fstat(self._descriptor).st_size, os.pread(self._descriptor, 28, 0)
        changes = int.from_bytes(head[24:], "big")
        # SQLite counts changes of the first page, and makes the file smaller in no other way.
        shrunk = changes < self._changes or (size < self._size and changes == self._changes)
        is_ours = head.startswith(_MAGIC) and not shrunk
        if not (is_ours and log.is_whole()):
            # What is left in the log belongs to no file any more.
            log.empty()
            raise _replaced(log.path if is_ours else self._named, "was cut off or overwritten")
        self._changes, self._size = changes, size

    def close(self) -> None:
        """Let others hold the file. Before that SQLite must have closed it: its locks end with ours."""
        if self._log is not None:
            self._log.close()
        os.close(self._descriptor)


def _locks(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _locks_later(descriptor: int) -> bool:
    """Whether it was only looked whether somebody holds the file, which takes a moment."""
    time.sleep(_LOOK_SECONDS)
    return _locks(descriptor)


def _identity(file: os.stat_result) -> tuple[int, int]:
    return file.st_dev, file.st_ino


def _compare(path: Path, identity: tuple[int, int]) -> None:
    try:
        found = _identity(os.stat(path))  # noqa: PTH116  # Path's own takes longer than the call
    except OSError as error:
        raise _replaced(path, f"is gone ({error.strerror})") from error
    if found != identity:
        raise _replaced(path, "is another file now")


def _replaced(path: Path, what: str) -> StoreReplaced:
    return StoreReplaced(
        f"{path} {what} while the daemon had it open: it takes nothing more and ends. "
        "Put back the file that is to be used, with its -wal or without any (`buildbridge db check` says "
        "whether it is whole), and start the daemon again"
    )
