"""The engine that stores of tests have: SQLite, or the PostgreSQL server that BRIDGE_TEST_POSTGRES names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from bridge.store.sql.database import Database
from bridge.store.sqlite import database as sqlite

POSTGRES: Final = os.environ.get("BRIDGE_TEST_POSTGRES", "")
"""The URL of a server, without a database, whose user may create some."""
_made: Final[set[str]] = set()


def opened(path: Path) -> Database:
    """The store of a test at a path, made when it is not there."""
    if not POSTGRES:
        return sqlite.Database.open(path, exclusive=True)
    from bridge.store.postgres.database import Database as Postgres  # noqa: PLC0415  # an extra

    return Postgres.open(url_of(path), exclusive=True)


def url_of(path: Path) -> str:
    """The URL of the store of a test: of the file, or of a database that stands for it."""
    if not POSTGRES:
        return f"sqlite://{path}"
    name = f"bridge_{sha256(str(path).encode()).hexdigest()[:24]}"
    if name not in _made:
        with _server("postgres") as server:
            server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_template()}"'.encode())
        _made.add(name)
    return f"{POSTGRES}/{name}"


@cache
def _template() -> str:
    """A database with the tables, which is copied faster than they are made; workers share it."""
    from bridge.store.postgres.database import Database as Postgres  # noqa: PLC0415

    name = f"bridge_template_{os.getppid()}"
    with _server("postgres") as server:
        server.execute(b"SELECT pg_advisory_lock(1)")
        found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if found is None:
            server.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
            Postgres.open(f"{POSTGRES}/{name}", exclusive=True).close()
    return name


def forget() -> None:
    """Drop the databases of the test that has ended."""
    if _made:
        with _server("postgres") as server:
            while _made:
                server.execute(f'DROP DATABASE "{_made.pop()}" WITH (FORCE)'.encode())


@contextmanager
def taken(path: Path) -> Iterator[None]:
    """Another node has its turn, and does not end it."""
    from bridge.store.postgres.migrate import TURN  # noqa: PLC0415

    with _server(url_of(path).rpartition("/")[2]) as other:
        other.execute(f"BEGIN; SELECT pg_advisory_xact_lock({TURN})".encode())
        yield
        other.execute(b"ROLLBACK")


@contextmanager
def _server(name: str) -> Iterator[Any]:
    import psycopg  # noqa: PLC0415

    with psycopg.connect(f"{POSTGRES}/{name}", autocommit=True) as connection:
        yield connection
