"""SQLite's log of writes: whether it still has all that its index says is committed.

The formats are those of SQLite's "WAL-mode File Format". The log has a head of 32 bytes, with two salts from
byte 16, and frames: 24 bytes with the same salts from byte 8, and a page. The index begins with two equal
copies of a head of 48 bytes, with the size of a page from byte 14, the number of committed frames from byte
16 and the salts from byte 32; it is written after the frames, and before SQLite cuts the log or begins it
anew, which changes the salts.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MAGICS: Final = frozenset({b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"})
_HEAD, _FRAME_HEAD, _INDEX_HEAD = 32, 24, 48
_TRIES: Final = 10
"""Each takes a moment; that another process writes the index in all of them is not to be expected."""


@dataclass(frozen=True, slots=True)
class _Committed:
    """Where the last committed frame begins, and the salts that it has; 0 for an empty log."""

    last: int
    salts: bytes


class WriteLog:
    """The log of a store that is open, and may be written meanwhile. Raises OSError without one."""

    def __init__(self, store: Path) -> None:
        self.path = Path(f"{store}-wal")
        self._log = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._index = os.open(f"{store}-shm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self._log)
            raise
        self._seen, self._size = _Committed(0, b""), 0

    def stat(self) -> os.stat_result:
        return os.fstat(self._log)

    def is_whole(self) -> bool:
        """Whether all that is committed is there, and all that was there at the last look.

        What is cut off behind the last committed frame is no loss, but no work of SQLite's.
        """
        for _ in range(_TRIES):
            if (committed := self._committed()) is None:
                continue
            size = self.stat().st_size
            is_whole = self._has(committed)
            if self._seen.last and committed.salts == self._seen.salts:
                # One that was cut off, and has grown again by a commit of just now, has a hole.
                is_whole = is_whole and size >= self._size and self._has(self._seen)
            if self._committed() == committed:
                self._seen, self._size = committed, size
                return is_whole
        return True

    def empty(self) -> None:
        os.ftruncate(self._log, 0)

    def close(self) -> None:
        os.close(self._log)
        os.close(self._index)

    def _committed(self) -> _Committed | None:
        """What the index says; None while it is being written."""
        heads = os.pread(self._index, 2 * _INDEX_HEAD, 0)
        head = heads[:_INDEX_HEAD]
        if head != heads[_INDEX_HEAD:]:
            return None
        page, count = (int.from_bytes(part, sys.byteorder) for part in (head[14:16], head[16:20]))
        # A page of 64 KiB is written as 1.
        frame = _FRAME_HEAD + (0x10000 if page == 1 else page)
        return _Committed(_HEAD + (count - 1) * frame if count else 0, head[32:40])

    def _has(self, committed: _Committed) -> bool:
        if not committed.last:
            return True
        head = os.pread(self._log, 24, 0)
        frame = os.pread(self._log, 8, committed.last + 8)
        return head[:4] in _MAGICS and head[16:] == frame == committed.salts
