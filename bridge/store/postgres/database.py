"""PostgreSQL: several nodes may have it open, and their transactions that write take turns.

Each such transaction begins with one advisory lock. So a piece of work sees all that was written before it
and nothing of what is written meanwhile, as it does in SQLite, whose one writer the rules were made for. What
was committed is on disk at the server before its callers hear of it: a second transaction, which waits for
that and for all before it, needs no turn, and so the nodes' waits are one. Each transaction leaves its number
in a row of its writer: where the connection is cut during a commit, the writer looks afterwards whether it is
there. The id of a transaction would not do: a server that crashed before the commit was on disk gives the
same id to another one. Only what is inserted by `insert` takes no turn: see `bridge.store.postgres.inserts`.

Sources: PostgreSQL documentation, "Advisory Locks"
(https://www.postgresql.org/docs/13/explicit-locking.html), "Multiple Statements in a Simple Query"
(https://www.postgresql.org/docs/13/protocol-flow.html), "NOTIFY"
(https://www.postgresql.org/docs/13/sql-notify.html), "Asynchronous Commit"
(https://www.postgresql.org/docs/13/wal-async-commit.html).
"""

import time
from collections.abc import AsyncGenerator, Awaitable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Self, TypeVar
from uuid import uuid4

import anyio
import anyio.to_thread
import psycopg
from psycopg.errors import LockNotAvailable
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from bridge.errors import StoreDied, StoreError
from bridge.store.postgres import migrate
from bridge.store.postgres.engine import (
    FLUSH,
    IDLE_SECONDS,
    STATEMENT_SECONDS,
    ServerConnection,
    discard,
    engine_of,
    reading,
)
from bridge.store.postgres.failures import reason
from bridge.store.postgres.inserts import Inserter
from bridge.store.postgres.migrate import SERVED
from bridge.store.postgres.patience import Patience
from bridge.store.postgres.sessions import Sessions
from bridge.store.schema import REVISION
from bridge.store.sql import database
from bridge.store.sql.database import RELEASE, SAVEPOINT, Bulk, Sizes, TransactionLost
from bridge.store.sql.examined import Examined, stuck_problems
from bridge.store.sql.nodes import gone
from bridge.store.sql.queue import Write

T = TypeVar("T")
R = TypeVar("R")

_RETRY_SECONDS: Final = 0.2
_TIME: Final = text("SELECT extract(epoch FROM clock_timestamp())")
_SIZE: Final = text("SELECT pg_database_size(current_database())")
_IS_SERVED: Final = text(
    "SELECT EXISTS (SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
    "WHERE datname = current_database() AND locktype = 'advisory' AND granted AND objsubid = 1 "
    "AND classid::bigint = :high AND objid::bigint = :low)"
)
_BEGIN: Final = (
    f"{migrate.BEGIN}; SET LOCAL synchronous_commit = off; "
    f"SELECT pg_advisory_xact_lock({migrate.TURN}); {SAVEPOINT}"
)
# A session that stops between statements which it sends at once is not idle for the server, which waits on.
_END_SILENT: Final = f"""
SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE datname = current_database() AND usename = current_user AND locktype = 'advisory' AND granted
AND objsubid = 1 AND classid::bigint = {migrate.TURN >> 32} AND objid::bigint = {migrate.TURN & 0xFFFFFFFF}
AND database = datid AND wait_event = 'ClientRead'
AND state_change < clock_timestamp() - interval '{IDLE_SECONDS} s'
"""  # noqa: S608  # only our own words
_IS_NODE: Final = "SELECT 1 FROM node WHERE id = '{}'"
_FLUSH: Final = f"BEGIN; {FLUSH} {{}}; COMMIT"
# Where nothing was written, here or by others that this has read, nothing has to be on disk.
_COMMIT: Final = """
INSERT INTO written (writer, number, at) SELECT '{{0}}', {{1}}, now()
WHERE pg_current_xact_id_if_assigned() IS NOT NULL
ON CONFLICT (writer) DO UPDATE SET number = excluded.number, at = excluded.at;
SELECT set_config('buildbridge.wrote', (pg_current_xact_id_if_assigned() IS NOT NULL)::text, false);
COMMIT;
{}
""".format(
    _FLUSH.format(
        "WHERE current_setting('buildbridge.wrote') = 'true' "
        "OR pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn()"
    )
)
_WRITTEN: Final = text("SELECT number FROM written WHERE writer = :writer")
# A row that goes takes its number along, and a turn may have been waited for: not both within a second. What
# is inserted without a turn leaves no number.
_LAST: Final = b"""
SELECT concat(sum(number), ' ', max(at), ' ', (
    SELECT concat(max(turn), ' ', count(*))
    FROM (SELECT turn FROM delivery WHERE state = 'stored' ORDER BY turn DESC LIMIT 64) AS newest
)) FROM written
"""
_CALLS: Final = "buildbridge"
_NOTIFY: Final = text(f"SELECT pg_notify('{_CALLS}', :word)")
_FORGET: Final = "DELETE FROM written WHERE at < now() - interval '1 day'"


