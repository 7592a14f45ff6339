"""A PostgreSQL database as one of the two stores of a copy.

Source: Psycopg 3 documentation, "Using COPY TO and COPY FROM" (https://www.psycopg.org/psycopg3/docs/basic/copy.html).
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self

import psycopg
from psycopg.errors import LockNotAvailable
from sqlalchemy import Column, Connection, Table, text
from sqlalchemy.exc import DBAPIError

from bridge.errors import StoreError
from bridge.store.postgres import migrate
from bridge.store.postgres.engine import LOCK_SECONDS, discard, engine_of
from bridge.store.postgres.failures import reason
from bridge.store.postgres.migrate import SERVED, TURN
from bridge.store.sql import side
from bridge.store.sql.side import Row, names_of

_STATEMENT_SECONDS: Final = 24 * 3600
"""For all rows of a table, and for an index."""
_LEAVE: Final = text(
    "SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'"
)
"""A copy that was killed leaves the database at once, also in the middle of an index; since version 14."""
_LEAVE_SECONDS: Final = 2
_IN_USE: Final = "it is in use by another daemon: stop that one, or name another database as store.url"
_WRITTEN: Final = (
    f"another session has been writing to the database for {LOCK_SECONDS} s: wait until that has ended, and "
    "run this command again"
)
_SEQUENCE: Final = text("SELECT pg_get_serial_sequence(:table, :column)")


class Side(side.Side):
    """A place is a URL, which may have a password."""

    keeps_nul = False

    @classmethod
    @contextmanager
    def source(cls, place: str) -> Iterator[Self]:
        migrate.check(place)
        with _connected(place) as connection:
            found = cls(connection)
            found._take_turn(f"SELECT pg_advisory_lock({TURN})")
            yield found

    @classmethod
    @contextmanager
    def target(cls, place: str) -> Iterator[Self]:
        with _connected(place) as connection:
            migrate.require_encoding(connection)
            # Each part and how far the copy is are written together: what is lost is copied again.
            connection.exec_driver_sql("SET synchronous_commit = off")
            yield cls(connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._take_turn(f"{migrate.BEGIN}; SELECT pg_advisory_xact_lock({TURN})")
        try:
            yield
        except BaseException:
            if not self._raw.closed:
                self._raw.execute(b"ROLLBACK")
            raise
        self._raw.execute(b"COMMIT")

    def rows(self, statement: str, values: Sequence[Any]) -> Generator[Row]:
        query = statement.replace("?", "%s")
        with self._raw.cursor() as cursor:
            described = cursor.execute(f"{query} LIMIT 0".encode(), values).description or ()
            copied = f"COPY ({query}) TO STDOUT (FORMAT BINARY)".encode()
            with cursor.copy(copied, values) as copy:
                copy.set_types([column.type_code for column in described])
                yield from copy.rows()

    def greatest(self, table: Table, column: Column[Any]) -> int:
        query = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {self._sequence(table, column)}"  # noqa: S608
        return int(self._connection.execute(text(query)).scalar_one())

    def prepare(self) -> None:
        migrate.prepare(self._connection)

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        # As texts: so the server judges what SQLite may have in a column, and says what is wrong with it.
        statement = f'COPY "{table.name}" ({names_of(table)}) FROM STDIN'
        with self._raw.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def go_on_after(self, table: Table, column: Column[Any], number: int) -> None:
        values = {"sequence": self._sequence(table, column), "number": number}
        self._connection.execute(text("SELECT setval(CAST(:sequence AS regclass), :number)"), values)

    def settle(self) -> None:
        # Until the server has looked at the new tables by itself, it would read them as if they were small.
        self._raw.execute(b"ANALYZE")
        self._raw.execute(b"SET synchronous_commit = on")

    @staticmethod
    def reason(error: Exception) -> str | None:
        failed = error.orig if isinstance(error, DBAPIError) else error
        return reason(failed) if isinstance(failed, psycopg.Error) else None

    def _take_turn(self, statements: str) -> None:
        try:
            self._raw.execute(statements.encode())
        except LockNotAvailable as error:
            raise StoreError(_WRITTEN) from error

    def _sequence(self, table: Table, column: Column[Any]) -> str:
        values = {"table": f'"{table.name}"', "column": column.name}
        return str(self._connection.execute(_SEQUENCE, values).scalar_one())

    @property
    def _raw(self) -> psycopg.Connection[Any]:
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        return raw


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    """One connection, while which no daemon can serve the database. Raises StoreError, and as SQLAlchemy."""
    engine = engine_of(url, read_only=False, seconds=_STATEMENT_SECONDS)
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise StoreError(f"the database cannot be opened: {reason(error)}") from error
    try:
        connection.execute(_LEAVE)
        try:
            # It waits for a moment: the server may not have noticed yet that an earlier copy was killed.
            connection.exec_driver_sql(f"SET lock_timeout = '{_LEAVE_SECONDS}s'")
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({SERVED})")
        except DBAPIError as error:
            if isinstance(error.orig, LockNotAvailable):
                is_copied = connection.exec_driver_sql(migrate.IS_COPIED).first()
                raise StoreError(migrate.COPIED if is_copied else _IN_USE) from error
            raise
        connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        yield connection
    finally:
        # Whatever the server makes of it: it may be gone.
        discard(connection)
