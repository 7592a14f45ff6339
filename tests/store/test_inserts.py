"""What PostgreSQL inserts without a turn: it waits for no node, and each row is there, or raised."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from itertools import count

import anyio
import anyio.to_thread
import psycopg
import pytest
from sqlalchemy import Connection
from support.cut_proxy import CutProxy, Lost, Mode
from support.postgres import Server
from support.scripted import eventually

from bridge.errors import StoreError
from bridge.store.postgres import engine, inserts
from bridge.store.postgres.database import Database
from bridge.store.postgres.migrate import COPIED, SERVED, TURN
from bridge.store.sql.constructs import insert_new

_TEXTS = ("id", "source", "forge", "key", "event", "headers", "state")
_COLUMNS = dict.fromkeys(_TEXTS, "text") | {"body": "bytea", "received_at": "float8"}
_ids = count()


def insert(connection: Connection, keys: Sequence[str]) -> list[int]:
    """For each key how many of them were new."""
    rows = [(f"{next(_ids)}", "s", "f", key, "push", "{}", "stored", b"", 0.0) for key in keys]
    new = insert_new(
        connection, "delivery", _COLUMNS, rows, ("source", "key", "replay"), among="state = 'stored'"
    )
    return [new] * len(keys)


async def add(database: Database, key: str) -> int:
    return await database.insert(insert, key, patience=30)


async def refused(database: Database, key: str, why: str) -> None:
    with pytest.raises(StoreError, match=why):
        await add(database, key)


async def keys(database: Database) -> list[str]:
    statement = "SELECT key FROM delivery ORDER BY turn"
    return await database.read(lambda connection: list(connection.exec_driver_sql(statement).scalars()))


def end_all(postgres: Server, url: str) -> None:
    """End the connections of the database."""
    name = url.rpartition("/")[2]
    postgres.execute(
        "postgres", f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
    )


async def test_it_waits_for_no_turn(url: str, database: Database) -> None:
    with closing(psycopg.connect(url)) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({TURN})".encode())
        with anyio.fail_after(5):
            assert await add(database, "meanwhile") == 1


async def test_what_was_inserted_is_on_disk(database: Database, postgres: Server) -> None:
    # By itself the server would write what is committed only now and then.
    postgres.execute("postgres", "ALTER SYSTEM SET wal_writer_delay = '10s'")
    postgres.restart()
    await add(database, "kept")
    postgres.restart(signal.SIGQUIT)
    assert await keys(database) == ["kept"]
    postgres.execute("postgres", "ALTER SYSTEM RESET ALL")


async def test_a_row_that_cannot_be_inserted_takes_no_other_with_it(database: Database) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(add, database, "before")
        tasks.start_soon(refused, database, os.urandom(5_000).hex(), "index row")
        tasks.start_soon(add, database, "after")
    assert await keys(database) == ["before", "after"]


async def test_whatever_fails_is_of_one_row_and_ends_nothing(database: Database) -> None:
    def careless(connection: Connection, keys: Sequence[str]) -> list[int]:
        if "bad" in keys:
            raise ValueError("a fault of ours")
        return insert(connection, keys)

    async def add_carelessly(key: str) -> None:
        await database.insert(careless, key, patience=30)

    async def failing() -> None:
        with pytest.raises(ValueError, match="a fault of ours"):
            await add_carelessly("bad")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(add_carelessly, "before")
        tasks.start_soon(failing)
        tasks.start_soon(add_carelessly, "after")
    assert database.death is None
    assert set(await keys(database)) == {"before", "after"}


async def test_what_takes_too_long_is_tried_once_for_all_and_not_for_who_has_gone(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(inserts, "STATEMENT_SECONDS", 0.5)
    begun: list[int] = []

    def counted(connection: Connection, keys: Sequence[str]) -> list[int]:
        begun.append(len(keys))
        return insert(connection, keys)

    with Database.open(url, exclusive=True) as database, closing(psycopg.connect(url)) as other:

        async def lost(key: str, patience: float, why: str) -> None:
            with pytest.raises(StoreError, match=why):
                await database.insert(counted, key, patience=patience)

        other.execute(b"LOCK TABLE delivery IN EXCLUSIVE MODE")
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(lost, f"begun {number}", 30, "timeout")
            await eventually(lambda: begun)
            tasks.start_soon(lost, "waiting", 0.1, "took no write for too long")
        other.rollback()
        await add(database, "after")
        assert begun == [5]
        assert await keys(database) == ["after"]


async def test_what_a_process_has_in_hand_while_it_stands_still_is_not_inserted_when_it_wakes(
    database: Database,
) -> None:
    await add(database, "before")
    late = asyncio.ensure_future(database.insert(insert, "late", patience=0.1))
    time.sleep(0.2)  # noqa: ASYNC251  # as a process that gets no time: its loop sees no deadline pass
    with pytest.raises(StoreError, match="took no write for too long"):
        await late
    await add(database, "after")
    assert await keys(database) == ["before", "after"]


async def test_rows_of_a_connection_that_was_ended_are_inserted_on_a_new_one(
    database: Database, postgres: Server, url: str
) -> None:
    await add(database, "before")
    end_all(postgres, url)
    await add(database, "after")
    assert await keys(database) == ["before", "after"]


@pytest.mark.parametrize("lost", list(Lost))
async def test_rows_whose_connection_is_cut_are_there_once(
    behind: Database, proxy: CutProxy, lost: Lost
) -> None:
    await add(behind, "before")
    proxy.lost = lost
    assert await add(behind, "unsure") == (lost is Lost.COMMIT)
    assert proxy.lost is None
    assert await keys(behind) == ["before", "unsure"]


async def test_a_network_that_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch, url: str, postgres: Server, proxy: CutProxy
) -> None:
    monkeypatch.setattr(inserts, "STATEMENT_SECONDS", 0.5)
    monkeypatch.setattr(engine, "SILENCE_SECONDS", 0)
    with Database.open(url.replace(str(postgres.port), str(proxy.port)), exclusive=True) as behind:
        await add(behind, "before")
        proxy.mode = Mode.SILENT
        with pytest.raises(StoreError, match="took no write for too long"):
            await behind.insert(insert, "meanwhile", patience=0.1)
        proxy.mode = Mode.PASS
        await add(behind, "after")
        assert await keys(behind) == ["before", "meanwhile", "after"], "it had begun, and is tried again"


async def test_nodes_that_insert_the_same_at_once_have_no_deadlock(
    url: str, database: Database, postgres: Server
) -> None:
    async def all_of(into: Database, names: Sequence[str]) -> None:
        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(add, into, name)

    with Database.open(url, exclusive=False) as other:
        for number in range(20):
            names = [f"{number}-{one}" for one in range(200)]
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(all_of, database, names)
                tasks.start_soon(all_of, other, names[::-1])
    ((deadlocks,),) = postgres.execute(
        "postgres", f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{url.rpartition('/')[2]}'"
    )
    assert not deadlocks
    assert len(await keys(database)) == 4_000


async def test_nothing_is_inserted_while_a_copy_is_made(
    monkeypatch: pytest.MonkeyPatch, url: str, postgres: Server
) -> None:
    monkeypatch.setattr(engine, "LOCK_SECONDS", 0.1)
    with Database.open(url, exclusive=True) as database:
        await add(database, "before")
        end_all(postgres, url)
        with closing(psycopg.connect(url)) as copier:
            copier.execute(f"SELECT pg_advisory_lock({SERVED})".encode())
            await refused(database, "meanwhile", COPIED)
        await eventually(partial(is_added, database, "after"))
        assert await keys(database) == ["before", "after"]


async def is_added(database: Database, key: str) -> bool:
    try:
        await add(database, key)
    except StoreError:
        return False  # the server has not noticed yet that the copy is done
    return True
