"""The engine that stores of tests have: SQLite, or the PostgreSQL server of `pytest --engine=postgres`.

What reaches below the port of the store speaks to either of them through this.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement, Executable
from support.postgres import at_work

from bridge.store.schema import metadata
from bridge.store.sql.database import Database
from bridge.store.sqlite import database as sqlite

VARIABLE: Final = "BRIDGE_TEST_POSTGRES"
"""The URL of a server's template database, which the controller of the tests leaves to its workers."""
_made: Final[dict[Path, str]] = {}
"""The databases of this process, by the paths of the stores for which they stand."""


def postgres() -> bool:
    """Whether stores are on PostgreSQL."""
    return VARIABLE in os.environ


def use_server(url: str) -> None:
    """From now on stores of tests, also those of workers, are databases of the server at this URL."""
    from bridge.store.postgres.database import Database as Postgres  # noqa: PLC0415  # an extra

    # Each new database is a copy of it, which takes less time than to make the tables.
    template = f"{url}/template1"
    Postgres.open(template, exclusive=True).close()
    os.environ[VARIABLE] = template


def opened(path: Path, *, exclusive: bool = True) -> Database:
    """The store of a test at a path, made when it is not there."""
    if not postgres():
        return sqlite.Database.open(path, exclusive=exclusive)
    from bridge.store.postgres.database import Database as Postgres  # noqa: PLC0415

    # Tests have other files beside their stores.
    path.parent.mkdir(parents=True, exist_ok=True)
    return Postgres.open(url_of(path), exclusive=exclusive)


def url_of(path: Path) -> str:
    """The URL of the store of a test: of the file, or of a database that stands for it."""
    if not postgres():
        return f"sqlite://{path}"
    if path not in _made:
        _make(path, template="template1")
    return _url(_made[path])


def settings(path: Path) -> dict[str, str]:
    """The section `store` of a configuration in the folder above that of the store of a test.

    Beside a database stands what else would be beside the file.
    """
    if not postgres():
        return {"url": f"sqlite:///./{path.parent.name}/{path.name}"}
    return {"url": url_of(path), "folder": str(path.parent)}


def _make(path: Path, template: str) -> None:
    name = f"bridge_{sha256(str(path).encode()).hexdigest()[:24]}"
    with _connected("postgres") as server:
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    _made[path] = name


def forget(folder: Path) -> None:
    """Drop the databases that stand for stores in the folder of a test that has ended."""
    for path in [path for path in _made if path.is_relative_to(folder)]:
        _drop(path)


def _drop(path: Path) -> None:
    with _connected("postgres") as server:
        server.execute(f'DROP DATABASE "{_made.pop(path)}" WITH (FORCE)'.encode())


def copied(of: Path, to: Path) -> None:
    """Make a folder with the store of another folder as it is; that store is closed."""
    if not postgres():
        shutil.copytree(of, to)
        return
    to.mkdir()
    _make(to / "bridge.db", template=_name(of / "bridge.db"))


def unmake(path: Path) -> None:
    """Have a store be as before the first start of its daemon."""
    if not postgres():
        path.unlink(missing_ok=True)
        return
    _drop(path)
    _make(path, template="template0")


def spoil(path: Path) -> None:
    """Have a store be none that can be read: the file is no database, or the server has no such one."""
    if not postgres():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not a database, but long enough to be taken for one" * 100)
        return
    _drop(path)


def content(path: Path) -> bytes:
    """All that a store has, as it is kept."""
    if not postgres():
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*") if file.is_file())
    with _connected(_name(path)) as connection:
        rows = [connection.execute(f"TABLE {name}".encode()).fetchall() for name in metadata.tables]
    return repr(rows).encode()


def execute(path: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """What another process does to a store, and the rows that it gets; `?` stands for each value."""
    if not postgres():
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()
    with _connected(_name(path)) as connection:
        done = connection.execute(statement.replace("?", "%s").encode(), values or None)
        rows: list[tuple[Any, ...]] = done.fetchall() if done.description else []
        return rows


def indexes(
    connection: Connection, query: ClauseElement, values: Mapping[str, object] = MappingProxyType({})
) -> set[str]:
    """The indexes in which the rows of a query are looked up.

    PostgreSQL reads a table as small as those of tests as a whole where it is not kept from that.
    """
    if not postgres():
        rows = connection.execute(_Explained(query), values)
        return {row.detail.partition(" INDEX ")[2].partition(" ")[0] for row in rows} - {""}
    connection.exec_driver_sql("SET enable_seqscan = off")
    (plan,) = connection.execute(_Explained(query), values).scalar_one()
    connection.exec_driver_sql("RESET enable_seqscan")
    return set(_used(plan["Plan"]))


class _Explained(Executable, ClauseElement):
    """How a query would be run."""

    inherit_cache = False

    def __init__(self, query: ClauseElement) -> None:
        self.query = query


@compiles(_Explained)
def _explained(element: _Explained, compiler: SQLCompiler, **given: Any) -> str:
    how = "EXPLAIN (FORMAT JSON)" if postgres() else "EXPLAIN QUERY PLAN"
    return f"{how} {compiler.process(element.query, **given)}"


def _used(plan: dict[str, Any]) -> Iterator[str]:
    if "Index Name" in plan:
        yield plan["Index Name"]
    for part in plan.get("Plans", ()):
        yield from _used(part)


@contextmanager
def taken(path: Path, *, seconds: float = 0.001) -> Iterator[None]:
    """Another process has its turn to write, and does not end it. Raises when it cannot be had in time."""
    if not postgres():
        with closing(sqlite3.connect(path, timeout=seconds, isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")
        return
    from bridge.store.postgres.migrate import TURN  # noqa: PLC0415

    with _connected(_name(path)) as other:
        patience = f"SET lock_timeout = {seconds * 1000:.0f}"
        # What takes no turn is kept off, too.
        kept_off = "LOCK TABLE delivery, service IN SHARE ROW EXCLUSIVE MODE"
        other.execute(f"{patience}; BEGIN; SELECT pg_advisory_xact_lock({TURN}); {kept_off}".encode())
        with at_work(other):
            yield
        other.execute(b"ROLLBACK")


@contextmanager
def locked(path: Path, table: str) -> Iterator[None]:
    """Another process keeps a table of a PostgreSQL store from everyone, also from readers."""
    with _connected(_name(path)) as other, other.transaction():
        other.execute(f"LOCK TABLE {table}".encode())
        yield


def _name(path: Path) -> str:
    return url_of(path).rpartition("/")[2]


def _url(database: str) -> str:
    return f"{os.environ[VARIABLE].rpartition('/')[0]}/{database}"


@contextmanager
def _connected(database: str) -> Iterator[Any]:
    import psycopg  # noqa: PLC0415

    with psycopg.connect(_url(database), autocommit=True) as connection:
        yield connection