class Database(database.Database):
    """An open PostgreSQL database: `open` makes one, `close` ends it."""

    def __init__(self, url: str, *, serves: bool) -> None:
        super().__init__(engine_of(url, read_only=True))
        self._writers = engine_of(url, read_only=False)
        self._sessions = Sessions(self._writers)
        self._serves = serves
        self._connection: Connection | None = None
        self._id, self._number = uuid4().hex, 0
        self._node: str | None = None
        self._has_savepoint, self._held = False, ""
        # Not in the thread, so that a database that cannot be written raises for the caller of `open`.
        try:
            self._connect()
        except (psycopg.Error, DBAPIError, TransactionLost) as error:
            raise StoreError(f"the store cannot be opened for writing: {reason(error)}") from error
        self._thread.start()
        self._inserter = Inserter(url, self._share, self._died)

    @classmethod
    def open(cls, url: str, *, exclusive: bool) -> Self:
        """Open the database at `postgresql://…`. The daemon, `exclusive`, creates or upgrades the tables.

        Others take them as they are. Raises StoreError, or StoreTooNew for those of a newer release.
        """
        if exclusive:
            migrate.upgrade(url)
        else:
            migrate.check(url)
        return cls(url, serves=exclusive)

    @staticmethod
    def is_served(url: str) -> bool:
        """Whether a daemon has the database open. Raises StoreError."""
        with reading(url) as connection:
            return bool(
                connection.execute(_IS_SERVED, {"high": SERVED >> 32, "low": SERVED & 0xFFFFFFFF}).scalar()
            )

    @staticmethod
    def is_made(url: str) -> bool:
        """Whether there are the tables of a store, of whatever release. Raises StoreError."""
        with reading(url) as connection:
            return migrate.is_made(connection)

    @staticmethod
    def check(url: str) -> None:
        """As `migrate.check`."""
        migrate.check(url)

    @classmethod
    def examine(cls, url: str, now: float) -> Examined:
        """What no daemon goes on with; the server sees to its own files. Raises StoreError, StoreTooNew."""
        migrate.check(url)
        with reading(url) as connection:
            size = connection.execute(_SIZE).scalar_one()
            return Examined(size, 0, REVISION, tuple(stuck_problems(connection, now)))

    def insert(self, bulk: Bulk[R, T], row: R, *, patience: float) -> Awaitable[T]:
        return self._inserter.add(bulk, row, patience)

    @property
    def beating(self) -> bool:
        return super().beating and self._inserter.beating

    @property
    def death(self) -> StoreDied | None:
        return super().death or self._inserter.death

    def close(self) -> None:
        # Both at once: the time for an end is short.
        self._inserter.finish()
        super().close()

    @contextmanager
    def bounded(self, connection: Connection, seconds: float) -> Iterator[None]:
        connection.exec_driver_sql(f"SET statement_timeout = {seconds * 1000:.0f}")
        try:
            yield
        finally:
            with suppress(DBAPIError, PendingRollbackError):  # a connection that was cut is read on anew
                connection.exec_driver_sql(f"SET statement_timeout = {STATEMENT_SECONDS * 1000}")

    def sizes(self, connection: Connection) -> Sizes:
        return Sizes(connection.execute(_SIZE).scalar_one(), None, None)

    @property
    def is_shared(self) -> bool:
        return True

    def fence(self, node_id: str | None) -> None:
        self._node = node_id

    def call(self, connection: Connection, words: Collection[str]) -> None:
        for word in words:
            connection.execute(_NOTIFY, {"word": word})

    async def calls(self) -> AsyncGenerator[str]:
        connection = None
        try:
            connection = await anyio.to_thread.run_sync(self._writers.connect)
            raw = _raw(connection)
            await anyio.to_thread.run_sync(raw.execute, f"LISTEN {_CALLS}".encode())
            while True:
                # Not first: what came with the answer to LISTEN is there already.
                for call in raw.notifies(timeout=0):
                    yield call.payload
                await anyio.wait_readable(raw.fileno())
        except (psycopg.Error, DBAPIError) as error:
            raise StoreError(f"the store cannot be read: {reason(error)}") from error
        finally:
            if connection is not None:
                discard(connection)

    def server_time(self, connection: Connection) -> float | None:
        return float(connection.execute(_TIME).scalar_one())

    def _commit(self, batch: list[Write]) -> None:
        is_sent = False
        try:
            connection = self._begun()
            # The turn may have been long in coming: more nodes are not to make more, smaller transactions.
            self._queue.top_up(batch)
            self._apply(connection, batch)
            self._number += 1
            is_sent = True
            self._execute(_COMMIT.format(self._id, self._number))
        except (psycopg.Error, DBAPIError, TransactionLost) as error:
            if is_sent and self._was_committed():
                return
            self._end()
            failure = StoreError(f"the store cannot be written: {reason(error.__cause__ or error)}")
            for item in batch:
                item.error = failure

    def _written(self) -> object:
        if self._connection is not None:
            with suppress(psycopg.Error):
                return self._raw.execute(_LAST).fetchone()
        return object()  # it may have been

    def _begun(self) -> Connection:
        """The writer's connection, with a transaction that has its turn.

        Raises psycopg.Error, DBAPIError, TransactionLost while a copy is made, and StoreDied once this node
        is gone.
        """
        if self._connection is not None:
            try:
                self._begin()
            except psycopg.OperationalError:
                # The server may have ended it long ago, which shows only now: nothing was begun on it.
                if not self._is_cut():
                    raise
                self._drop()
            else:
                return self._connection
        connection = self._connect()
        self._begin()
        return connection

    def _begin(self) -> None:
        """Raises psycopg.Error, TransactionLost while a copy is made, StoreDied once this node is gone."""
        try:
            self._take_turn()
        except LockNotAvailable:
            self._send("ROLLBACK")
            # A copy has the turn to its end, and is silent while its other side works.
            if self._raw.execute(migrate.IS_COPIED.encode()).fetchone():
                raise TransactionLost(migrate.COPIED) from None
            self._send(_END_SILENT)
            self._take_turn()
        self._has_savepoint, self._held = True, ""

    def _take_turn(self) -> None:
        if self._node is None:
            self._send(_BEGIN)
        else:
            # In the turn, not before it: so no one takes this node's place until what is written is there.
            begun = self._raw.execute(f"{_BEGIN}; {_IS_NODE.format(self._node)}".encode())
            while begun.nextset():
                pass
            if not begun.rowcount:
                self._send("ROLLBACK")
                raise gone()

    def _connect(self) -> Connection:
        """Raises psycopg.Error, DBAPIError, and TransactionLost while a copy is made."""
        self._connection = connection = self._sessions.connect()
        self._raw.on_waiting = self._beats
        try:
            self._share(connection)
            self._send(_FORGET)
        except (psycopg.Error, TransactionLost):
            self._drop()
            raise
        return connection

    def _share(self, connection: Connection) -> None:
        """Say that it is served. Raises psycopg.Error, and TransactionLost while a copy is made."""
        if not self._serves:
            return
        try:
            _raw(connection).execute(f"SELECT pg_advisory_lock_shared({SERVED})".encode())
        except LockNotAvailable:
            raise TransactionLost(migrate.COPIED) from None

    def _end(self) -> None:
        """After a failure: the next transaction begins on a connection that has none."""
        with suppress(psycopg.Error):
            if self._connection is not None and not self._is_cut():
                self._send("ROLLBACK")
                return
        self._drop()

    def _was_committed(self) -> bool:
        """Whether the transaction whose commit was cut is there. Raises StoreDied.

        Its own turn is over once we have the next one. Until then nothing else can be written.
        """
        patience = Patience(serves=self._serves)
        while not self._queue.ended:
            self._drop()
            self._beats()
            try:
                found = self._begun().execute(_WRITTEN, {"writer": self._id}).scalar()
                self._send("ROLLBACK")
                self._send(_FLUSH.format(""))
                return bool(found == self._number)
            except (psycopg.Error, DBAPIError, TransactionLost) as error:
                self._queue.refuse(StoreError(f"the store cannot be written: {reason(error)}"))
                if patience.is_over(error):
                    break
            # The server is away or does not know yet: nothing says when a look is worth while.
            time.sleep(_RETRY_SECONDS)
        raise StoreDied(
            "whether the last rows were written is not known: a restart goes on from the database"
        )

    def _beats(self) -> None:
        self._beat = time.monotonic()

    @property
    def _raw(self) -> ServerConnection:
        assert self._connection is not None
        return _raw(self._connection)

    def _execute(self, statement: str) -> None:
        """A message is a round trip: a savepoint begins with its transaction, and ends with what follows."""
        if statement == SAVEPOINT and self._has_savepoint:
            self._has_savepoint = False
        elif statement == RELEASE and self._raw.info.transaction_status is TransactionStatus.INTRANS:
            self._held = f"{RELEASE};"
        else:
            held, self._held = self._held, ""
            self._send(held + statement)

    def _send(self, statement: str) -> None:
        self._raw.execute(statement.encode())

    def _is_cut(self) -> bool:
        return self._connection is not None and (self._connection.invalidated or self._raw.closed)

    def _is_lost(self) -> bool:
        return self._is_cut() or self._raw.info.transaction_status not in {
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
        }

    def _reason(self, error: BaseException) -> str | None:
        return reason(error) if isinstance(getattr(error, "orig", error), psycopg.Error) else None

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            discard(connection)

    def _died(self, error: BaseException) -> StoreDied:
        return error if isinstance(error, StoreDied) else super()._died(error)

    def _close(self) -> None:
        self._inserter.close()
        self._drop()
        self._writers.dispose()
        self._engine.dispose()


def _raw(connection: Connection) -> ServerConnection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, ServerConnection)
    return raw
