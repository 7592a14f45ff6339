"""The daemon's hold on the file of its store: no second daemon has it, and the next start opens this one.

The lock is on the file itself, by flock(2), which SQLite does not use: a file beside it could be deleted. The
file and SQLite's log of writes are known by device and inode, and by what SQLite only lets grow. So one that
was deleted, moved, replaced, cut off or overwritten is noticed before anybody hears that it keeps something.
"""

import fcntl
import os
import sys
import time
from pathlib import Path
from typing import Final, Self

from bridge.errors import StoreError, StoreReplaced

_LOOK_SECONDS: Final = 0.05
"""Far longer than `StoreFile.is_held` has the lock."""
_MAGIC: Final = b"SQLite format 3\0"
_LOG_HEAD, _FRAME_HEAD = 32, 24
_LOG_MAGICS: Final = frozenset({b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"})


class StoreFile:
    """A file that this process holds: `hold` makes one, `close` ends it once SQLite has closed the file."""

    def __init__(self, named: Path, path: Path, descriptor: int) -> None:
        self.path = path
        self._named = named
        self._descriptor = descriptor
        self._log = Path(f"{path}-wal")
        self._log_descriptor = self._index_descriptor = -1
        self._watched: list[tuple[Path, tuple[int, int]]] = []
        self._changes, self._size = 0, 0
        self._salts, self._log_size, self._last_frame = b"", 0, 0

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
            self._log_descriptor = os.open(self._log, os.O_RDWR | os.O_CLOEXEC)
            self._index_descriptor = os.open(f"{self.path}-shm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(f"{self._log}: {error.strerror}: the store needs this log") from error
        held = ((self._named, self._descriptor), (self._log, self._log_descriptor))
        self._watched = [(path, _identity(os.fstat(descriptor))) for path, descriptor in held]
        self.check()

    def check(self) -> None:
        """Look at what is watched. Raises StoreReplaced unless the next start finds all that was written."""
        try:
            self._check_content()
        except StoreReplaced:
            # What is left in the log belongs to no file any more: where that was cut off it has holes.
            os.ftruncate(self._log_descriptor, 0)
            raise
        for path, identity in self._watched:
            _compare(path, identity)

    def _check_content(self) -> None:
        # The sizes first: another command may write between two calls, and SQLite cuts a file last.
        size, head = os.fstat(self._descriptor).st_size, os.pread(self._descriptor, 28, 0)
        changes = int.from_bytes(head[24:], "big")
        # SQLite counts changes of the first page, and makes the file smaller in no other way.
        shrunk = changes < self._changes or (size < self._size and changes == self._changes)
        if not head.startswith(_MAGIC) or shrunk:
            raise _replaced(self._named, "was cut off or overwritten")
        self._changes, self._size = changes, size
        size, head = os.fstat(self._log_descriptor).st_size, os.pread(self._log_descriptor, 24, 0)
        salts = head[16:]
        # An empty log is one of which all was copied; one that begins anew has other salts.
        is_same = bool(head) and salts == self._salts
        # One that was cut off, and grew again by a commit of just now, has a hole instead of its frames.
        is_cut = is_same and (size < self._log_size or not self._is_frame(self._last_frame, salts))
        if is_cut or (head and head[:4] not in _LOG_MAGICS):
            raise _replaced(self._log, "was cut off or overwritten")
        self._salts, self._log_size = salts, size
        last = self._find_last_frame()
        self._last_frame = last if self._is_frame(last, salts) else 0

    def _find_last_frame(self) -> int:
        """Where the last committed frame of the log begins, by SQLite's index of the log; 0 without one."""
        index = os.pread(self._index_descriptor, 20, 0)
        page, count = (int.from_bytes(part, sys.byteorder) for part in (index[14:16], index[16:20]))
        # A page of 64 KiB is written as 1.
        frame = _FRAME_HEAD + (0x10000 if page == 1 else page)
        return _LOG_HEAD + (count - 1) * frame if count else 0

    def _is_frame(self, at: int, salts: bytes) -> bool:
        """Whether a frame of the log with these salts begins there; also where none is looked for."""
        return not at or os.pread(self._log_descriptor, 8, at + 8) == salts

    def close(self) -> None:
        """Let others hold the file. Before that SQLite must have closed it: its locks end with ours."""
        for descriptor in (self._log_descriptor, self._index_descriptor):
            if descriptor >= 0:
                os.close(descriptor)
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
        "Put back the file that is to be used, with its -wal or without any, and start the daemon again"
    )
