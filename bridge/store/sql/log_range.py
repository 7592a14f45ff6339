"""A part of a log by its place in bytes, as clients that follow a log ask for it."""

from sqlalchemy import Connection, select

from bridge.store.schema import build_log
from bridge.store.sql import runs
from bridge.store.sql.logs import is_of_run, pieces
from bridge.store.values import LogRange

_CONTINUED = range(0x80, 0xC0)
"""The bytes of a character in UTF-8 after its first one."""


def log_range(
    connection: Connection, build_id: str, offset: int, length: int, run: int | None = None
) -> LogRange:
    """`Builds.log_range` in a transaction of the caller's."""
    run = run or runs.newest(connection, build_id) or 1
    where, same = runs.place(connection, build_id, run)
    query = select(where.c.log_bytes, where.c.log_mark, where.c.log_left_out).where(same)
    log = connection.execute(query).first()
    if log is None:
        return LogRange(begin=0, end=0, size=0, text="")
    begin = end = min(offset, log.log_bytes)
    parts: list[bytes] = []
    room = length
    texts = select(build_log.c.seq, build_log.c.place, build_log.c.text).where(is_of_run(build_id, run))
    for piece in pieces(connection, texts, first=_seq_at(connection, build_id, run, begin)):
        data = piece.text.encode()
        if piece.seq == log.log_mark:
            # What is left out is a part of the log, and the mark stands for it.
            parts.append(data)
            end, room = piece.place + log.log_left_out, room - len(data)
        else:
            part = data[max(0, begin - piece.place) :]
            if not parts:
                whole = _from_character(part)
                begin += len(part) - len(whole)
                part = whole
            taken = _whole_characters(part[:room])
            parts.append(taken)
            end = piece.place + len(data) - (len(part) - len(taken))
            room = room - len(taken) if len(taken) == len(part) else 0
        if room <= 0:
            break
    return LogRange(begin=begin, end=end, size=log.log_bytes, text=b"".join(parts).decode("utf-8", "replace"))


def _seq_at(connection: Connection, build_id: str, run: int, place: int) -> int:
    """The piece of a log that has this place in it."""
    here = (is_of_run(build_id, run), build_log.c.place <= place)
    newest = select(build_log.c.seq).where(*here).order_by(build_log.c.place.desc()).limit(1)
    return connection.execute(newest).scalar() or 0


def _from_character(data: bytes) -> bytes:
    """Without the rest of a character that began before."""
    skipped = 0
    while skipped < len(data) and data[skipped] in _CONTINUED:
        skipped += 1
    return data[skipped:]


def _whole_characters(data: bytes) -> bytes:
    """Without a character that is not whole."""
    return data.decode("utf-8", "ignore").encode()
