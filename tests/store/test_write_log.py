"""SQLite's log of writes: one that is cut off is not copied into the file, and said to be so."""

import os
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import cast

import anyio
import anyio.to_thread
import pytest
from sqlalchemy import Connection
from support.commands import command
from support.daemon import DUMMY, Daemon
from support.scripted import Store, delivery_of, eventually, open_store

from bridge.errors import StoreReplaced
from bridge.store.sqlite.database import Database

pytestmark = pytest.mark.sqlite

COPIED = 256
"""After so many rows the log is copied."""
COPIED_AT_COMMIT = 4_000
"""So many pages in it are copied by the commit itself."""


def log_of(store: Store) -> Path:
    return Path(f"{store.path}-wal")


def cut(store: Store, part: float) -> None:
    os.truncate(log_of(store), int(log_of(store).stat().st_size * part))


def change(connection: Connection, *, key: int) -> None:
    connection.exec_driver_sql("UPDATE delivery SET detail = 'changed' WHERE key = ?", (str(key),)).close()


async def found(folder: Path) -> list[str]:
    """What the next start finds damaged in its store: `ok` alone is nothing."""
    async with open_store(folder) as store:
        assert (await store.deliveries.put(delivery_of("next", store.clock()))).new
        return await store.database.read(
            lambda connection: list(connection.exec_driver_sql("PRAGMA integrity_check").scalars())
        )


async def test_nothing_is_copied_of_a_log_that_was_cut_off(tmp_path: Path) -> None:
    """Pages are copied in their order in the file, not in that of the log: half of them would be damage."""
    async with open_store(tmp_path) as store:
        for number in range(70):
            body = os.urandom(3000)
            await store.deliveries.put(delivery_of(str(number), store.clock(), body=body))
        for number in range(140):
            await store.database.write(partial(change, key=number % 70))
        before = store.path.read_bytes()
        cut(store, 0.9)
        checkpointer = cast(Database, store.database)._checkpointer
        checkpointer.wrote(COPIED)
        await anyio.to_thread.run_sync(checkpointer._thread.join, 10)
        assert store.path.read_bytes() == before
        with pytest.raises(StoreReplaced, match="wal was cut off"):
            await store.builds.add_step("later", "written", "")
    assert await found(tmp_path) == ["ok"]


async def test_nothing_is_committed_into_a_log_that_was_cut_off(tmp_path: Path) -> None:
    """The commit would make a hole in it and, where the log is large, copy that into the file."""
    async with open_store(tmp_path) as store:
        with closing(sqlite3.connect(store.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM delivery").fetchall()  # holds up all copies
            await store.deliveries.put(
                delivery_of("large", store.clock(), body=os.urandom(COPIED_AT_COMMIT * 4096 + 1))
            )
            cut(store, 0.5)
            reader.execute("ROLLBACK")
        with pytest.raises(StoreReplaced, match="wal was cut off"):
            await store.builds.add_step("later", "written", "")
    assert await found(tmp_path) == ["ok"]


async def test_an_idle_store_notices_that_its_log_was_emptied(store: Store) -> None:
    await store.builds.add_step("before", "written", "")
    cut(store, 0)
    assert "wal was cut off" in str(await eventually(lambda: store.death))


async def test_a_log_that_loses_what_it_does_not_use_yet_is_noticed_too(store: Store) -> None:
    for number in range(50):
        await store.builds.add_step(str(number), "written", "x" * 500)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    for number in range(2):
        await store.builds.add_step(f"anew {number}", "written", "")
    cut(store, 0.5)
    with pytest.raises(StoreReplaced, match="wal was cut off"):
        await store.builds.add_step("later", "written", "")


async def test_a_log_that_others_write_copy_and_begin_anew_is_whole(store: Store) -> None:
    done = anyio.Event()

    def others() -> None:
        with closing(sqlite3.connect(store.path, timeout=10, isolation_level=None)) as other:
            for number in range(200):
                other.execute("INSERT INTO service (name, paused_until) VALUES (?, 0)", (f"other {number}",))
                mode = ("PASSIVE", "RESTART", "TRUNCATE")[number % 3]
                other.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()

    async def write() -> None:
        while not done.is_set():
            await store.builds.add_step("ours", "written", "x" * 5000)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        await anyio.to_thread.run_sync(others)
        done.set()
    assert store.death is None


def test_what_a_damaged_store_needs_is_said_and_helps(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, DUMMY, {})
    daemon.start()
    assert command("--config", daemon.config, "db", "backup", tmp_path / "kept.db").status == 0
    assert daemon.stop() == 0
    content = daemon.database.read_bytes()
    daemon.database.write_bytes(content[:4096] + bytes(len(content) - 4096))
    ended = daemon.second()
    assert ended.returncode == 1
    assert "`buildbridge db restore FILE`" in ended.stderr.splitlines()[-1]
    assert command("--config", daemon.config, "db", "restore", tmp_path / "kept.db").status == 0
    daemon.start()
    assert daemon.stop() == 0
