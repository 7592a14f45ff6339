"""One of the two stores of a copy: its rows, and at the target how far the copy has come.

A target has the table `copying` from its first table to the end of the copy. By it no daemon takes half a
copy for its store, and a copy that was killed goes on: each part of rows is one transaction with the key of
its last row. Indexes are made when all rows are there, which takes less time.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any, Final, Self

from sqlalchemy import Column, Connection, Index, MetaData, Table, Text, delete, func, inspect, select, text
from sqlalchemy.schema import CreateIndex, CreateTable

from bridge.errors import StoreError
from bridge.store import (  # noqa: F401  # their tables are among all of them
    schema_activity,
    schema_callers,
    schema_deliveries,
    schema_notices,
    schema_refs,
    schema_rules,
    schema_tags,
)
from bridge.store.schema import REVISION, metadata
from bridge.store.schema_activity import daemon_start, duty, node
from bridge.store.schema_callers import audit
from bridge.store.sql.revisions import COPYING

Row = tuple[Any, ...]

AGAIN: Final = "empty the target (a new database, or delete its file), and copy again"
_MARK: Final = Table(
    COPYING,
    MetaData(),
    Column("source", Text, nullable=False, comment="where the rows come from"),
    Column("state", Text, nullable=False, comment="what `Side.state` was there when the copy was begun"),
    Column("part", Text, nullable=False, comment="the table that is copied now; empty after the last one"),
    Column("key", Text, nullable=False, comment="the key of its last row here, a JSON array; empty before"),
)
_MODULUS: Final = 1 << 256


@dataclass(frozen=True, slots=True)
class Position:
    """How far a copy has come: the table, None after the last one, and the key of its last row there."""

    table: Table | None
    key: Row | None


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of a table: how many, and the sum of their hashes, which hangs on no order.

    `altered` is how many of its texts had a NUL, which counts as U+FFFD where `digest` is to say so.
    """

    rows: int
    digest: int
    altered: int


