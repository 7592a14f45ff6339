"""Bringing a PostgreSQL database to the schema of this release.

It is done in the turn of a node: no other one writes meanwhile, or does the same. Where a session that only
reads, such as that of a dump, has a table that is to change, the turn is given back, and it is tried again.
"""

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import structlog
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

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
from bridge.store.postgres import ddl
from bridge.store.postgres.engine import engine_of
from bridge.store.postgres.failures import reason
from bridge.store.schema import REVISION, metadata
from bridge.store.sql import revisions
from bridge.store.sql.revisions import MIGRATION_SECONDS, ROOT

T = TypeVar("T")
log = structlog.get_logger()

TURN: Final = 0x6275696C64627269
"""The number of the advisory lock that a transaction holds which writes."""
SERVED: Final = TURN + 1
"""The number of the one that daemons share while their writers are connected; a copy has it alone."""
IS_COPIED: Final = f"""
SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE datname = current_database() AND locktype = 'advisory' AND granted AND mode = 'ExclusiveLock'
AND objsubid = 1 AND classid::bigint = {SERVED >> 32} AND objid::bigint = {SERVED & 0xFFFFFFFF}
"""  # noqa: S608  # only our own words
"""Finds a row while a copy of the database, or into it, is made."""
COPIED: Final = "a copy of it is being made: it can be used when that is done"
BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
"""What a transaction that writes begins with, whatever is the default of the database: its statements see
what was written before its turn, not before it began to wait."""
_LOCK_SECONDS: Final = 2
"""As long as a migration waits for a table: meanwhile no node decides anything, or reads that table."""
_PAUSE_SECONDS: Final = 5
"""Between two attempts: what has waited is done then."""
_PATIENCE_SECONDS: Final = 1800
"""As long as others may keep what a migration needs, from its first turn on."""
_CHILD_SECONDS: Final = MIGRATION_SECONDS + _PATIENCE_SECONDS
_STORE: Final = "the database"
_BUSY: Final = "another session has been writing to the database for long: the start waits until it has ended"
_UNUSABLE: Final = f"{_STORE} cannot be used as the store"
_OLD_RELEASE: Final = "install that release, or restore a dump made before the upgrade (`pg_restore`)"
_VERSIONS: Final = "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY NOT NULL)"
"""Alembic's own table, so that it finds what there is to migrate."""
_WRITTEN: Final = """
CREATE TABLE written (
    writer TEXT COLLATE "C" PRIMARY KEY NOT NULL, number BIGINT NOT NULL, at TIMESTAMP WITH TIME ZONE NOT NULL
)
"""
"""The newest transaction of each writer, by which it knows whether that was committed."""
_MIGRATION: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from bridge.store.postgres.migrate import apply_migrations; apply_migrations(sys.stdin.read())"
)


def upgrade(url: str) -> None:
    """Create or upgrade the tables. Raises StoreTooNew when a newer release wrote them, else StoreError."""
    found = _in_turn(url, _found_or_created)
    if found is not None and found != REVISION:
        _migrate(url)


def check(url: str) -> None:
    """Raises StoreTooNew, or StoreError for a database that only a node may create or upgrade."""
    with _store_errors(), _connected(url) as connection:
        found = _revision(connection)
    if found is None:
        raise StoreError(
            "there is no store in the database yet: the daemon makes it when it starts (`buildbridge serve`)"
        )
    if found != REVISION:
        raise StoreError("the database is of an older release: start the daemon of this one, it upgrades it")


def apply_migrations(url: str) -> None:
    """Apply the migrations in this process, in one turn. Raises StoreError."""

    def work(connection: Connection) -> None:
        if _revision(connection) != REVISION:
            revisions.apply(connection, REVISION)

    _in_turn(url, work)


def _connected(url: str) -> Connection:
    return engine_of(url, read_only=False, seconds=MIGRATION_SECONDS).connect()


