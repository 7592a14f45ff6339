"""Rows that take no turn: each batch is one statement, and a transaction, on a connection of its own.

So a Git host's delivery waits for nothing that this node or another one decides meanwhile, and a node that
stands still in its turn keeps no other from taking deliveries. Where the connection is cut, the same rows are
inserted again: those that were committed are there already.
"""

import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import groupby
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from bridge.errors import StoreDied, StoreError
from bridge.runtime.metrics import WRITE_SECONDS
from bridge.store.postgres.failures import reason
from bridge.store.sql.database import CLOSE_SECONDS, Bulk, TransactionLost
from bridge.store.sql.queue import Write, WriteQueue, hand_back

T = TypeVar("T")
R = TypeVar("R")


class Inserter:
    """One thread with one connection, which is made when it is first needed. `prepare` is called for it."""

    def __init__(
        self,
        writers: Engine,
        prepare: Callable[[Connection], object],
        died: Callable[[BaseException], StoreDied],
    ) -> None:
        self._writers = writers
        self._prepare = prepare
        self._died = died
        self._connection: Connection | None = None
        self._queue = WriteQueue()
        self._thread = threading.Thread(target=self._run, name="store-inserter", daemon=True)
        self._thread.start()

    def add(self, bulk: Bulk[R, T], row: R, patience: float) -> Awaitable[T]:
        """As `bridge.store.sql.database.Database.insert`."""
        return self._queue.add(bulk, row, patience)

    @property
    def death(self) -> StoreDied | None:
        """Why nothing is written any more; None while the thread runs."""
        return self._queue.death

    def close(self) -> None:
        """Write what is waiting, then close."""
        self._queue.close()
        self._thread.join(timeout=CLOSE_SECONDS)
        self._drop()

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
                    hand_back(batch)
        except BaseException as error:  # noqa: BLE001  # whatever it is, no caller may wait for this thread
            self._queue.die(self._died(error), batch)

    def _insert(self, bulk: Bulk[Any, Any], items: list[Write]) -> None:
        """Where rows cannot be inserted together, each is inserted alone, so that only the bad one fails."""
        try:
            results = self._tried(bulk, [item.row for item in items])
        except (psycopg.Error, DBAPIError, TransactionLost) as error:
            if len(items) > 1 and self._connection is not None:
                for item in items:
                    self._insert(bulk, [item])
                return
            failure = StoreError(f"the store cannot be written: {reason(error)}")
            for item in items:
                item.error = failure
        else:
            for item, result in zip(items, results, strict=True):
                item.result = result

    def _tried(self, bulk: Bulk[Any, Any], rows: list[Any]) -> Any:
        """Raises psycopg.Error, DBAPIError, TransactionLost; what was cut leaves no connection."""
        for again in (True, False):
            connection = self._connected()
            try:
                return bulk(connection, rows)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                self._drop()
                if not again:
                    raise
        raise AssertionError

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._writers.connect()
            try:
                self._prepare(connection)
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, DBAPIError):
                connection.invalidate()
                connection.close()
