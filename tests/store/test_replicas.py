"""A replica that has to confirm what is committed is away: nothing is lost, and no sessions pile up."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing

import anyio
import psycopg
import pytest
from sqlalchemy import Connection
from support.postgres import Server
from support.scripted import eventually
from support.waiting import eventually as soon

from bridge.errors import StoreError
from bridge.store.postgres import engine, inserts
from bridge.store.postgres.database import Database
from bridge.store.sql.constructs import insert_new

_WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = '{}'"


def commits_wait(postgres: Server) -> bool:
    """Whether commits wait for the replica: for a moment they do not, although each session knows of it."""
    with closing(psycopg.connect(f"{postgres.url}/postgres", autocommit=True)) as session:
        session.pgconn.send_query(b"SELECT pg_logical_emit_message(true, '', '')")
        pid = session.info.backend_pid
        in_wait = f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'SyncRep'"

        def look() -> str:
            session.pgconn.consume_input()
            if not session.pgconn.is_busy():
                return "committed"
            return "waits" if postgres.execute("postgres", in_wait) else ""

        found = soon(look)
        postgres.execute("postgres", f"SELECT pg_terminate_backend({pid})")
    return found == "waits"


@asynccontextmanager
async def without_replica(postgres: Server) -> AsyncIterator[None]:
    def confirm(by: str) -> None:
        # What the test itself does waits for no replica.
        postgres.execute("postgres", f"ALTER SYSTEM SET synchronous_standby_names = '{by}'")
        postgres.execute("postgres", "SELECT pg_reload_conf()")

    confirm("replica")
    await eventually(lambda: commits_wait(postgres))
    try:
        yield
    finally:
        confirm("")


def waiting(postgres: Server, url: str) -> int:
    """How many sessions of the database wait for the replica."""
    name = url.rpartition("/")[2]
    return len(postgres.execute(name, _WAITING.format(name)))


def write(connection: Connection) -> None:
    connection.exec_driver_sql("INSERT INTO service (name, paused_until) VALUES ('here', 0)")


def insert(connection: Connection, keys: Sequence[str]) -> list[int]:
    columns = dict.fromkeys(("id", "source", "forge", "key", "event", "headers", "state"), "text")
    rows = [(key, "s", "f", key, "push", "{}", "stored", b"", 0.0) for key in keys]
    columns |= {"body": "bytea", "received_at": "float8"}
    new = insert_new(
        connection, "delivery", columns, rows, ("source", "key", "replay"), among="state = 'stored'"
    )
    return [new] * len(keys)


@pytest.fixture
def database(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """It waits half a second for an answer."""
    monkeypatch.setattr(engine, "SILENCE_SECONDS", 0.5 - engine.STATEMENT_SECONDS)
    monkeypatch.setattr(inserts, "STATEMENT_SECONDS", engine.STATEMENT_SECONDS)
    with Database.open(url, exclusive=True) as found:
        yield found


async def test_a_write_is_confirmed_before_its_caller_hears_of_it_and_leaves_one_session(
    postgres: Server, url: str, database: Database
) -> None:
    with anyio.fail_after(60):
        async with without_replica(postgres):
            unsure = asyncio.ensure_future(database.write(write))
            await eventually(lambda: waiting(postgres, url) > 0)
            for _ in range(4):
                with pytest.raises(StoreError, match="cannot be written"):
                    await database.write(write)
            assert (waiting(postgres, url), unsure.done(), database.death) == (1, False, None)
        await unsure
        with pytest.raises(StoreError, match="duplicate key"):
            await database.write(write)


async def test_a_delivery_that_no_replica_has_is_not_taken_when_it_is_sent_again_and_leaves_one_session(
    postgres: Server, url: str, database: Database
) -> None:
    async def sent() -> int:
        return await database.insert(insert, "key", patience=30)

    with anyio.fail_after(60):
        async with without_replica(postgres):
            for _ in range(4):
                with pytest.raises(StoreError, match="cannot be written"):
                    await sent()
            assert waiting(postgres, url) == 1
        await eventually(lambda: waiting(postgres, url) == 0)
        assert await sent() == 0, "it is there, and confirmed"
