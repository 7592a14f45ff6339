"""Copies the store that one URL names into the place that another one names, whatever their engines.

Table by table, in the order in which their rows point to each other, and in parts of bounded size. At the end
both sides are read once more, and compared. Neither can be served meanwhile, nor the source be written.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import Table
from sqlalchemy.engine import make_url

from bridge.errors import StoreError
from bridge.store.open import POSTGRES, postgres, sqlite_file
from bridge.store.schema import metadata
from bridge.store.sql.side import AGAIN, Content, Position, Row, Side
from bridge.store.sqlite import side as sqlite
from bridge.store.upkeep import Progress

_ROWS: Final = 2_000
_BYTES: Final = 2 << 20
"""What a part takes at most, but for its last row; of texts the letters count."""
_PASSES: Final = 4
"""Each row is copied, indexed, and read once more on both sides."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that is complete, and equal: rows by table, and the checksum that both sides have.

    `altered` texts had a NUL, which PostgreSQL does not keep: there it is U+FFFD. `resumed` is one that an
    earlier command had begun.
    """

    rows: dict[str, int]
    checksum: str
    altered: int
    resumed: bool


def copy(source_url: str, target_url: str, *, progress: Progress) -> Copied:
    """Copy a store into an empty place, or go on with that. `progress` takes steps, and how many there are.

    A daemon takes what is there only once all of it is. Raises StoreError, StoreTooNew.
    """
    source_name = _name(source_url)
    if source_name == _name(target_url):
        raise StoreError("a store cannot be copied into itself: name another place")
    (ours, from_place), (theirs, to_place) = _engine(source_url), _engine(target_url)
    with (
        _failing((ours, theirs), "the copy has stopped: {}; when run again, this command goes on"),
        ExitStack() as stack,
    ):
        with _failing((ours, theirs), "the copy cannot be begun: {}"):
            source = stack.enter_context(ours.source(from_place))
            target = stack.enter_context(theirs.target(to_place))
            begun = target.begin(source_name, source.state())
        work = _Work(source, target, progress)
        work.copy_rows(begun)
        work.add_indexes()
        found = work.compared()
        target.end(source.numbers())
    return Copied(
        {name: one.rows for name, one in found.items()},
        sha256(
            repr(sorted((name, one.rows, one.digest) for name, one in found.items())).encode()
        ).hexdigest(),
        sum(one.altered for one in found.values()),
        begun != Position(metadata.sorted_tables[0], None),
    )


class _Work:
    """The steps of one copy."""

    def __init__(self, source: Side, target: Side, progress: Progress) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._counts = {table.name: source.count(table) for table in metadata.sorted_tables}
        self._total = _PASSES * sum(self._counts.values())
        self._done = 0

    def copy_rows(self, begun: Position) -> None:
        tables = metadata.sorted_tables
        at = len(tables) if begun.table is None else tables.index(begun.table)
        self._advance(sum(self._counts[table.name] for table in tables[:at]))
        for table, following in zip(tables[at:], [*tables, None][at + 1 :], strict=True):
            key = begun.key if table is begun.table else None
            if key is not None:
                self._advance(self._target.count(table))
            with closing(self._source.rows_after(table, key)) as rows:
                for part in _parts(rows):
                    self._target.append(table, part)
                    self._advance(len(part))
            self._target.end_table(following)

    def add_indexes(self) -> None:
        for table in metadata.sorted_tables:
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                self._target.add_index(index)
                self._advance(self._counts[table.name] // len(table.indexes))

    def compared(self) -> dict[str, Content]:
        """What each table has, the same on both sides. Raises StoreError."""
        found = {}
        for table in metadata.sorted_tables:
            ours, theirs = self._read(self._source, table), self._read(self._target, table)
            if (ours.rows, ours.digest) != (theirs.rows, theirs.digest):
                raise StoreError(
                    f"the table {table.name} has {ours.rows} rows there and {theirs.rows} in the copy, and "
                    f"they are not the same: the source has changed since the copy was begun: {AGAIN}"
                )
            found[table.name] = ours
        return found

    def _read(self, side: Side, table: Table) -> Content:
        found = Content(0, 0, 0)
        for read in side.content(table, keeps_nul=self._target.keeps_nul):
            self._advance(read.rows - found.rows)
            found = read
        return found

    def _advance(self, steps: int) -> None:
        self._done = min(self._done + steps, self._total)
        self._progress(self._done, self._total)


@contextmanager
def _failing(engines: Sequence[type[Side]], sentence: str) -> Iterator[None]:
    """Raises StoreError for what a driver raises: `sentence` has {} for the reason."""
    try:
        yield
    except Exception as error:
        for why in filter(None, (engine.reason(error) for engine in engines)):
            raise StoreError(sentence.format(why)) from error
        raise


def _parts(rows: Iterator[Row]) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        part.append(row)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(part) >= _ROWS or size >= _BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _name(url: str) -> str:
    """A URL that may be shown, and is the same for the same place."""
    if url.startswith(POSTGRES):
        return make_url(url).set(password=None).render_as_string()
    return str(sqlite_file(url).resolve())


def _engine(url: str) -> tuple[type[Side], str]:
    """The engine, and what it calls the place. Raises StoreError."""
    if not url.startswith(POSTGRES):
        return sqlite.Side, str(sqlite_file(url))
    postgres()
    from bridge.store.postgres.side import Side as Postgres  # noqa: PLC0415  # an extra

    return Postgres, url
