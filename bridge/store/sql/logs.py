"""The logs of builds: of a long one the beginning and the end are kept, with a mark between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from bridge.model.build import log_mark
from bridge.store.schema import build as table
from bridge.store.schema import build_log
from bridge.store.sql import runs

_LONGEST_LINE: Final = 64 << 10
_PIECES: Final = 32
"""At most so many are read at once."""
_NOT_COUNTED: Final = -1
_AGAIN: Final = "\n--- the log starts again ---\n"


def is_of_run(build_id: str, run: int | None) -> ColumnElement[bool]:
    """The pieces of one run of a build, the newest where `run` is None."""
    newest = select(table.c.run).where(table.c.id == build_id).scalar_subquery()
    return and_(build_log.c.build_id == build_id, build_log.c.run == (newest if run is None else run))


def pieces(
    connection: Connection, query: Select[Any], *, first: int = 0, from_end: bool = False
) -> Iterator[Row[Any]]:
    """The pieces that a query with their `seq` finds, in order from `first` on, or the other way round.

    They are asked for as they are needed: the driver of PostgreSQL has all in memory before it gives one.
    So a reader of them needs a snapshot.
    """
    seq = build_log.c.seq
    query = query.order_by(seq.desc() if from_end else seq)
    part, count = query.where(seq >= first), 1
    while rows := connection.execute(part.limit(count)).all():
        yield from rows
        if len(rows) < count:
            return
        last = rows[-1].seq
        part = query.where(seq < last, seq >= first) if from_end else query.where(seq > last)
        count = min(2 * count, _PIECES)


def is_counted(lines: int) -> bool:
    """Whether the lines of a log, of which so many have ended, have their numbers."""
    return lines != _NOT_COUNTED


@dataclass(frozen=True, slots=True)
class RunLog:
    """The log of one run of a build; `seq` counts over the logs of all its runs."""

    build_id: str
    run: int

    def count_lines(self, connection: Connection) -> int:
        """How many lines of the log have ended; of one from before lines were counted they are counted now.

        How many an older mark stands for is not known: it counts as one.
        """
        where, same = runs.place(connection, self.build_id, self.run)
        log = connection.execute(select(where.c.log_lines, where.c.log_mark).where(same)).one()
        if is_counted(log.log_lines):
            return int(log.log_lines)
        line, counted = 0, []
        for piece in pieces(connection, self._texts):
            counted.append({"the_seq": piece.seq, "the_line": line})
            line += 1 if piece.seq == log.log_mark else piece.text.count("\n")
        if counted:
            here = (build_log.c.build_id == self.build_id, build_log.c.seq == bindparam("the_seq"))
            connection.execute(update(build_log).where(*here).values(line=bindparam("the_line")), counted)
        connection.execute(update(where).where(same).values(log_lines=line))
        return line

    @property
    def _ours(self) -> ColumnElement[bool]:
        return is_of_run(self.build_id, self.run)

    @property
    def _texts(self) -> Select[tuple[int, str]]:
        return select(build_log.c.seq, build_log.c.text).where(self._ours)

    def unfinished_line(self, connection: Connection) -> str:
        """The end of the log after its last line break, at most 64 Ki characters."""
        parts: list[str] = []
        for piece in pieces(connection, self._texts, from_end=True):
            _, end, part = piece.text.rpartition("\n")
            parts.append(part)
            if end or sum(map(len, parts)) > _LONGEST_LINE:
                break
        return "".join(reversed(parts))[-_LONGEST_LINE:]

    def append(
        self,
        connection: Connection,
        now: float,
        text: str,
        *,
        begun: str,
        offset: int,
        restarted: bool,
        limit: int,
    ) -> None:
        """Add to the log, of which at most `limit` bytes are kept; the builder's own was read up to `offset`.

        `text` begins with what the line that has `begun` is now: only where that is another, it is rewritten.
        """
        where, same = runs.place(connection, self.build_id, self.run)
        columns = where.c.log_bytes, where.c.log_lines, where.c.log_mark, where.c.log_left_out
        query = select(*columns).where(same)
        log = connection.execute(query).one()
        kept = log.log_bytes
        ended = log.log_lines if is_counted(log.log_lines) else self.count_lines(connection)
        if text.startswith(begun):
            text = text.removeprefix(begun)
        else:
            kept -= self._take_back(connection, begun)
        if restarted and kept:
            text = f"{_AGAIN}{text}"
        size, lines = kept + len(text.encode()), ended + text.count("\n")
        change: dict[str, int | None] = {"log_offset": offset, "log_bytes": size, "log_lines": lines}
        change["failed_line"] = None  # another one may say it now
        if text:
            self._insert(connection, now, text, place=kept, line=ended)
            if size - log.log_left_out > limit:
                change |= self._cut(connection, log.log_mark, size, limit)
        connection.execute(update(where).where(same).values(**change))

    def _take_back(self, connection: Connection, line: str) -> int:
        """Remove the unfinished line from the end of the log; returns its bytes."""
        left = len(line)
        newest = self._texts.order_by(build_log.c.seq.desc()).limit(1)
        while left and (piece := connection.execute(newest).first()):
            here = (self._ours, build_log.c.seq == piece.seq)
            if len(piece.text) <= left:
                connection.execute(delete(build_log).where(*here))
            else:
                connection.execute(update(build_log).where(*here).values(text=piece.text[:-left]))
            left -= min(left, len(piece.text))
        return len(line.encode())

    def _insert(self, connection: Connection, now: float, text: str, *, place: int, line: int) -> None:
        last = select(func.max(build_log.c.seq)).where(build_log.c.build_id == self.build_id)
        seq = connection.execute(last).scalar_one()
        piece = {"build_id": self.build_id, "run": self.run, "at": now, "text": text}
        piece |= {"place": place, "line": line}
        connection.execute(insert(build_log).values(seq=0 if seq is None else seq + 1, **piece))

    def _cut(self, connection: Connection, mark: int | None, size: int, limit: int) -> dict[str, int]:
        """Leave out what `size` bytes have over the limit, between the beginning and the end.

        Returns where that is, and how many bytes in all.
        """
        ours, piece = self._ours, build_log.c
        placed = select(piece.seq, piece.place).where(ours)
        is_mark = piece.place <= limit // 2 if mark is None else piece.seq == mark
        found = connection.execute(placed.where(is_mark).order_by(piece.place.desc()).limit(1)).one()
        mark = found.seq
        behind = placed.where(piece.place > found.place)
        kept = behind.where(piece.place >= found.place + size - limit).order_by(piece.place).limit(1)
        newest = behind.order_by(piece.place.desc()).limit(1)
        first = connection.execute(kept).first() or connection.execute(newest).first()
        left_out = size - found.place
        if first is not None:
            left_out = first.place - found.place + _begin_with_a_line(connection, self.build_id, first.seq)
            gone = (piece.seq > mark, piece.seq < first.seq)
            connection.execute(delete(build_log).where(ours, *gone))
        text = f"\n--- {log_mark(left_out, limit)} ---\n"
        connection.execute(update(build_log).where(ours, piece.seq == mark).values(text=text))
        return {"log_mark": mark, "log_left_out": left_out}


def _begin_with_a_line(connection: Connection, build_id: str, seq: int) -> int:
    """Take half a line from the beginning of a piece; returns its bytes."""
    piece = (build_log.c.build_id == build_id, build_log.c.seq == seq)
    text = connection.execute(select(build_log.c.text).where(*piece)).scalar_one_or_none() or ""
    half, end, rest = text.partition("\n")
    if not end or not rest:
        return 0
    size = len(half.encode()) + 1
    after = {"place": build_log.c.place + size, "line": build_log.c.line + 1}
    connection.execute(update(build_log).where(*piece).values(text=rest, **after))
    return size
