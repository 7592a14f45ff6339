"""What a commit promises: it is on disk, no caller waits for ever, and a failed one harms no later one."""

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from sqlalchemy import Connection
from support.engines import opened, postgres, taken
from support.scripted import Store, eventually, open_store

from bridge.errors import StoreError
from bridge.store.sql.constructs import driver_sql
from bridge.store.sql.database import Database


def insert(name: str) -> Callable[[Connection], int]:
    statement = "INSERT INTO service (name, paused_until) VALUES (?, 0)"
    return lambda connection: driver_sql(connection, statement, (name,)).rowcount


async def names(database: Database) -> list[str]:
    query = "SELECT name FROM service ORDER BY name"
    return await database.read(lambda connection: list(connection.exec_driver_sql(query).scalars()))


@pytest.mark.sqlite
async def test_each_commit_waits_for_the_disk(store: Store) -> None:
    full, asked = 2, "PRAGMA synchronous"
    assert await store.database.write(lambda connection: connection.exec_driver_sql(asked).scalar()) == full


def orphan(connection: Connection) -> None:
    """A log of no build, which no one looks for before the commit."""
    if postgres():
        foreign_key = "build_log ALTER CONSTRAINT build_log_build_id_fkey"
        connection.exec_driver_sql(f"ALTER TABLE {foreign_key} DEFERRABLE INITIALLY DEFERRED")
    else:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
    connection.exec_driver_sql("INSERT INTO build_log (build_id, seq, at, text) VALUES ('none', 0, 0, '')")


async def test_a_commit_that_fails_takes_all_of_its_batch_and_nothing_of_the_next(store: Store) -> None:
    async def refused(work: Callable[[Connection], object]) -> None:
        with pytest.raises(StoreError, match=r"cannot be written: .*(?i:foreign key)"):
            await store.database.write(work)

    async with anyio.create_task_group() as tasks:
        for work in (insert("before"), orphan, insert("beside")):
            tasks.start_soon(refused, work)
    await store.database.write(insert("after"))
    assert await names(store.database) == ["after"]


async def test_one_whose_caller_has_gone_keeps_none_of_its_neighbours_waiting(store: Store) -> None:
    async def gone() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await store.database.write(insert("gone"))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(gone)
            tasks.start_soon(store.database.write, insert("here"))
    assert await names(store.database) == ["gone", "here"]


async def test_what_work_has_read_no_one_changes_before_it_has_written(store: Store) -> None:
    """Another process could, and neither would know of the other's rows."""

    def work(connection: Connection) -> int:
        known = connection.exec_driver_sql("SELECT count(*) FROM service").scalar_one()
        with pytest.raises(Exception, match="lock"), taken(store.path):
            raise AssertionError
        return insert(f"after {known}")(connection)

    await store.database.write(work)
    assert await names(store.database) == ["after 0"]


class _Slow(deque[Any]):
    """The writer sees that nothing waits, and much happens before it acts upon that."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = False
        self.seen = threading.Event()
        self.goes_on = threading.Event()

    def __len__(self) -> int:
        found = super().__len__()
        is_look = self.begun and threading.current_thread().name == "store-writer"
        if is_look and not found and not self.seen.is_set():
            self.seen.set()
            self.goes_on.wait(10)
        return found


async def test_a_write_between_the_last_look_of_the_writer_and_the_close_is_done(tmp_path: Path) -> None:
    database = opened(tmp_path / "bridge.db")
    database._queue._waiting = waiting = _Slow()
    closing_thread = threading.Thread(target=database.close)
    with anyio.fail_after(10):
        await database.write(insert("first"))
        waiting.begun = True
        database._queue.ready.set()
        await eventually(waiting.seen.is_set)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(database.write, insert("last"))
            await anyio.wait_all_tasks_blocked()
            closing_thread.start()
            await eventually(lambda: database._queue._closed)
            waiting.goes_on.set()
    await anyio.to_thread.run_sync(closing_thread.join)
    async with open_store(tmp_path) as again:
        assert await names(again.database) == ["first", "last"]
