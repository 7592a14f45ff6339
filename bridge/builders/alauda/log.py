"""Logs of Alauda: rows with a time in seconds, asked for from the time of the last one on.

An offset is that time, and how many of the rows with it were returned: so the overlap of two answers is left
out. Where rows have no time, or are not in the order of time, the log is read whole each time: the offset has
the bit `_WHOLE` then, and counts rows. What a service leaves out of an answer for want of a time is not seen.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from bridge.builders.alauda.client import AlaudaServer
from bridge.builders.alauda.model import AlaudaRef, AlaudaRow
from bridge.builders.base import LogChunk
from bridge.builders.log_text import PIECE
from bridge.errors import Transient

_ROWS_BITS: Final = 29
_WHOLE: Final = 1 << 62
_MAX_TIME: Final = (1 << 33) - 1
_CUT: Final = " (the rest of this line is left out)"


async def log_chunk(server: AlaudaServer, ref: AlaudaRef, offset: int) -> LogChunk:
    """The text from `offset` on; from the beginning where there is no such place. Raises RemoteError."""
    counted = offset >= _WHOLE
    since, passed = (0, offset - _WHOLE) if counted else divmod(offset, 1 << _ROWS_BITS)
    rows = await _rows(server, ref, since)
    if offset and not rows:
        # Nothing of what was shown before: no reason to drop what was read of it.
        return LogChunk(text="", next=offset, more=False)
    if since and not _timed(rows):
        rows = await _rows(server, ref, 0)
    begin = passed if counted else _place(rows, since, passed)
    restarted = begin is None or begin > len(rows)
    if restarted and since:
        rows = await _rows(server, ref, 0)
    end, text = _piece(rows, 0 if begin is None or restarted else begin)
    place = _offset(rows[:end], counted=counted or not _timed(rows))
    return LogChunk(text=text, next=place, more=end < len(rows), restarted=restarted)


def _offset(rows: Sequence[AlaudaRow], *, counted: bool) -> int:
    """The offset behind these rows, which are all from some second on."""
    if counted:
        return _WHOLE + len(rows)
    if not rows:
        return 0
    last = _second(rows[-1])
    return (last << _ROWS_BITS) + sum(_second(row) == last for row in rows)


async def _rows(server: AlaudaServer, ref: AlaudaRef, since: int) -> Sequence[AlaudaRow]:
    rows = await server.rows(ref.id, since)
    if rows is None:
        raise Transient("Alauda does not show the log now (404)")
    return rows


def _second(row: AlaudaRow) -> int:
    """The time of a row, 0 without a usable one."""
    return int(row.time) if row.time is not None and 1 <= row.time <= _MAX_TIME else 0


def _timed(rows: Sequence[AlaudaRow]) -> bool:
    """Whether each row has a time, and none an earlier one than that before it."""
    seconds = [_second(row) for row in rows]
    return all(seconds) and all(one <= other for one, other in pairwise(seconds))


def _place(rows: Sequence[AlaudaRow], since: int, passed: int) -> int | None:
    """Behind how many rows those lie that were not returned; None where what was returned is not there."""
    place = next((at for at, row in enumerate(rows) if _second(row) >= since), len(rows))
    for _ in range(passed):
        while place < len(rows) and _second(rows[place]) < since:
            place += 1
        if place == len(rows) or _second(rows[place]) != since:
            return None
        place += 1
    return place


def _piece(rows: Sequence[AlaudaRow], start: int) -> tuple[int, str]:
    """As many rows from `start` on as a piece holds, and at least one: where they end, and their text."""
    lines: list[str] = []
    size = 0
    for row in rows[start:]:
        line = (row.message or "").replace("\r\n", "\n").removesuffix("\n") + "\n"
        data = line.encode(errors="replace")
        if lines and size + len(data) > PIECE:
            break
        if len(data) > PIECE:
            line = data[: PIECE - len(_CUT) - 1].decode(errors="ignore") + _CUT + "\n"
        lines.append(line if len(data) > PIECE else data.decode())
        size += len(data)
    return start + len(lines), "".join(lines)
