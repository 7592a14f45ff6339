"""The file of a store as one of the two of a copy."""

import os
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import URL, Column, Connection, Table, create_engine, text
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.pool import NullPool

from bridge.errors import StoreError
from bridge.store.sql import side
from bridge.store.sql.side import Row, names_of
from bridge.store.sqlite import migrate
from bridge.store.sqlite.database import BUSY_SECONDS
from bridge.store.sqlite.failures import reason
from bridge.store.sqlite.identity import StoreFile

_CACHE_KIB: Final = 32 << 10
"""Of a target: keys that must not be there twice come in no order."""


class Side(side.Side):
    """A place is the path of the file."""

    keeps_nul = True

    @classmethod
    @contextmanager
    def source(cls, place: str) -> Iterator[Self]:
        migrate.check(Path(place))
        with _connected(Path(place)) as connection:
            found = cls(connection)
            with found.transaction():
                yield found

    @classmethod
    @contextmanager
    def target(cls, place: str) -> Iterator[Self]:
        with _connected(Path(place)) as connection:
            # Each part and how far the copy is are written together: what is lost is copied again.
            try:
                for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"cache_size=-{_CACHE_KIB}"):
                    connection.exec_driver_sql(f"PRAGMA {pragma}").close()
            except DatabaseError as error:
                if getattr(error.orig, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
                    raise
                raise StoreError(f"{place} is no file of SQLite: name another one") from error
            yield cls(connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._raw.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._raw.rollback()
            raise
        self._raw.execute("COMMIT")

    def rows(self, statement: str, values: Sequence[Any]) -> Generator[Row]:
        with closing(self._raw.execute(statement, values)) as found:
            yield from found

    def greatest(self, table: Table, column: Column[Any]) -> int:  # noqa: ARG002  # a table has one such column
        if not _remembers(table):
            return 0
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return self._connection.execute(query, {"name": table.name}).scalar() or 0

    def prepare(self) -> None:
        """SQLite has all of itself."""

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        marks = ", ".join("?" * len(table.columns))
        statement = f'INSERT INTO "{table.name}" ({names_of(table)}) VALUES ({marks})'  # noqa: S608
        self._raw.executemany(statement, rows)

    def go_on_after(self, table: Table, column: Column[Any], number: int) -> None:  # noqa: ARG002
        if _remembers(table):
            self._raw.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
            self._raw.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, number))

    def settle(self) -> None:
        self._raw.execute("PRAGMA synchronous=FULL")

    @staticmethod
    def reason(error: Exception) -> str | None:
        failed = error.orig if isinstance(error, DBAPIError) else error
        return reason(failed) if isinstance(failed, sqlite3.Error) else None

    @property
    def _raw(self) -> sqlite3.Connection:
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        return raw


def _remembers(table: Table) -> bool:
    """Whether SQLite remembers which numbers a table has given."""
    return bool(table.dialect_options["sqlite"]["autoincrement"])


@contextmanager
def _connected(path: Path) -> Iterator[Connection]:
    """The file, which no daemon can open until the end. Raises StoreError."""
    is_new = not path.exists()
    file = StoreFile.hold(path)
    try:
        if is_new and os.geteuid() == 0:
            # An administrator copies, and the daemon has to write.
            owner = file.path.parent.stat()
            os.chown(file.path, owner.st_uid, owner.st_gid)
        engine = create_engine(
            URL.create("sqlite", database=str(file.path)),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": BUSY_SECONDS},
        )
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.text_factory = partial(str, encoding="utf-8", errors="backslashreplace")
            yield connection
    finally:
        file.close()
