"""The writer of a store, kept in its transaction."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from sqlalchemy import Connection
from support.scripted import eventually

from bridge.store.sql.database import Database


@asynccontextmanager
async def held_writer(database: Database) -> AsyncIterator[Callable[[], None]]:
    """Until the block ends, or calls what is yielded, the writer has begun a transaction and does not end it.

    What is written meanwhile waits for the next one: it cannot join the one that has begun its work.
    """
    entered, release = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":  # where deliveries take no turn
            connection.exec_driver_sql("LOCK TABLE delivery IN SHARE ROW EXCLUSIVE MODE")
        entered.set()
        assert release.wait(30)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(database.write, work)
        await eventually(entered.is_set)
        try:
            yield release.set
        finally:
            release.set()
