"""How a PostgreSQL database becomes the store: made once, upgraded, or refused in one clear line."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs
from support.ports import free_port
from support.postgres import Server

from bridge.errors import StoreError, StoreTooNew
from bridge.store.open import open_store
from bridge.store.postgres import migrate
from bridge.store.postgres.away import why_away
from bridge.store.postgres.database import Database
from bridge.store.schema import REVISION

PASSWORD = "a-password-of-the-tests"


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.make_database()


@pytest.fixture
def users(postgres: Server) -> None:
    """One who needs a password, one who needs TLS; neither may make tables."""
    known = {name for (name,) in postgres.execute("postgres", "SELECT rolname FROM pg_roles")}
    for name in {"locked", "sealed"} - known:
        postgres.execute("postgres", f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")


def refusal(url: str) -> str:
    with pytest.raises(StoreError) as raised:
        Database.open(url, exclusive=True)
    said = str(raised.value)
    assert "\n" not in said
    assert PASSWORD not in said
    return said


def test_two_that_start_at_once_make_the_tables_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migrate.upgrade, url) for _ in range(4)]:
            done.result()
    Database.open(url, exclusive=True).close()


def test_a_newer_schema_is_refused(url: str, postgres: Server) -> None:
    Database.open(url, exclusive=True).close()
    name = url.rpartition("/")[2]
    postgres.execute(name, "UPDATE alembic_version SET version_num = '9999'")
    for exclusive in (True, False):
        with pytest.raises(StoreTooNew, match="newer release"):
            Database.open(url, exclusive=exclusive)


def test_a_command_makes_no_tables(url: str) -> None:
    with pytest.raises(StoreError, match="there is no store in the database yet"):
        Database.open(url, exclusive=False)


def test_an_older_schema_is_migrated_by_a_process_that_shows_no_password(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, users: None
) -> None:
    del users
    url = postgres.make_database("OWNER locked").replace("bridge@", f"locked:{PASSWORD}@")
    Database.open(url, exclusive=True).close()
    name, seen = url.rpartition("/")[2], tmp_path / "seen"
    older = f"{int(REVISION) - 1:04}"
    postgres.execute(name, f"UPDATE alembic_version SET version_num = '{older}'")
    with pytest.raises(StoreError, match="of an older release"):
        Database.open(url, exclusive=False)
    look = f'#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ > {seen}\nexec {sys.executable} "$@"\n'
    (tmp_path / "python").write_text(look)
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", os.fspath(tmp_path / "python"))
    # The newest migration finds its own work done: that says which one was begun.
    with capture_logs() as lines:
        assert "cannot be upgraded" in refusal(url)
    assert lines == [{"event": "store.upgrading", "to": REVISION, "log_level": "info"}]
    assert seen.read_text().startswith("/bin/sh")
    assert PASSWORD not in seen.read_text()
    found = postgres.execute(name, "SELECT version_num FROM alembic_version")
    assert found == [(older,)], "all or nothing"


def test_a_wrong_password_is_said_in_a_line(url: str, users: None) -> None:
    del users
    said = refusal(url.replace("bridge@", f"locked:not-{PASSWORD}@"))
    assert 'password authentication failed for user "locked"' in said


def test_a_password_that_is_missing_is_said_in_a_line(url: str, users: None) -> None:
    del users
    assert "no password supplied" in refusal(url.replace("bridge@", "locked@"))


def test_a_user_who_may_make_no_tables_is_said_in_a_line(url: str, users: None) -> None:
    del users
    assert "permission denied" in refusal(url.replace("bridge@", f"locked:{PASSWORD}@"))


def test_a_database_that_is_not_there_is_said_in_a_line(postgres: Server) -> None:
    assert 'database "nowhere" does not exist' in refusal(f"{postgres.url}/nowhere")


def test_a_host_that_is_not_there_is_said_in_a_line(postgres: Server) -> None:
    said = refusal(f"postgresql://bridge:{PASSWORD}@db.invalid:{postgres.port}/bridge")
    assert "db.invalid" in said


def test_a_server_that_does_not_run_is_said_in_a_line(url: str, postgres: Server) -> None:
    postgres.stop()
    assert "Connection refused" in refusal(url)


def test_tls_that_one_side_wants_is_said_in_a_line(url: str, users: None) -> None:
    del users
    assert "does not support SSL" in refusal(f"{url}?sslmode=require")
    assert "no encryption" in refusal(url.replace("bridge@", f"sealed:{PASSWORD}@"))


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_keep_every_text_is_refused(postgres: Server, encoding: str) -> None:
    url = postgres.make_database(f"ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
    assert f"the database has the encoding {encoding}" in refusal(url)


@pytest.mark.parametrize(("parameter", "why"), [("sslmode=require", "SSL"), ("sslmod=require", "sslmod")])
async def test_what_no_server_has_to_answer_for_is_not_waited_for(url: str, parameter: str, why: str) -> None:
    with anyio.fail_after(30), pytest.raises(StoreError, match=why):
        async with open_store(f"{url}?{parameter}", exclusive=True):
            pass


def test_a_server_is_away_where_none_listens_and_there_where_it_refuses_a_user(postgres: Server) -> None:
    assert "refused" in (why_away(f"postgresql://bridge@127.0.0.1:{free_port()}/bridge") or "")
    assert why_away(f"postgresql://nobody@127.0.0.1:{postgres.port}/nothing") is None
    both = f"host=127.0.0.1:{free_port()}&host=127.0.0.1:{postgres.port}"
    assert why_away(f"postgresql://bridge@/postgres?{both}") is None