def _in_turn(url: str, work: Callable[[Connection], T]) -> T:
    """What `work` returns in one transaction, with no other that writes beside it. Raises StoreError."""
    deadline, is_logged = math.inf, False
    while True:
        # Another node that migrates may have the turn for long: that wait does not count.
        has_turn = False
        with _store_errors(), _connected(url) as connection:
            try:
                with _turn(connection):
                    has_turn = True
                    deadline = min(deadline, time.monotonic() + _PATIENCE_SECONDS)
                    return work(connection)
            except DBAPIError as error:
                if not isinstance(error.orig, LockNotAvailable):
                    raise
        with _store_errors(), _connected(url) as connection:
            if connection.exec_driver_sql(IS_COPIED).first():
                raise StoreError(f"{_UNUSABLE}: {COPIED}")
        if not (has_turn or is_logged):
            log.warning(LogEvent.STORE_BUSY, error=_BUSY)
            is_logged = True
        if has_turn and time.monotonic() > deadline:
            raise StoreError(
                f"{_UNUSABLE}: other sessions, such as that of pg_dump, have kept its tables locked for "
                f"{_PATIENCE_SECONDS / 60:g} min"
            )
        time.sleep(_PAUSE_SECONDS)


@contextmanager
def _turn(connection: Connection) -> Iterator[None]:
    connection.exec_driver_sql(BEGIN)
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS * 1000:.0f}ms'")
    yield
    connection.exec_driver_sql("COMMIT")


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"{_UNUSABLE}: {reason(error)}") from error


def _revision(connection: Connection) -> str | None:
    """The revision of the tables; None without them. Raises StoreTooNew; StoreError for what is no store."""
    require_encoding(connection)
    if _has_table(connection, revisions.COPYING):
        raise revisions.half_copy(_STORE)
    if not is_made(connection):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    revisions.require_known(_STORE, found, _OLD_RELEASE)
    return found


def _found_or_created(connection: Connection) -> str | None:
    """As `_revision`; where there are no tables, there are afterwards."""
    found = _revision(connection)
    if found is None:
        _create(connection)
    return found


def is_made(connection: Connection) -> bool:
    """Whether there are the tables of a store, of whatever release. Raises SQLAlchemyError."""
    return _has_table(connection, "alembic_version")


def _has_table(connection: Connection, name: str) -> bool:
    """By a statement of ours: SQLAlchemy would load all that it knows of the catalog."""
    query = text("SELECT to_regclass(:name) IS NOT NULL")
    found: bool = connection.execute(query, {"name": name}).scalar_one()
    return found


def require_encoding(connection: Connection) -> None:
    """Raises StoreError for a database that cannot keep every text."""
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise StoreError(
            f"{_STORE} has the encoding {encoding}, which cannot keep every text: make another one with "
            "`createdb --encoding=UTF8 --template=template0 NAME`"
        )


def prepare(connection: Connection) -> None:
    """Make what there is beside the tables of the schema, and before them."""
    connection.exec_driver_sql(ddl.IGNORES_CASE)
    connection.exec_driver_sql(ddl.READABLE_JSON)
    connection.exec_driver_sql(_WRITTEN)


def _create(connection: Connection) -> None:
    prepare(connection)
    metadata.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(_VERSIONS)
    connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:found)"), {"found": REVISION})


def _migrate(url: str) -> None:
    """Apply the migrations in another process, which spares the daemon 10 MiB of memory for the tools."""
    log.info(LogEvent.STORE_UPGRADING, to=REVISION)
    argv = [sys.executable, "-I", "-c", _MIGRATION, str(ROOT)]
    try:
        done = subprocess.run(
            # The URL may have a password, which a list of processes must not show.
            argv,
            input=url.encode(),
            capture_output=True,
            timeout=_CHILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StoreError(f"{_STORE} was not upgraded within {_CHILD_SECONDS / 3600:g} h") from None
    if done.returncode:
        why = done.stderr[-2000:].decode(errors="replace").strip().rpartition("\n")[2]
        raise StoreError(f"{_STORE} cannot be upgraded: {why.rpartition(f'{_UNUSABLE}: ')[2]}")
