"""Bringing a store file to the schema of this release."""

import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import URL, Connection, MetaData, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex, CreateTable

from bridge.errors import StoreError
from bridge.runtime.events import LogEvent
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
from bridge.store.sql import revisions
from bridge.store.sql.revisions import MIGRATION_SECONDS, ROOT
from bridge.store.sqlite.failures import reason

log = structlog.get_logger()

_VERSIONS: Final = "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) PRIMARY KEY NOT NULL)"
"""Alembic's own table, so that it finds what there is to migrate."""
_OLD_RELEASE: Final = (
    "install that release, or restore the backup made before the upgrade "
    "(`buildbridge db restore FILE`; `buildbridge db backup FILE` keeps what is here now)"
)
_MIGRATION: Final = (
    "import pathlib, sys; sys.path.insert(0, sys.argv[1]); "
    "from bridge.store.sqlite.migrate import apply_migrations; apply_migrations(pathlib.Path(sys.argv[2]))"
)


def upgrade(path: Path) -> None:
    """Create or upgrade the file. Raises StoreTooNew when a newer release wrote it, else StoreError."""
    with _store_errors(path):
        if _is_current(path):
            return
        if _revision(path) is None:
            _create(path)
        else:
            _migrate(path)


def check(path: Path) -> None:
    """Raises StoreTooNew, or StoreError for a file that only the daemon may create or upgrade."""
    with _store_errors(path):
        if not path.exists():
            raise StoreError(
                f"there is no store {path} yet: the daemon makes it when it starts (`buildbridge serve`)"
            )
        if not _is_current(path):
            raise StoreError(f"{path} is of an older release: start the daemon of this one, it upgrades it")


def _is_current(path: Path) -> bool:
    found = _revision(path)
    require_known(path, found)
    return found == REVISION


@contextmanager
def _store_errors(path: Path) -> Iterator[None]:
    """Raise StoreError for what SQLite, SQLAlchemy or the system say of the file."""
    try:
        yield
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        raise StoreError(f"{path} cannot be used as the store: {reason(error)}") from error


def _revision(path: Path) -> str | None:
    if not path.exists():
        return None
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        if is_backup(connection):
            # What waits in it may have been built since it was made.
            raise StoreError(
                f"{path} is a backup: `buildbridge db restore` puts one in the place of the store"
            )
        if _has_table(connection, revisions.COPYING):
            raise revisions.half_copy(path)
        return version(connection)


def version(connection: sqlite3.Connection) -> str | None:
    """The revision of the tables; None in a file without them. Raises sqlite3.Error."""
    tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if tables else None
    return str(row[0]) if row else None


def is_backup(connection: sqlite3.Connection) -> bool:
    """Whether `db backup` has made this file. Raises sqlite3.Error."""
    return _has_table(connection, "backup")


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def require_known(path: Path, schema: str | None) -> None:
    """Raises StoreTooNew for a revision that this release does not know."""
    revisions.require_known(path, schema, _OLD_RELEASE)


def _create(path: Path) -> None:
    """Create the tables as they are now, unless another process has done so meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    path.touch(mode=0o600, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        if version(connection) is None:
            for statement in (*_statements(), _VERSIONS):
                connection.execute(statement)
            connection.execute("INSERT INTO alembic_version (version_num) VALUES (?)", (REVISION,))
        connection.execute("COMMIT")


@cache
def _statements() -> Sequence[str]:
    # Of a copy: what SQLAlchemy remembers of each column that it writes down would stay in memory.
    copied: MetaData = pickle.loads(pickle.dumps(metadata))  # noqa: S301  # our own, from here
    return list(_statements_of(copied))


def _statements_of(tables: MetaData) -> Iterator[str]:
    for table in tables.sorted_tables:
        yield str(CreateTable(table).compile(dialect=sqlite.dialect()))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield str(CreateIndex(index).compile(dialect=sqlite.dialect()))


def _migrate(path: Path) -> None:
    """Apply the migrations in another process, which spares the daemon 10 MiB of memory for the tools."""
    log.info(LogEvent.STORE_UPGRADING, to=REVISION)
    argv = [sys.executable, "-I", "-c", _MIGRATION, str(ROOT), str(path)]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=MIGRATION_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise StoreError(f"{path} was not upgraded within {MIGRATION_SECONDS / 3600:g} h") from None
    if done.returncode or _revision(path) != REVISION:
        why = done.stderr[-2000:].decode(errors="replace").strip().rpartition("\n")[2]
        raise StoreError(f"{path} cannot be upgraded: {why or 'it stays of an older release'}")


def apply_migrations(path: Path) -> None:
    """Apply the migrations in this process. Raises StoreError."""
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    event.listen(engine, "connect", _own_transactions)
    event.listen(engine, "begin", _begin)
    with _store_errors(path), engine.connect() as connection:
        revisions.apply(connection, REVISION)


def _own_transactions(connection: sqlite3.Connection, _record: object) -> None:
    # The driver would commit before each DDL statement; then a crash could leave half a migration.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN EXCLUSIVE")
