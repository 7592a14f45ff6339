"""Copies of stores from one engine to the other: killed in the middle, of what changes, of what is in use."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.to_thread
import psycopg
import pytest
from support.copies import content, execute, fill_all, layout
from support.postgres import Server
from support.scripted import open_store

from bridge.errors import StoreError
from bridge.store import copying, upkeep
from bridge.store.copying import Copied
from bridge.store.open import is_served
from bridge.store.postgres import database as module
from bridge.store.postgres import engine, side
from bridge.store.postgres.database import Database as Postgres
from bridge.store.postgres.migrate import SERVED, TURN
from bridge.store.schema import metadata
from bridge.store.sql.database import Database
from bridge.store.sqlite.database import Database as Sqlite

pytestmark = pytest.mark.sqlite
KILLED = Path(__file__).parents[1] / "support" / "killed_copy.py"
INCOMPLETE = "is a copy that is not complete: run `buildbridge db copy` again"


class Stopped(Exception):
    """The copy is stopped here."""


@pytest.fixture
def database(postgres: Server) -> str:
    """An empty one."""
    return postgres.make_database()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a table has several."""
    monkeypatch.setattr(copying, "_ROWS", 7)


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A filled file."""
    return filled(tmp_path, 60)


def filled(folder: Path, builds: int) -> str:
    async def work() -> None:
        async with open_store(folder) as store:
            await fill_all(store, builds)

    anyio.run(work)
    url = f"sqlite://{folder}/bridge.db"
    # The greatest numbers were given, and their rows are gone.
    execute(url, "DELETE FROM step WHERE id > 1")
    execute(url, "DELETE FROM message")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> str:
    """An empty place of each engine."""
    return database if request.param == "postgres" else f"sqlite://{tmp_path}/copy.db"


def copy(source: str, target: str) -> Copied:
    return copying.copy(source, target, progress=lambda _done, _total: None)


def served(url: str) -> Database:
    """The store at a URL, as the daemon opens it."""
    if url.startswith("sqlite://"):
        return Sqlite.open(Path(url.removeprefix("sqlite://")), exclusive=True)
    return Postgres.open(url, exclusive=True)


def half_copy(source: str, target: str, share: float = 0.12) -> None:
    """Begin a copy that is stopped after this share of its steps."""

    def stop(done: int, total: int) -> None:
        if done > share * total:
            raise Stopped

    with pytest.raises(Stopped):
        copying.copy(source, target, progress=stop)


def test_there_and_back_everything_is_the_same(source: str, database: str, tmp_path: Path) -> None:
    before = content(source)
    assert len(before["step"]) == 1
    there = copy(source, database)
    assert content(database) == before
    upkeep.require_usable(database)
    back = copy(database, f"sqlite://{tmp_path}/back.db")
    assert content(f"sqlite://{tmp_path}/back.db") == before
    assert layout(tmp_path / "back.db") == layout(tmp_path / "bridge.db")
    assert upkeep.check(f"sqlite://{tmp_path}/back.db", 0).schema
    assert there == back
    assert there.rows == {name: len(rows) for name, rows in before.items()}
    assert (there.altered, there.resumed) == (0, False)


def test_a_database_that_is_made_by_a_copy_is_like_one_that_the_daemon_makes(
    source: str, postgres: Server, database: str
) -> None:
    copy(source, database)
    indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    columns = (
        "SELECT table_name, column_name, ordinal_position, data_type, collation_name, column_default, "
        "is_nullable FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 3"
    )
    made = postgres.make_database()
    Postgres.open(made, exclusive=True).close()
    for query in (indexes, columns):
        assert execute(database, query) == execute(made, query)


def test_numbers_are_never_given_again(source: str, target: str) -> None:
    greatest = dict(execute(source, "SELECT name, seq FROM sqlite_sequence"))
    assert greatest["step"] > 1
    assert greatest["message"] > 1
    copy(source, target)
    execute(target, "INSERT INTO step (subject, at, what) VALUES ('x', 1, 'here')")
    execute(target, "INSERT INTO message (notice_id, at, event, facts) VALUES ('x', 1, 'x', '{}')")
    assert execute(target, "SELECT max(id) FROM step") == [(greatest["step"] + 1,)]
    assert execute(target, "SELECT max(id) FROM message") == [(greatest["message"] + 1,)]


def test_texts_that_postgresql_cannot_keep_are_counted(source: str, database: str, tmp_path: Path) -> None:
    execute(source, "UPDATE delivery SET detail = 'a' || char(0) || 'b' WHERE key = 'odd'")
    file = f"sqlite://{tmp_path}/copy.db"
    assert copy(source, file).altered == 0
    assert content(file) == content(source)
    assert copy(source, database).altered == 1
    assert execute(database, "SELECT detail FROM delivery WHERE key = 'odd'") == [("a\ufffdb",)]


def test_what_one_of_them_cannot_keep_at_all_is_said(source: str, database: str) -> None:
    execute(source, "UPDATE build SET created_at = 'noon' WHERE number = 1")
    with pytest.raises(StoreError, match=r"the copy has stopped: invalid input syntax .*; when run again"):
        copy(source, database)
    execute(source, "UPDATE build SET created_at = 12.0 WHERE number = 1")
    assert copy(source, database).resumed


def test_half_a_copy_is_no_store_and_goes_on(source: str, target: str) -> None:
    half_copy(source, target)
    known = sum(len(rows) for rows in content(target).values())
    assert 0 < known < sum(len(rows) for rows in content(source).values())
    with pytest.raises(StoreError, match=INCOMPLETE):
        upkeep.require_usable(target)
    with pytest.raises(StoreError, match=INCOMPLETE):
        served(target)
    with pytest.raises(StoreError, match=INCOMPLETE):
        copy(target, source)
    assert copy(source, target).resumed
    assert content(target) == content(source)
    upkeep.require_usable(target)
    with pytest.raises(StoreError, match="the target has a store already: empty the target"):
        copy(source, target)


def test_a_copy_goes_on_only_from_the_store_from_which_it_was_begun(
    source: str, target: str, tmp_path: Path
) -> None:
    half_copy(source, target)
    Sqlite.open(tmp_path / "other.db", exclusive=True).close()
    with pytest.raises(StoreError, match=r"has the beginning of a copy from \S+bridge.db: empty the target"):
        copy(f"sqlite://{tmp_path}/other.db", target)


def test_a_source_that_was_used_meanwhile_is_noticed_at_once(source: str, target: str) -> None:
    half_copy(source, target)
    execute(source, "INSERT INTO step (subject, at, what) VALUES ('x', 1, 'here')")
    with pytest.raises(StoreError, match=r"bridge.db has changed since this copy was begun: empty the"):
        copy(source, target)


def test_any_other_change_is_noticed_at_the_end(source: str, target: str) -> None:
    first = metadata.sorted_tables[0].name
    assert first == "audit"
    execute(source, "UPDATE delivery SET detail = 'one' WHERE key = 'odd'")
    half_copy(source, target, 0.9)
    execute(source, "UPDATE delivery SET detail = 'two' WHERE key = 'odd'")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"the table delivery has \d+ rows there and \d+ in the copy"):
            copy(source, target)
        with pytest.raises(StoreError, match=INCOMPLETE):
            upkeep.require_usable(target)


@pytest.mark.parametrize("what", ["source", "target"])
def test_what_is_served_is_left_alone(what: str, source: str, database: str) -> None:
    in_use = served(database if what == "target" else source)
    with in_use, pytest.raises(StoreError, match="in use by another daemon: stop that one"):
        copy(source, database)


def test_nobody_changes_the_source_or_serves_either_meanwhile(
    source: str, database: str, tmp_path: Path
) -> None:
    looks = 0

    def look(_done: int, _total: int) -> None:
        nonlocal looks
        looks += 1
        assert is_served(source)
        assert is_served(database)
        with (
            closing(sqlite3.connect(source.removeprefix("sqlite://"), timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("DELETE FROM step")

    copying.copy(source, database, progress=look)
    assert looks > 10
    with Postgres.open(database, exclusive=False) as beside:
        turn = f"SET lock_timeout = 1; SELECT pg_advisory_lock({TURN})".encode()

        def write_beside(_done: int, _total: int) -> None:
            with psycopg.connect(database) as other, pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(turn)

        copying.copy(database, f"sqlite://{tmp_path}/back.db", progress=write_beside)
        assert beside.death is None


async def test_a_command_that_writes_meanwhile_says_so_and_leaves_the_copy_alone(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(tmp_path) as store:
        await fill_all(store, 4)
    source, back = f"sqlite://{tmp_path}/bridge.db", f"sqlite://{tmp_path}/back.db"
    copy(source, database)
    monkeypatch.setattr(engine, "LOCK_SECONDS", 0.1)
    # As where the copy has been silent for long.
    monkeypatch.setattr(module, "_END_SILENT", module._END_SILENT.replace("'5 s'", "'0 s'"))
    refusals: list[str] = []
    with Postgres.open(database, exclusive=False) as beside:

        async def write() -> None:
            await beside.write(lambda connection: connection.exec_driver_sql("DELETE FROM step").rowcount)

        def write_beside(_done: int, _total: int) -> None:
            if not refusals:
                with pytest.raises(StoreError) as raised:
                    anyio.from_thread.run(write)
                refusals.append(str(raised.value))

        await anyio.to_thread.run_sync(partial(copying.copy, database, back, progress=write_beside))
        await write()
    assert refusals == [
        "the store cannot be written: a copy of it is being made: it can be used when that is done"
    ]
    assert content(back) == content(source)
    assert content(database)["step"] == []


def test_wrong_places_are_said(source: str, postgres: Server, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "bridge.db")
    with pytest.raises(StoreError, match="a store cannot be copied into itself"):
        copy(source, f"sqlite://{link}")
    with pytest.raises(StoreError, match=r"there is no store \S+ yet"):
        copy(f"sqlite://{tmp_path}/none.db", f"sqlite://{tmp_path}/copy.db")
    with pytest.raises(StoreError, match=r'the database cannot be opened: .*database "none" does not exist'):
        copy(source, f"{postgres.url}/none")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_server_that_goes_is_said_in_a_line_whatever_the_copy_does(
    source: str, postgres: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, share: float
) -> None:
    def end(done: int, total: int) -> None:
        if done > share * total:
            postgres.stop(signal.SIGQUIT)

    places = [source, postgres.make_database(), f"sqlite://{tmp_path}/back.db"]
    for given, target in pairwise(places):
        with pytest.raises(
            StoreError, match=r"^the copy has stopped: .+; when run again, this command goes on$"
        ):
            copying.copy(given, target, progress=end)
        assert not caplog.records
        postgres.start()
        copy(given, target)
        assert content(target) == content(source)


def test_one_that_cannot_be_begun_is_said_in_a_line(
    source: str, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.txt").write_text("notes\n" * 1000)
    with pytest.raises(StoreError, match=r"notes\.txt is no file of SQLite: name another one$"):
        copy(source, f"sqlite://{tmp_path}/notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "notes\n" * 1000
    database = postgres.make_database()
    postgres.execute(database.rpartition("/")[2], "CREATE ROLE guest LOGIN")
    with pytest.raises(StoreError, match=r"^the copy cannot be begun: permission denied for schema public$"):
        copy(source, database.replace("bridge@", "guest@"))
    copy(source, database)
    monkeypatch.setattr(engine, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(side, "LOCK_SECONDS", 0.1)
    with closing(psycopg.connect(database)) as other:
        other.execute(f"SELECT pg_advisory_lock({TURN})".encode())
        with pytest.raises(
            StoreError, match=r"^another session has been writing to the database for 6 s: wait"
        ):
            copy(database, f"sqlite://{tmp_path}/back.db")
        other.execute(f"SELECT pg_advisory_lock({SERVED})".encode())
        with pytest.raises(StoreError, match=r"^a copy of it is being made: it can be used when"):
            copy(database, f"sqlite://{tmp_path}/back.db")


def test_a_copy_that_is_killed_at_any_line_goes_on(database: str, tmp_path: Path) -> None:
    source = filled(tmp_path, 4)
    done = subprocess.run(
        [sys.executable, str(KILLED), source, database],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    kills, begun = map(int, done.stdout.split())
    assert kills > begun > 5
    assert content(database) == content(source)
    served(database).close()
