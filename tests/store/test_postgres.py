"""What PostgreSQL promises while servers, networks and other nodes fail: each write is there, or raised."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import psycopg
import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, column, select, values
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable
from support.cut_proxy import CutProxy, Lost, Mode
from support.pooler import serve_pooler
from support.postgres import Server
from support.scripted import eventually

from bridge.errors import StoreDied, StoreError
from bridge.store.postgres import database as module
from bridge.store.postgres import engine, patience
from bridge.store.postgres.database import Database
from bridge.store.postgres.migrate import SERVED, TURN
from bridge.store.schema import ref_move
from bridge.store.schema import service as table
from bridge.store.sql import database as sql_database
from bridge.store.sql.constructs import insert_new, json_text


def insert(name: str) -> Callable[[Connection], int]:
    statement = f"INSERT INTO service (name, paused_until) VALUES ('{name}', 0)"
    return lambda connection: connection.exec_driver_sql(statement).rowcount


def _names(connection: Connection) -> set[str]:
    return set(connection.exec_driver_sql("SELECT name FROM service").scalars())


async def add(database: Database, name: str) -> None:
    await database.write(insert(name))


async def refused(database: Database, name: str, why: str = "cannot be written") -> None:
    with pytest.raises(StoreError, match=why):
        await add(database, name)


async def names(database: Database) -> set[str]:
    return await database.read(_names)


async def test_work_is_shared_and_one_bad_piece_takes_nothing_with_it(database: Database) -> None:
    ids: list[int] = []

    async def mine(name: str) -> None:
        def work(connection: Connection) -> None:
            insert(name)(connection)
            ids.append(connection.exec_driver_sql("SELECT pg_current_xact_id()::text").scalar_one())

        await database.write(work)

    async def caught() -> None:
        def work(connection: Connection) -> None:
            with suppress(DBAPIError):  # as careless work would have it
                connection.exec_driver_sql("SELECT 1 / 0")

        with pytest.raises(StoreError):
            await database.write(work)

    await add(database, "taken")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(mine, "before")
        tasks.start_soon(refused, database, "taken", "duplicate key")
        tasks.start_soon(caught)
        tasks.start_soon(mine, "after")
    assert await names(database) == {"taken", "before", "after"}
    assert len(ids) == 2, "both were tried once"
    assert len(set(ids)) == 1, "in one transaction"


async def test_what_was_written_is_on_disk(database: Database, postgres: Server) -> None:
    # By itself the server would write what is committed only now and then.
    postgres.execute("postgres", "ALTER SYSTEM SET wal_writer_delay = '10s'")
    postgres.stop(signal.SIGINT)
    postgres.start()
    for name in ("first", "second"):
        await eventually(partial(is_written, database, name), seconds=30)
        postgres.stop(signal.SIGQUIT)
        postgres.start()
        assert name in await names(database)
    postgres.execute("postgres", "ALTER SYSTEM RESET ALL")


async def is_written(database: Database, name: str) -> bool:
    try:
        await add(database, name)
    except StoreError:
        return False  # its connection is still that of the server before
    return True


async def test_what_fails_at_the_commit_fails_its_batch_and_nothing_later(database: Database) -> None:
    def orphan(connection: Connection) -> None:
        constraint = "ALTER TABLE build_log ALTER CONSTRAINT build_log_build_id_fkey DEFERRABLE"
        connection.exec_driver_sql(constraint)
        connection.exec_driver_sql("SET CONSTRAINTS ALL DEFERRED")
        connection.exec_driver_sql(
            "INSERT INTO build_log (build_id, seq, at, text) VALUES ('none', 0, 0, '')"
        )

    async def orphaned() -> None:
        with pytest.raises(StoreError, match="foreign key"):
            await database.write(orphan)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(orphaned)
        tasks.start_soon(refused, database, "beside it", "foreign key")
    await add(database, "later")
    assert await names(database) == {"later"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_a_server_that_was_away_is_used_again(
    database: Database, postgres: Server, how: signal.Signals
) -> None:
    await add(database, "before")
    assert await names(database) == {"before"}
    postgres.stop(how)
    await refused(database, "meanwhile")
    with pytest.raises(StoreError, match="cannot be read"):
        await names(database)
    assert database.beating
    postgres.start()
    assert await names(database) == {"before"}
    await add(database, "after")
    assert await names(database) == {"before", "after"}


async def test_a_server_that_crashes_under_load_has_what_was_said_to_be_there(
    database: Database, postgres: Server
) -> None:
    """Whatever is under way then: the end of each commit is known, though its transaction's id may not be."""
    kept: set[str] = set()
    rejected: set[str] = set()
    done = anyio.Event()

    async def writer(prefix: int) -> None:
        for number in range(100_000):
            name = f"{prefix}-{number}"
            try:
                await add(database, name)
            except StoreError:
                rejected.add(name)
            else:
                kept.add(name)
            if done.is_set():
                return

    async with anyio.create_task_group() as tasks:
        for prefix in range(4):
            tasks.start_soon(writer, prefix)
        for _ in range(2):
            await _more(kept)
            postgres.restart(signal.SIGQUIT)
        await _more(kept)
        done.set()
    assert database.death is None
    found = await names(database)
    assert found >= kept
    assert not found & rejected


