"""Connections to a PostgreSQL database, with a bound for all that may wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite import dml
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from bridge.errors import StoreError
from bridge.store.postgres.failures import reason
from bridge.store.sql.database import READERS

CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 30
LOCK_SECONDS: Final = 10
"""As long as a turn of another node may keep ours waiting."""
IDLE_SECONDS: Final = 10
"""After so long the server ends the transaction of a node that has stopped in the middle of it."""

# What PostgreSQL's compiler also asks of a clause ON CONFLICT; that of SQLite has all else that both know.
setattr(dml.OnConflictClause, "constraint_target", None)  # noqa: B010  # it has no such attribute


def engine_of(url: str, *, read_only: bool) -> Engine:
    """Connections to the database at `postgresql://…`; one that is read-only is kept for the next reader."""
    limits = {
        "statement_timeout": STATEMENT_SECONDS,
        "lock_timeout": LOCK_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_SECONDS,
    }
    options = [f"-c {name}={seconds * 1000}" for name, seconds in limits.items()]
    options += [
        f"-c default_transaction_read_only={'on' if read_only else 'off'}",
        "-c synchronous_commit=on",
    ]
    pool: dict[str, Any] = (
        {"poolclass": QueuePool, "pool_size": READERS, "max_overflow": 0, "pool_use_lifo": True}
        if read_only
        else {"poolclass": NullPool}
    )
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        use_native_hstore=False,
        # Whether a row was inserted, or there was one like it, is asked of inserts, too.
        execution_options={"preserve_rowcount": True},
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "buildbridge",
            "options": " ".join(options),
            # A server that has gone without a word is noticed within some 15 seconds.
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 2,
            "tcp_user_timeout": 10_000,
        },
        **pool,
    )
    event.listen(engine, "connect", _prepare)
    return engine


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """One connection, for a look. Raises StoreError."""
    engine = engine_of(url, read_only=True)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise StoreError(f"the store cannot be read: {reason(error)}") from error
    finally:
        engine.dispose()


def _prepare(connection: "psycopg.Connection[Any]", _record: object) -> None:
    connection.adapters.register_dumper(str, _Text)


class _Text(StrDumperUnknown):
    """PostgreSQL keeps no text with NUL in it."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)
