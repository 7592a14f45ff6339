"""Connections to a PostgreSQL database, with a bound for all that may wait.

Source: PgBouncer documentation, "Configuration", on `pool_mode`, `server_reset_query` and
`ignore_startup_parameters` (https://www.pgbouncer.org/config.html).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.types.string import StrBinaryDumper, StrDumperUnknown
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite import dml
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from bridge.errors import StoreError
from bridge.runtime import memory
from bridge.store.postgres.failures import reason
from bridge.store.sql.database import READERS

_OTHERS: Final = ("asyncpg", "pg8000", "psycopg2", "psycopg2cffi")
"""The drivers for which the package of the dialect loads what it has, too."""
with memory.emptied(*(f"sqlalchemy.dialects.postgresql.{other}" for other in _OTHERS)):
    import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401

CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 30
LOCK_SECONDS: Final = 6
"""As long as a turn of another node may keep ours waiting before it is looked whether that stands still."""
IDLE_SECONDS: Final = 5
"""After so long the server ends the transaction of a node that has stopped in the middle of it: before the
others, who wait for their turn, give up."""
SILENCE_SECONDS: Final = 5
"""As long as the answer to a statement may be late after the statement had to end."""
_MARK: Final = "buildbridge.session"
"""A setting that each session has from its beginning. One that begins with it shares a connection of a proxy
with others, which have set what it relies on, hold its locks, and get its notifications."""
_SHARED: Final = (
    "a proxy before the server has several clients share a connection: set it to pool by sessions, and to "
    "reset them (PgBouncer: pool_mode = session, server_reset_query = DISCARD ALL)"
)
FLUSH: Final = "SELECT pg_logical_emit_message(true, 'buildbridge', '')"
"""Once this is committed, all before it is on disk, and at the replicas that confirm."""
T = TypeVar("T")

# Client and server alike notice within some 15 seconds that the other has gone without a word; until then
# the server keeps what a session has locked.
_PEER: Final = {"keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 2}
_UNHEARD_MILLISECONDS: Final = 10_000

# What PostgreSQL's compiler also asks of a clause ON CONFLICT; that of SQLite has all else that both know.
setattr(dml.OnConflictClause, "constraint_target", None)  # noqa: B010  # it has no such attribute


def engine_of(url: str, *, read_only: bool, seconds: float = STATEMENT_SECONDS) -> Engine:
    """Connections to the database at `postgresql://…`; one that is read-only is kept for the next reader.

    `seconds` is what a statement may take.
    """
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
            "autocommit": True,
            "connect_timeout": CONNECT_SECONDS,
            "fallback_application_name": "buildbridge",
            "client_encoding": "UTF8",
            # Of several servers, or after another one has taken the address: no standby, whose rows are
            # those of a moment ago, also for who only reads.
            "target_session_attrs": "primary",
            **_PEER,
            "tcp_user_timeout": _UNHEARD_MILLISECONDS,
        },
        **pool,
    )

    def connect(_dialect: object, _record: object, given: Any, named: Any) -> ServerConnection:
        connection = ServerConnection.connect(*given, **named)
        connection.adapters.register_dumper(str, _BinaryText)
        # The last one is for all that does not ask for either.
        connection.adapters.register_dumper(str, _Text)
        try:
            _begin(connection, _settings(seconds, read_only=read_only))
        except BaseException:
            connection.close()
            raise
        connection.answer_seconds = seconds + SILENCE_SECONDS
        return connection

    event.listen(engine, "do_connect", connect)
    return engine


def _begin(connection: "ServerConnection", settings: bytes) -> None:
    """Raises psycopg.Error, also for a session that is not for this client alone."""
    # A proxy finds a server for the connection only now.
    connection.answer_seconds = CONNECT_SECONDS
    found = connection.execute(settings).fetchone()
    if found is not None and found[0]:
        raise psycopg.NotSupportedError(_SHARED)


def _settings(seconds: float, *, read_only: bool) -> bytes:
    """Sets the bounds of a session, and says first whether another one has left its own there.

    Proxies refuse what is given to libpq as options.
    """
    limits = {
        "statement_timeout": seconds,
        "lock_timeout": LOCK_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_SECONDS,
    }
    values = {
        **{name: f"{limit * 1000:.0f}" for name, limit in limits.items()},
        **{f"tcp_{name}": value for name, value in _PEER.items()},
        "tcp_user_timeout": _UNHEARD_MILLISECONDS,
        "default_transaction_read_only": "on" if read_only else "off",
        # A transaction of a reader is one snapshot, as it is in SQLite.
        "default_transaction_isolation": "'repeatable read'" if read_only else "'read committed'",
        "synchronous_commit": "on",
        # A plan for any value uses no index that has a condition, and is not made anew as a table grows.
        "plan_cache_mode": "force_custom_plan",
        _MARK: "on",
    }
    statements = [f"SELECT current_setting('{_MARK}', true)"]
    return "; ".join(statements + [f"SET {name} = {value}" for name, value in values.items()]).encode()


def discard(connection: Connection) -> None:
    """Close a connection that may be broken; no one gets it again."""
    with suppress(psycopg.Error, DBAPIError):
        connection.invalidate()
        connection.close()


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


class ServerConnection(psycopg.Connection[Any]):
    """Gives up a server that does not answer: a proxy between may keep the connection, and say nothing."""

    answer_seconds: float
    on_waiting: Callable[[], None] | None = None
    """Called some times a second while an answer is awaited."""

    def wait(self, gen: PQGen[T], *given: Any, **named: Any) -> T:
        return super().wait(self._bounded(gen), *given, **named)

    def _bounded(self, answer: PQGen[T]) -> PQGen[T]:
        deadline = time.monotonic() + self.answer_seconds
        ready: Any = None
        while True:
            try:
                wanted = answer.send(ready)
            except StopIteration as ended:
                return ended.value  # type: ignore[no-any-return]
            ready = yield wanted
            if not ready:
                if self.on_waiting is not None:
                    self.on_waiting()
                if time.monotonic() > deadline:
                    self.close()
                    raise psycopg.OperationalError(f"no answer within {self.answer_seconds:g} s")


class _Text(StrDumperUnknown):
    def dump(self, obj: str) -> Any:
        return super().dump(_kept(obj))


class _BinaryText(StrBinaryDumper):
    def dump(self, obj: str) -> Any:
        return super().dump(_kept(obj))


def _kept(text: str) -> str:
    """PostgreSQL keeps no text with NUL in it."""
    return text.replace("\0", "\ufffd") if "\0" in text else text