async def _more(kept: set[str]) -> None:
    enough = len(kept) + 50
    await eventually(lambda: len(kept) > enough, seconds=30)


async def test_connections_that_the_server_ends_are_made_anew(
    database: Database, postgres: Server, url: str
) -> None:
    await add(database, "before")
    await names(database)
    name = url.rpartition("/")[2]
    ended = postgres.execute(
        "postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    )
    assert len(ended) == 2, "the writer and a reader"
    assert await names(database) == {"before"}, "a read is repeated once"
    await add(database, "after")
    # No copy can be made of what is in use.
    with (
        closing(psycopg.connect(url, options="-c lock_timeout=100")) as other,
        pytest.raises(psycopg.errors.LockNotAvailable),
    ):
        other.execute(f"SELECT pg_advisory_lock({SERVED})".encode())


async def test_while_it_cannot_be_asked_whoever_follows_looks_each_time(
    behind: Database, proxy: CutProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_database, "LOOK_SECONDS", 0.01)
    calls: list[None] = []
    behind.follow(lambda: calls.append(None))
    await eventually(lambda: calls)
    proxy.mode = Mode.RESET
    known = len(calls)
    await eventually(lambda: len(calls) > known + 5)
    proxy.mode = Mode.PASS
    await add(behind, "after")
    await anyio.to_thread.run_sync(behind.close)


async def test_a_read_is_not_repeated_for_ever(behind: Database) -> None:
    tries = 0

    def cut(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StoreError, match="cannot be read"):
        await behind.read(cut)
    assert tries == 2


async def test_reset_connections_heal(behind: Database, proxy: CutProxy) -> None:
    await add(behind, "before")
    proxy.mode = Mode.RESET
    await refused(behind, "meanwhile")
    proxy.mode = Mode.PASS
    await add(behind, "after")
    assert await names(behind) == {"before", "after"}


async def test_a_network_that_says_nothing_is_given_up(
    behind: Database, proxy: CutProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 2)
    await add(behind, "before")
    await names(behind)
    behind._raw.answer_seconds = 0.3
    proxy.mode = Mode.SILENT
    # As after half a minute in which the writer only waits for answers.
    behind._beat = 0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(refused, behind, "meanwhile")
        await eventually(lambda: behind.beating)
    proxy.mode = Mode.PASS
    await add(behind, "after")
    assert await names(behind) == {"before", "after"}


@pytest.mark.parametrize("lost", list(Lost))
async def test_a_cut_commit_is_looked_up(behind: Database, proxy: CutProxy, lost: Lost) -> None:
    await add(behind, "before")
    proxy.lost = lost
    if lost is Lost.ANSWER:
        await add(behind, "unsure")
    else:
        await refused(behind, "unsure")
    assert proxy.lost is None
    await add(behind, "after")
    kept = {"unsure"} if lost is Lost.ANSWER else set()
    assert await names(behind) == {"before", "after"} | kept


async def test_an_earlier_commit_of_this_writer_or_a_later_one_of_another_is_not_taken_for_it(
    behind: Database, proxy: CutProxy, url: str
) -> None:
    with Database.open(url, exclusive=False) as other:
        for number in range(3):
            await add(other, f"other {number}")
        await add(behind, "before")
        proxy.lost = Lost.COMMIT
        await refused(behind, "unsure")


def cutting(proxy: CutProxy) -> Callable[[Connection], None]:
    """A write whose commit gets no answer, after which no connection leads to the server any more."""

    def work(connection: Connection) -> None:
        insert("unsure")(connection)
        proxy.lost = Lost.ANSWER
        proxy._server_port = 1

    return work


async def test_a_cut_commit_is_looked_up_however_long_the_server_is_away(
    behind: Database, proxy: CutProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "UNSURE_SECONDS", 0.0)
    there = proxy._server_port
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(behind.write, cutting(proxy))
        await eventually(lambda: proxy._server_port == 1 and proxy.lost is None)
        for _ in range(3):
            await refused(behind, "meanwhile")
        assert behind.death is None
        assert behind.beating
        proxy._server_port = there
    await add(behind, "after")
    assert await names(behind) == {"unsure", "after"}


async def test_a_node_that_can_use_no_session_asks_no_longer_for_a_commit_than_a_command(
    behind: Database, proxy: CutProxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "UNSURE_SECONDS", 0.5)
    there = proxy._server_port
    with serve_pooler(there, "transaction") as pooler, anyio.fail_after(30):
        # Another client has had the connection that the pooler gives us.
        first = engine.engine_of(url.replace(str(there), str(pooler.port)), read_only=False)
        first.connect().close()
        unsure = asyncio.ensure_future(behind.write(cutting(proxy)))
        await eventually(lambda: proxy._server_port == 1 and proxy.lost is None)
        proxy._server_port = pooler.port
        with pytest.raises(StoreDied, match=r"is not known: a restart goes on"):
            await unsure


async def test_a_node_that_is_to_end_waits_no_longer_for_a_commit_that_was_cut(
    behind: Database, proxy: CutProxy
) -> None:
    async with anyio.create_task_group() as tasks:
        with pytest.raises(StoreDied, match=r"is not known: a restart goes on"):  # noqa: PT012
            unsure = asyncio.ensure_future(behind.write(cutting(proxy)))
            await eventually(lambda: proxy._server_port == 1 and proxy.lost is None)
            tasks.start_soon(anyio.to_thread.run_sync, behind.close)
            await unsure


async def test_a_command_that_gets_no_answer_ends(
    url: str, postgres: Server, proxy: CutProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "UNSURE_SECONDS", 0.5)
    Database.open(url, exclusive=True).close()
    with Database.open(url.replace(str(postgres.port), str(proxy.port)), exclusive=False) as command:
        with pytest.raises(StoreDied, match=r"is not known: a restart goes on"):
            await command.write(cutting(proxy))
        with pytest.raises(StoreDied):
            await add(command, "later")


async def test_a_turn_that_another_session_keeps_is_waited_for_in_bounds(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOCK_SECONDS", 0.1)
    with Database.open(url, exclusive=True) as database:
        with closing(psycopg.connect(url)) as other:
            other.execute(f"SELECT pg_advisory_xact_lock({TURN})".encode())
            await refused(database, "meanwhile", "lock timeout")
            assert await names(database) == set()
        await add(database, "after")


_FROZEN = """
import sys, time
import anyio
from bridge.errors import StoreError
from bridge.store.postgres import engine
from bridge.store.postgres.database import Database

engine.IDLE_SECONDS = 1

def work(connection):
    connection.exec_driver_sql("INSERT INTO service (name, paused_until) VALUES ('frozen', 0)")
    print("begun", flush=True)
    sys.stdin.readline()

async def main():
    with Database.open(sys.argv[1], exclusive=False) as database:
        try:
            await database.write(work)
        except StoreError:
            print("lost", flush=True)

anyio.run(main)
"""


def _start_frozen(url: str) -> "subprocess.Popen[str]":
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", _FROZEN, url], text=True, **pipes)


async def test_a_frozen_node_loses_its_transaction_and_the_others_go_on(url: str) -> None:
    with Database.open(url, exclusive=True) as database:
        frozen = _start_frozen(url)
        assert frozen.stdin is not None
        assert frozen.stdout is not None
        try:
            assert await anyio.to_thread.run_sync(frozen.stdout.readline) == "begun\n"
            frozen.send_signal(signal.SIGSTOP)
            with anyio.fail_after(5):
                await add(database, "others")
            frozen.send_signal(signal.SIGCONT)
            frozen.stdin.write("\n")
            frozen.stdin.flush()
            assert await anyio.to_thread.run_sync(frozen.stdout.readline) == "lost\n"
            assert await names(database) == {"others"}
        finally:
            frozen.kill()
            frozen.communicate()


async def test_a_node_that_freezes_between_statements_that_it_sends_at_once_loses_its_turn(
    url: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not call it idle: it would wait for the rest for ever."""
    monkeypatch.setattr(engine, "LOCK_SECONDS", 0.5)
    monkeypatch.setattr(module, "_END_SILENT", module._END_SILENT.replace("'5 s'", "'0.2 s'"))
    with Database.open(url, exclusive=True) as database, closing(psycopg.connect(url)) as frozen:
        frozen.pgconn.enter_pipeline_mode()
        for statement in ("BEGIN", f"SELECT pg_advisory_xact_lock({TURN})"):
            frozen.pgconn.send_query_params(statement.encode(), None)
        frozen.pgconn.send_flush_request()
        frozen.pgconn.flush()
        holds = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock'"
        await eventually(lambda: postgres.execute(url.rpartition("/")[2], holds))
        await add(database, "others")
        assert await names(database) == {"others"}


async def test_a_turn_sees_what_was_written_before_it_whatever_the_database_prefers(
    url: str, postgres: Server
) -> None:
    Database.open(url, exclusive=True).close()
    name = url.rpartition("/")[2]
    postgres.execute(name, f"ALTER DATABASE {name} SET default_transaction_isolation = serializable")
    with Database.open(url, exclusive=True) as database, closing(psycopg.connect(url)) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({TURN})".encode())
        other.execute(b"INSERT INTO service (name, paused_until) VALUES ('first', 0)")
        seen: list[set[str]] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(database.write, lambda connection: seen.append(_names(connection)))
            waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            await eventually(lambda: postgres.execute(name, waits))
            other.commit()
    assert seen == [{"first"}]


async def test_what_comes_while_the_turn_is_awaited_shares_its_commit(url: str, postgres: Server) -> None:
    """More nodes are not to make more, smaller transactions."""
    own = "SELECT pg_current_xact_id()::text"
    with Database.open(url, exclusive=True) as database, closing(psycopg.connect(url)) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({TURN})".encode())
        ids: list[str] = []

        def work(connection: Connection) -> None:
            ids.append(connection.exec_driver_sql(own).scalar_one())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(database.write, work)
            waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            await eventually(lambda: postgres.execute(url.rpartition("/")[2], waits))
            for _ in range(5):
                tasks.start_soon(database.write, work)
            await anyio.wait_all_tasks_blocked()
            other.commit()
    assert len(ids) == 6
    assert len(set(ids)) == 1


async def test_rows_that_are_inserted_together_are_kept_as_in_sqlite(database: Database) -> None:
    columns = {"code": "text", "ref": "text", "before": "text", "after": "text", "at": "float8"}
    names = [("nul \0", 0.0), ('{"quoted", \\}', 2.5), ("NULL", 0.0), ("", 0.0), ("nul \ufffd", 1.0)]
    rows = [(name, "r", "b", "a", at) for name, at in names]
    unique = ("code", "ref", "before", "after")

    def work(connection: Connection) -> tuple[int, list[Any]]:
        new = insert_new(connection, ref_move.name, columns, rows, unique, among="at < 2.5")
        query = select(ref_move.c.code, ref_move.c.at, ref_move.c.turn).order_by(ref_move.c.code)
        return new, list(map(tuple, connection.execute(query)))

    kept = [("", 0.0, 1), ("NULL", 0.0, 1), ("nul \ufffd", 0.0, 1), ('{"quoted", \\}', 2.5, 1)]
    assert await database.write(work) == (4, kept), "what is there is left as it is"
    assert await database.write(work) == (0, kept)
    rows = [("later", "r", "b", "a", 0.0), ("last", "r", "b", "a", 0.0)]
    new, found = await database.write(work)
    assert new == 2
    assert [row for row in found if row not in kept] == [("last", 0.0, 2), ("later", 0.0, 2)]


async def test_texts_and_numbers_are_kept_as_in_sqlite(database: Database) -> None:
    def work(connection: Connection) -> list[Any]:
        for name, at in (("b", 2.0**40), ("a", 0.0), ("Ä", 0.0), ("B", 0.0), ("nul \0", 0.0)):
            connection.execute(table.insert().values(name=name, paused_until=at))
        return list(connection.execute(select(table.c.name).order_by(table.c.name)).scalars())

    # By their bytes; what PostgreSQL cannot keep is shown as a mark.
    assert await database.write(work) == ["B", "a", "b", "nul \ufffd", "Ä"]
    with pytest.raises(UnicodeEncodeError):
        await add(database, "half \ud800")
    await add(database, "whole")

    def read(connection: Connection) -> Any:
        documents = values(column("text", Text), name="documents").data([(r'{"a": "x\u0000", "key": "k"}',)])
        return connection.execute(select(json_text(documents.c.text, "key"))).scalar()

    assert await database.read(read) == "k", "a NUL hides no other key"
    large = insert_number(2**40)
    assert await database.write(large) == 2**40


def insert_number(number: int) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        statement = "INSERT INTO sizes VALUES (%s) RETURNING size"
        connection.execute(CreateTable(Table("sizes", MetaData(), Column("size", Integer))))
        return int(connection.exec_driver_sql(statement, (number,)).scalar_one())

    return work