class Side(ABC):
    """An open store that no one else serves. What the driver raises is explained by `reason`."""

    keeps_nul: bool
    """Whether a text may have a NUL in it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    @abstractmethod
    def source(cls, place: str) -> AbstractContextManager[Self]:
        """The store to copy, which no one changes meanwhile. Raises StoreError, and as the driver."""

    @classmethod
    @abstractmethod
    def target(cls, place: str) -> AbstractContextManager[Self]:
        """Where a copy is made, or one was begun. Raises StoreError, and as the driver."""

    @abstractmethod
    def rows(self, statement: str, values: Sequence[Any]) -> Generator[Row]:
        """What a query finds, read as it is asked for; `?` stands for each value."""

    @abstractmethod
    def greatest(self, table: Table, column: Column[Any]) -> int:
        """The greatest number that the engine remembers to have given to the column; 0 for none."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """A transaction that has its turn to write."""

    @abstractmethod
    def prepare(self) -> None:
        """Make what the tables need, in the open transaction."""

    @abstractmethod
    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert whole rows in the open transaction."""

    @abstractmethod
    def go_on_after(self, table: Table, column: Column[Any], number: int) -> None:
        """Have the engine give only greater numbers from now on, in the open transaction."""

    @abstractmethod
    def settle(self) -> None:
        """All rows and indexes are there: from now on a commit is on disk before it returns."""

    @staticmethod
    @abstractmethod
    def reason(error: Exception) -> str | None:
        """What the driver says that failed; None for an error that is not the driver's."""

    def count(self, table: Table) -> int:
        return self._connection.execute(select(func.count()).select_from(table)).scalar_one()

    def rows_after(self, table: Table, key: Row | None) -> Generator[Row]:
        """The rows behind this key in its order, all of them for None."""
        names = ", ".join(_quoted(column) for column in table.primary_key)
        where = "" if key is None else f" WHERE ({names}) > ({', '.join('?' * len(key))})"
        return self.rows(f"{_select(table)}{where} ORDER BY {names}", key or ())

    def content(self, table: Table, *, keeps_nul: bool) -> Iterator[Content]:
        """Read all of a table; what was read until now, from time to time and at the end.

        Without `keeps_nul` it is what a store has that keeps none.
        """
        texts = [place for place, column in enumerate(table.columns) if isinstance(column.type, Text)]
        rows = total = altered = 0
        for found in self.rows(_select(table), ()):
            row = found
            if not keeps_nul and (odd := _with_nul(row, texts)):
                altered += len(odd)
                row = tuple(
                    value.replace("\0", "\ufffd") if place in odd else value
                    for place, value in enumerate(row)
                )
            hashed = blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=32).digest()
            total = (total + int.from_bytes(hashed)) % _MODULUS
            rows += 1
            if not rows % 10_000:
                yield Content(rows, total, altered)
        yield Content(rows, total, altered)

    def numbers(self) -> dict[str, int]:
        """The greatest number that each table has ever given, by its name."""
        found = {}
        for table, column in numbered():
            highest = self._connection.execute(select(func.max(column))).scalar() or 0
            found[table.name] = max(highest, self.greatest(table, column))
        return found

    def state(self) -> str:
        """Another one after a daemon was started, or a command has changed something."""
        starts = self._connection.execute(select(daemon_start)).all()
        changed = self._connection.execute(select(func.max(audit.c.id))).scalar()
        facts = [self.numbers(), [list(start) for start in starts], changed]
        return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def begin(self, source: str, state: str) -> Position:
        """Make the tables and the mark of a copy from `source`, or go on with that copy.

        Raises StoreError for a store that is not empty, or has the mark of another copy.
        """
        with self.transaction():
            there = set(inspect(self._connection).get_table_names())
            if COPYING in there:
                return self._found(source, state)
            if there & {*metadata.tables, "alembic_version"}:
                raise StoreError(f"the target has a store already: {AGAIN}")
            self.prepare()
            for table in metadata.sorted_tables:
                self._connection.execute(CreateTable(table))
            self._connection.execute(CreateTable(_MARK))
            first = metadata.sorted_tables[0]
            values = {"source": source, "state": state, "part": first.name, "key": ""}
            self._connection.execute(_MARK.insert(), values)
        return Position(first, None)

    def append(self, table: Table, rows: Sequence[Row]) -> None:
        """Add the next rows of the copy."""
        last = dict(zip(table.columns.keys(), rows[-1], strict=True))
        with self.transaction():
            self.insert(table, rows)
            self._move(table, json.dumps([last[column.name] for column in table.primary_key]))

    def end_table(self, following: Table | None) -> None:
        """A table is complete."""
        with self.transaction():
            self._move(following, "")

    def add_index(self, index: Index) -> None:
        with self.transaction():
            self._connection.execute(CreateIndex(index, if_not_exists=True))

    def end(self, numbers: Mapping[str, int]) -> None:
        """The copy is complete: from now on this is a store, which gives numbers after these."""
        self.settle()
        with self.transaction():
            # Who served the source does not serve this.
            self._connection.execute(delete(duty))
            self._connection.execute(delete(node))
            for table, column in numbered():
                if numbers[table.name]:
                    self.go_on_after(table, column, numbers[table.name])
            version = "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY NOT NULL)"
            self._connection.execute(text(version))
            self._connection.execute(text("INSERT INTO alembic_version VALUES (:found)"), {"found": REVISION})
            _MARK.drop(self._connection)

    def _found(self, source: str, state: str) -> Position:
        mark = self._connection.execute(select(_MARK)).one()
        if mark.source != source:
            raise StoreError(f"the target has the beginning of a copy from {mark.source}: {AGAIN}")
        if mark.state != state:
            raise StoreError(f"{source} has changed since this copy was begun: {AGAIN}")
        key = tuple(json.loads(mark.key)) if mark.key else None
        return Position(metadata.tables[mark.part] if mark.part else None, key)

    def _move(self, table: Table | None, key: str) -> None:
        self._connection.execute(_MARK.update(), {"part": "" if table is None else table.name, "key": key})


def numbered() -> Iterator[tuple[Table, Column[Any]]]:
    """The tables whose rows the database numbers, with the column."""
    for table in metadata.sorted_tables:
        (first, *others) = table.primary_key
        if not others and table.autoincrement_column is first:
            yield table, first


def names_of(table: Table) -> str:
    """All columns, as they stand in a statement."""
    return ", ".join(_quoted(column) for column in table.columns)


def _select(table: Table) -> str:
    return f'SELECT {names_of(table)} FROM "{table.name}"'  # noqa: S608  # names of our own schema


def _quoted(column: Column[Any]) -> str:
    return f'"{column.name}"'


def _with_nul(row: Row, texts: Sequence[int]) -> frozenset[int]:
    return frozenset(place for place in texts if isinstance(row[place], str) and "\0" in row[place])
