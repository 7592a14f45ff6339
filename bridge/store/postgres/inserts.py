"""Rows that take no turn: each batch is one statement, and a transaction, on a connection of its own.

So a new delivery waits for nothing that this node or another one decides meanwhile, and a node that stands
still in its turn keeps no other from taking it. Where the connection is cut, the same rows are inserted
again: those that were committed are there already.
"""

import math
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Any, Final, TypeVar

import psycopg
from psycopg.errors import LockNotAvailable, QueryCanceled
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bridge.errors import StoreDied, StoreError
from bridge.runtime.metrics import WRITE_SECONDS
from bridge.store.postgres.engine import FLUSH, discard, engine_of
from bridge.store.postgres.failures import reason
from bridge.store.postgres.sessions import Sessions
from bridge.store.sql.database import BEAT_SECONDS, CLOSE_SECONDS, Bulk, TransactionLost
from bridge.store.sql.queue import Write, WriteQueue, hand_back

T = TypeVar("T")
R = TypeVar("R")

STATEMENT_SECONDS: Final = 7
"""Who sends a delivery waits no longer."""


class Inserter:
    """One thread with one connection, both made when first needed.

    `share` is called with each new connection, and raises psycopg.Error or TransactionLost where it cannot be
    used now; `died` with what has ended the thread.
    """

    def __init__(
        self, url: str, share: Callable[[Connection], object], died: Callable[[BaseException], StoreDied]
    ) -> None:
        self._sessions = Sessions(engine_of(url, read_only=False, seconds=STATEMENT_SECONDS))
        self._share = share
        self._died = died
        self._connection: Connection | None = None
        self._queue = WriteQueue()
        self._thread: threading.Thread | None = None
        self._begun_at = math.inf
        self._closed_at = math.inf

    def add(self, bulk: Bulk[R, T], row: R, patience: float) -> Awaitable[T]:
        """As `bridge.store.sql.database.Database.insert`."""
        inserted = self._queue.add(bulk, row, patience)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store-inserter", daemon=True)
            self._thread.start()
        return inserted

    @property
    def beating(self) -> bool:
        """Whether what is being inserted, if anything, was begun within the last half minute."""
        return time.monotonic() - self._begun_at < BEAT_SECONDS

    @property
    def death(self) -> StoreDied | None:
        """Why nothing is inserted any more; None while the thread runs."""
        return self._queue.death

    def finish(self) -> None:
        """Take no more rows, and insert what is waiting."""
        if self._queue.close():
            self._closed_at = time.monotonic()

    def close(self) -> None:
        """Close the connection, once all is inserted or the time for that is over. `finish` comes before."""
        if self._thread is not None:
            self._thread.join(timeout=max(0.0, self._closed_at + CLOSE_SECONDS - time.monotonic()))
        self._drop()
        self._sessions.close()

    def _run(self) -> None:
        batch: list[Write] = []
        try:
            while not self._queue.ended:
                self._queue.ready.wait()
                self._queue.ready.clear()
                while batch := self._queue.take():
                    with WRITE_SECONDS.time():
                        for bulk, items in groupby(batch, lambda item: item.work):
                            self._insert(bulk, list(items))
                    self._begun_at = math.inf
                    hand_back(batch)
        except BaseException as error:  # noqa: BLE001  # whatever it is, no caller may wait for this thread
            self._queue.die(self._died(error), batch)

    def _insert(self, bulk: Bulk[Any, Any], items: Sequence[Write]) -> None:
        """Where rows cannot be inserted together, each is inserted alone, so that only the bad one fails."""
        waited_for = [item for item in items if not item.give_up_late()]
        if not waited_for:
            return
        try:
            results = self._tried(bulk, [item.row for item in waited_for])
        except Exception as error:  # noqa: BLE001  # it belongs to the callers, not to the thread
            if len(waited_for) > 1 and not self._concerns_all(error):
                for item in waited_for:
                    self._insert(bulk, [item])
                return
            known = isinstance(error, psycopg.Error | DBAPIError | TransactionLost)
            failure = StoreError(f"the store cannot be written: {reason(error)}") if known else error
            for item in waited_for:
                item.error = failure
        else:
            for item, result in zip(waited_for, results, strict=True):
                item.result = result

    def _tried(self, bulk: Bulk[Any, Any], rows: Sequence[Any]) -> Sequence[Any]:
        """Raises what `bulk` and `share` raise; what was cut leaves no connection."""
        for again in (False, True):
            self._begun_at = time.monotonic()
            connection = self._connected()
            try:
                results = bulk(connection, rows)
                if again:
                    # A server that is ended while it waits for its replicas has committed the rows.
                    connection.exec_driver_sql(FLUSH)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                self._drop()
                if again:
                    raise
            else:
                return results
        raise AssertionError

    def _concerns_all(self, error: Exception) -> bool:
        """Whether it would befall each of the rows, too."""
        took_too_long = isinstance(getattr(error, "orig", None), LockNotAvailable | QueryCanceled)
        return self._connection is None or took_too_long

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._sessions.connect()
            try:
                self._share(connection)
            except BaseException:
                discard(connection)
                raise
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            discard(connection)
