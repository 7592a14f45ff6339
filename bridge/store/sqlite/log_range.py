"""A part of a log by its place in bytes, as clients that follow a log ask for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from bridge.store.schema import build as table
from bridge.store.schema import build_log
from bridge.store.sqlite.logs import SIZE, is_of_run
from bridge.store.values import LogRange

_CONTINUED = range(0x80, 0xC0)
"""The bytes of a character in UTF-8 after its first one."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece and its place; a mark takes as much of the log as is left out in its place."""

    seq: int
    begin: int
    end: int
    is_mark: bool


def log_range(connection: Connection, build_id: str, offset: int, length: int) -> LogRange:
    """`Builds.log_range` in a transaction of the caller's."""
    pieces = list(_pieces(connection, build_id))
    size = pieces[-1].end if pieces else 0
    begin = min(offset, size)
    end, parts, room = begin, [], length
    for piece in pieces:
        if piece.end <= begin or room <= 0:
            continue
        data = _text(connection, build_id, piece.seq)
        if piece.is_mark:
            parts.append(data)
            end, room = piece.end, room - len(data)
            continue
        part = data[max(0, begin - piece.begin) :]
        if not parts:
            whole = _from_character(part)
            begin += len(part) - len(whole)
            part = whole
        taken = _whole_characters(part[:room])
        parts.append(taken)
        end = piece.end - (len(part) - len(taken))
        room = room - len(taken) if len(taken) == len(part) else 0
    return LogRange(begin=begin, end=end, size=size, text=b"".join(parts).decode("utf-8", "replace"))


def _pieces(connection: Connection, build_id: str) -> Iterator[_Piece]:
    log = connection.execute(
        select(table.c.log_mark, table.c.log_left_out).where(table.c.id == build_id)
    ).first()
    sizes = select(build_log.c.seq, SIZE).where(is_of_run(build_id, None)).order_by(build_log.c.seq)
    place = 0
    for seq, size in connection.execute(sizes):
        is_mark = log is not None and seq == log.log_mark
        end = place + (log.log_left_out if log is not None and is_mark else size)
        yield _Piece(seq, place, end, is_mark)
        place = end


def _text(connection: Connection, build_id: str, seq: int) -> bytes:
    query = select(build_log.c.text).where(build_log.c.build_id == build_id, build_log.c.seq == seq)
    text: str = connection.execute(query).scalar_one()
    return text.encode()


def _from_character(data: bytes) -> bytes:
    """Without the rest of a character that began before."""
    skipped = 0
    while skipped < len(data) and data[skipped] in _CONTINUED:
        skipped += 1
    return data[skipped:]


def _whole_characters(data: bytes) -> bytes:
    """Without a character that is not whole."""
    return data.decode("utf-8", "ignore").encode()
