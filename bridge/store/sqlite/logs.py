"""The logs of builds: of a long one the beginning and the end are kept, with a mark between them."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    and_,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)

from bridge.model.build import log_mark
from bridge.store.schema import build as table
from bridge.store.schema import build_log
from bridge.store.sqlite import runs

_LONGEST_LINE: Final = 64 << 10
_AGAIN: Final = "\n--- the log starts again ---\n"
SIZE: Final = func.length(cast(build_log.c.text, LargeBinary))
"""The bytes of a piece: without the cast it would be its characters."""


def is_of_run(build_id: str, run: int | None) -> ColumnElement[bool]:
    """The pieces of one run of a build, the newest where `run` is None."""
    newest = select(table.c.run).where(table.c.id == build_id).scalar_subquery()
    return and_(build_log.c.build_id == build_id, build_log.c.run == (newest if run is None else run))


@dataclass(frozen=True, slots=True)
class RunLog:
    """The log of one run of a build; `seq` counts over the logs of all its runs."""

    build_id: str
    run: int

    @property
    def _ours(self) -> ColumnElement[bool]:
        return is_of_run(self.build_id, self.run)

    def unfinished_line(self, connection: Connection) -> str:
        """The end of the log after its last line break, at most 64 Ki characters."""
        newest = select(build_log.c.text).where(self._ours).order_by(build_log.c.seq.desc())
        parts: list[str] = []
        for text in connection.execute(newest.limit(_LONGEST_LINE)).scalars():
            _, end, part = text.rpartition("\n")
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
        query = select(where.c.log_bytes, where.c.log_mark, where.c.log_left_out).where(same)
        log = connection.execute(query).one()
        kept = log.log_bytes
        if text.startswith(begun):
            text = text.removeprefix(begun)
        else:
            kept -= self._take_back(connection, begun)
        if restarted and kept:
            text = f"{_AGAIN}{text}"
        change = {"log_offset": offset, "log_bytes": kept + len(text.encode())}
        if text:
            self._insert(connection, now, text)
            excess = change["log_bytes"] - log.log_left_out - limit
            if excess > 0:
                change |= self._cut(connection, log.log_mark, log.log_left_out, limit=limit, excess=excess)
        connection.execute(update(where).where(same).values(**change))

    def _take_back(self, connection: Connection, line: str) -> int:
        """Remove the unfinished line from the end of the log; returns its bytes."""
        left = len(line)
        newest = select(build_log.c.seq, build_log.c.text).where(self._ours)
        newest = newest.order_by(build_log.c.seq.desc()).limit(1)
        while left and (piece := connection.execute(newest).first()):
            here = (self._ours, build_log.c.seq == piece.seq)
            if len(piece.text) <= left:
                connection.execute(delete(build_log).where(*here))
            else:
                connection.execute(update(build_log).where(*here).values(text=piece.text[:-left]))
            left -= min(left, len(piece.text))
        return len(line.encode())

    def _insert(self, connection: Connection, now: float, text: str) -> None:
        last = select(func.max(build_log.c.seq)).where(build_log.c.build_id == self.build_id)
        seq = connection.execute(last).scalar_one()
        piece = {"build_id": self.build_id, "run": self.run, "at": now, "text": text}
        connection.execute(insert(build_log).values(seq=0 if seq is None else seq + 1, **piece))

    def _cut(
        self, connection: Connection, mark: int | None, left_out: int, *, limit: int, excess: int
    ) -> dict[str, int]:
        """Leave out `excess` bytes between the beginning and the end; returns where, and how many in all."""
        ours = self._ours
        sizes = select(build_log.c.seq, SIZE.label("size")).where(ours).order_by(build_log.c.seq)
        if mark is None:
            mark, size = _first_beyond([(row.seq, row.size) for row in connection.execute(sizes)], limit // 2)
            left_out += size
            excess -= size
        newest = connection.execute(select(func.max(build_log.c.seq)).where(ours)).scalar_one()
        first = mark + 1
        # Only what goes is looked at: to know the size of a piece it has to be read.
        with connection.execute(sizes.where(build_log.c.seq > mark)) as tail:
            for row in tail:
                first = row.seq
                if excess <= 0 or first == newest:
                    break
                excess -= row.size
                left_out += row.size
        connection.execute(delete(build_log).where(ours, build_log.c.seq > mark, build_log.c.seq < first))
        left_out += _begin_with_a_line(connection, self.build_id, first)
        text = f"\n--- {log_mark(left_out, limit)} ---\n"
        connection.execute(update(build_log).where(ours, build_log.c.seq == mark).values(text=text))
        return {"log_mark": mark, "log_left_out": left_out}


def _first_beyond(sizes: list[tuple[int, int]], limit: int) -> tuple[int, int]:
    """The first piece that does not fit into the limit together with those before it."""
    total = 0
    for seq, size in sizes:
        total += size
        if total > limit:
            return seq, size
    return sizes[-1]


def _begin_with_a_line(connection: Connection, build_id: str, seq: int) -> int:
    """Take half a line from the beginning of a piece; returns its bytes."""
    piece = (build_log.c.build_id == build_id, build_log.c.seq == seq)
    text = connection.execute(select(build_log.c.text).where(*piece)).scalar_one_or_none() or ""
    half, end, rest = text.partition("\n")
    if not end or not rest:
        return 0
    connection.execute(update(build_log).where(*piece).values(text=rest))
    return len(half.encode()) + 1
