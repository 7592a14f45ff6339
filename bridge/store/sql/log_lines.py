"""The lines of logs by their numbers."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, select, update

from bridge.model.build import Build
from bridge.runtime.terminal import without_codes
from bridge.store.logs import (
    MAX_EXCERPT,
    MAX_LINE,
    MAX_LINES,
    MAX_TEXT,
    LogLines,
    LogMatches,
    NumberedLine,
)
from bridge.store.schema import build_log
from bridge.store.sql import runs
from bridge.store.sql.database import Database
from bridge.store.sql.logs import RunLog, is_counted, is_of_run, pieces

T = TypeVar("T")

_NOTHING: Final = LogLines(total=0, open=False, rows=())


class Logs:
    """The logs of one store: `bridge.store.logs.Logs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lines(
        self, build_id: str, first: int, count: int, *, run: int | None = None, from_end: bool = False
    ) -> LogLines:
        def work(connection: Connection, log: _Log) -> LogLines:
            return log.lines(connection, first, count, from_end=from_end)

        return await self._read(build_id, run, work) or _NOTHING

    async def search(self, build_id: str, text: str, *, run: int | None = None) -> LogMatches:
        def work(connection: Connection, log: _Log) -> LogMatches:
            return log.search(connection, text)

        found = None if "\n" in text else await self._read(build_id, run, work)
        return found or LogMatches(count=0, rows=())

    async def note_failed_line(self, build: Build, number: int) -> None:
        def work(connection: Connection) -> None:
            where, same = runs.place(connection, build.id, build.run)
            as_read = where.c.log_offset == build.log_offset
            connection.execute(update(where).where(same, as_read).values(failed_line=number))

        await self._database.write(work)

    async def _read(
        self, build_id: str, run: int | None, work: "Callable[[Connection, _Log], T]"
    ) -> T | None:
        """What `work` finds in the log of a run; None without one."""

        def read(connection: Connection) -> tuple[T | None, int | None]:
            """That, or the run whose lines are to be counted before."""
            found = run or runs.newest(connection, build_id) or 1
            where, same = runs.place(connection, build_id, found)
            log = connection.execute(select(where.c.log_lines, where.c.log_mark).where(same)).first()
            if log is None:
                return None, None
            if not is_counted(log.log_lines):
                return None, found
            return work(connection, _Log(is_of_run(build_id, found), log.log_lines, log.log_mark)), None

        result, uncounted = await self._database.read(read, snapshot=True)
        if uncounted is not None:
            await self._database.write(RunLog(build_id, uncounted).count_lines)
            result, _ = await self._database.read(read, snapshot=True)
        return result


@dataclass(frozen=True, slots=True)
class _Log:
    """The log of a run: the condition of its pieces, its ended lines, and the piece that is the mark."""

    ours: ColumnElement[bool]
    ended: int
    mark: int | None

    def lines(self, connection: Connection, first: int, count: int, *, from_end: bool) -> LogLines:
        newest = select(build_log.c.text).where(self.ours).order_by(build_log.c.seq.desc()).limit(1)
        last = connection.execute(newest).scalar() or "\n"
        is_open = not last.endswith("\n")
        total = self.ended + is_open
        first = max(1, first if first > 0 else total + first)
        rows: deque[NumberedLine] = deque()
        size, limit = 0, min(count, MAX_LINES)
        for line in self._from(connection, first):
            if from_end:
                is_enough = (line.number or line.before + 1) >= first + limit
            else:
                is_enough = len(rows) == limit or size > MAX_TEXT
            if is_enough:
                break
            rows.append(line)
            size += len(line.text)
            while size > MAX_TEXT and from_end and len(rows) > 1:
                size -= len(rows.popleft().text)
        return LogLines(total=total, open=is_open, rows=tuple(rows))

    def _from(self, connection: Connection, first: int) -> Iterator[NumberedLine]:
        """The lines from the number `first` on; the mark is one of them where one it stands for is."""
        piece = build_log.c
        query = select(piece.seq, piece.line, piece.text).where(self.ours)
        before = query.with_only_columns(piece.seq).where(piece.line < first - 1)
        before = before.order_by(piece.line.desc(), piece.seq.desc()).limit(1)
        seq = connection.execute(before).scalar() or 0
        if seq == self.mark:
            seq -= 1  # which line is before the mark, the piece before it says
        for line in self._numbered(pieces(connection, query, first=seq), first):
            if line.number is None or line.number >= first:
                yield line

    def _numbered(self, found: Iterable[Any], first: int) -> Iterator[NumberedLine]:
        line, number = _Line(), 0
        mark: NumberedLine | None = None
        for piece in found:
            if mark is not None and piece.line >= first:
                yield mark
            mark, number = None, piece.line + 1
            if piece.seq == self.mark:
                before = number if line.length else number - 1
                if line.length:
                    yield line.end(number)
                text = piece.text.strip("\n")
                mark = NumberedLine(None, text, len(text), before)
                continue
            *ended, rest = piece.text.split("\n")
            for text in ended:
                line.add(text)
                yield line.end(number)
                number += 1
            line.add(rest)
        if mark is not None and self.ended >= first:
            yield mark
        if line.length:
            yield line.end(number)

    def search(self, connection: Connection, text: str) -> LogMatches:
        needle, count = text.lower(), 0
        rows: list[tuple[int, str]] = []
        piece = build_log.c
        query = select(piece.seq, piece.line, piece.text).where(self.ours)
        for number, lines in self._whole(pieces(connection, query)):
            lowered = lines.lower()
            at = lowered.find(needle)
            passed, upto = 0, 0
            while at >= 0:
                count += 1
                if len(rows) < MAX_LINES:
                    passed += lowered.count("\n", upto, at)
                    upto = at
                    rows.append((number + passed, _excerpt(lines, lowered, at, len(needle))))
                end = lowered.find("\n", at)
                at = -1 if end < 0 else lowered.find(needle, end + 1)
        return LogMatches(count=count, rows=tuple(rows))

    def _whole(self, found: Iterable[Any]) -> Iterator[tuple[int, str]]:
        """Whole lines, as many as come at once, with the number of the first, and without codes."""
        begun: list[str] = []
        number = 1
        for piece in found:
            if piece.seq == self.mark:
                if begun:
                    yield number, without_codes("".join(begun))
                begun = []
                continue
            number = piece.line + 1
            ended, end, rest = piece.text.rpartition("\n")
            if end:
                yield number, without_codes("".join([*begun, ended]))
                begun, number = [], number + piece.text.count("\n")
            begun += [rest] if rest else []
        if begun:
            yield number, without_codes("".join(begun))


class _Line:
    """A line that comes in parts: of a long one both ends are kept."""

    def __init__(self) -> None:
        self._text, self.length = "", 0

    def add(self, part: str) -> None:
        self.length += len(part)
        self._text += part
        if len(self._text) > MAX_LINE:
            self._text = self._text[: MAX_LINE // 2] + self._text[-MAX_LINE // 2 :]

    def end(self, number: int) -> NumberedLine:
        """The line, of that number; another one begins."""
        line = NumberedLine(number, self._text, self.length)
        self._text, self.length = "", 0
        return line


def _excerpt(lines: str, lowered: str, at: int, length: int) -> str:
    """The line around a match, of at most 200 characters; `lowered` are the lines in lower case."""
    if len(lowered) != len(lines):
        # A few letters become two in lower case: the line is counted.
        number = lowered.count("\n", 0, at)
        at -= lowered.rfind("\n", 0, at) + 1
        lines = lines.split("\n")[number]
    begin, end = lines.rfind("\n", 0, at) + 1, lines.find("\n", at)
    end = len(lines) if end < 0 else end
    begin = max(begin, at - max(0, MAX_EXCERPT - length) // 2)
    return lines[begin : min(end, begin + MAX_EXCERPT)]
