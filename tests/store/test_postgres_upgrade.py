"""An upgrade of a PostgreSQL database beside sessions that have what it needs."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import anyio
import anyio.to_thread
import psycopg
import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs
from support.older import set_back
from support.postgres import Server
from support.scripted import eventually

from bridge.errors import StoreError
from bridge.store.postgres import engine, migrate
from bridge.store.postgres.database import Database
from bridge.store.postgres.migrate import SERVED, TURN, apply_migrations
from bridge.store.schema import REVISION

WAITS = "SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND NOT granted"


def insert(name: str) -> Callable[[Connection], int]:
    statement = f"INSERT INTO service (name, paused_until) VALUES ('{name}', 0)"
    return lambda connection: connection.exec_driver_sql(statement).rowcount


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "_LOCK_SECONDS", 0.3)
    monkeypatch.setattr(migrate, "_PAUSE_SECONDS", 0.1)


@contextmanager
def reading(url: str) -> Iterator[None]:
    """As a dump does: it has read a table, and its transaction goes on."""
    with closing(psycopg.connect(url)) as dump:
        dump.execute(b"LOCK TABLE node IN ACCESS SHARE MODE")
        yield


@pytest.mark.usefixtures("short")
async def test_nodes_go_on_while_a_dump_keeps_an_upgrade_waiting(url: str, postgres: Server) -> None:
    name = url.rpartition("/")[2]
    with Database.open(url, exclusive=True) as database:
        set_back(lambda statement: postgres.execute(name, statement))
        async with anyio.create_task_group() as tasks:
            with reading(url):
                tasks.start_soon(anyio.to_thread.run_sync, apply_migrations, url)
                for number in range(3):
                    await eventually(lambda: postgres.execute(name, WAITS))
                    await database.write(insert(f"{number}"))
    assert postgres.execute(name, "SELECT version_num FROM alembic_version") == [(REVISION,)]
    assert postgres.execute(name, "SELECT count(*) FROM service") == [(3,)]


@pytest.mark.usefixtures("short")
def test_one_that_waits_for_too_long_says_for_what(
    url: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_PATIENCE_SECONDS", 0.5)
    name = url.rpartition("/")[2]
    Database.open(url, exclusive=True).close()
    set_back(lambda statement: postgres.execute(name, statement))
    with (
        reading(url),
        pytest.raises(StoreError, match=r"such as that of pg_dump, have kept its tables locked"),
    ):
        apply_migrations(url)
    assert postgres.execute(name, "SELECT version_num FROM alembic_version") == [("0039",)]


@pytest.mark.usefixtures("short")
async def test_the_turn_of_another_that_migrates_is_waited_for_longer_than_tables_are(
    url: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(engine, "LOCK_SECONDS", 0.1)
    name = url.rpartition("/")[2]
    attempts: set[int] = set()

    def has_waited() -> bool:
        waits = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        attempts.update(pid for (pid,) in postgres.execute(name, waits))
        return len(attempts) > 2

    with capture_logs() as lines:
        async with anyio.create_task_group() as tasks:
            with closing(psycopg.connect(url)) as other:
                other.execute(f"SELECT pg_advisory_xact_lock({TURN})".encode())
                tasks.start_soon(anyio.to_thread.run_sync, migrate.upgrade, url)
                await eventually(has_waited)
    assert [line["event"] for line in lines] == ["store.busy"]
    assert postgres.execute(name, "SELECT version_num FROM alembic_version") == [(REVISION,)]


def test_none_is_begun_while_a_copy_is_made(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LOCK_SECONDS", 0.1)
    with closing(psycopg.connect(url)) as copier:
        for lock in (SERVED, TURN):
            copier.execute(f"SELECT pg_advisory_lock({lock})".encode())
        with pytest.raises(StoreError, match="a copy of it is being made: it can be used when that is done"):
            Database.open(url, exclusive=True)
    Database.open(url, exclusive=True).close()
