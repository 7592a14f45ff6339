"""Backups of a store that is written to, and putting them in its place."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.listed import newest_notices
from support.notices import SERVICE
from support.scripted import START, Clock, Store, delivery_of, open_store, quiet
from support.trail import change_by

from bridge.errors import StoreError, StoreTooNew
from bridge.model.access import Principal, Role
from bridge.model.build import BuildState
from bridge.model.notice import EventName, Notice
from bridge.store.sqlite import migrate
from bridge.store.sqlite.backup import back_up, verify
from bridge.store.sqlite.restore import Restored, restore
from bridge.store.values import Cursor
from bridge.web.api.core.sessions import SessionAccess, session_id_of

pytestmark = pytest.mark.sqlite

LATER = START + 3600.0
KILLED = Path(__file__).parents[1] / "support" / "killed_restore.py"


def nothing(_done: int, _total: int) -> None:
    """Shows no progress."""


def kept(folder: Path, name: str = "kept.db", key: str | None = "k" * 64) -> Path:
    file = folder / name
    back_up(folder / "bridge.db", file, api_key=key, release="1.2.3", now=LATER, progress=nothing)
    return file


def put_back(folder: Path, file: Path, *, resume: bool = False) -> Restored:
    return restore(file, folder / "bridge.db", resume=resume, now=LATER, progress=nothing)


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def spoil(store: Path) -> None:
    store.write_bytes(b"no database" * 1000)
    Path(f"{store}-wal").write_bytes(b"its log")


def content(path: Path) -> list[str]:
    """All rows, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


async def test_a_backup_is_of_one_moment_while_every_step_of_it_is_followed_by_a_write(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as store:
        await store.deliveries.put(delivery_of("1", START, body=os.urandom(20 << 20)))
        shares: list[float] = []

        def write(done: int, total: int) -> None:
            shares.append(done / total)
            with closing(sqlite3.connect(store.path)) as other, other:
                other.execute("INSERT INTO step (subject, at, what) VALUES ('x', 1, 'meanwhile')")

        file = tmp_path / "kept.db"
        made = back_up(store.path, file, api_key=None, release="1", now=LATER, progress=write)
        assert made.rows == {"delivery": 1, "build": 0, "notice": 0}
        assert len(shares) > 3
        assert shares == sorted(shares), "no write has it begin again"
        assert shares[-1] == 1.0
        with closing(sqlite3.connect(file)) as copied:
            assert copied.execute("SELECT count(*) FROM step WHERE subject = 'x'").fetchone() == (0,)
            assert copied.execute("PRAGMA journal_mode").fetchone() == ("delete",), "it stands alone"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert names(tmp_path) == {"bridge.db", "kept.db"}


async def test_a_backup_takes_the_place_of_an_earlier_one_and_of_nothing_else(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        file = kept(tmp_path)
        await store.add_build()
        assert verify(kept(tmp_path)).rows["build"] == 1
        other = tmp_path / "notes.txt"
        other.write_text("mine")
        for taken in (other, store.path):
            with pytest.raises(
                StoreError, match=f"{taken.name} is there and is no backup: name another file"
            ):
                kept(tmp_path, taken.name)
        assert other.read_text() == "mine"
        with pytest.raises(StoreError, match=r"no backup was made: .*/nowhere: No such file"):
            kept(tmp_path, "nowhere/kept.db")
    before = file.read_bytes()
    with store.path.open("r+b") as damaged:
        damaged.seek(5 * 4096)
        damaged.write(b"\xff" * 8192)
    with pytest.raises(StoreError, match=r"bridge\.db (is damaged|cannot be read as a backup): "):
        kept(tmp_path)
    assert file.read_bytes() == before
    assert names(tmp_path) == {"bridge.db", "kept.db", "notes.txt"}


async def test_what_a_killed_backup_has_left_is_used_again_but_not_while_another_one_runs(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as store:
        (tmp_path / ".kept.db.part").write_bytes(b"half of a copy" * 1000)
        kept(tmp_path)

        def second(_done: int, _total: int) -> None:
            with pytest.raises(StoreError, match=r"\.kept\.db\.part is being written by another command"):
                kept(tmp_path)

        file = tmp_path / "kept.db"
        back_up(store.path, file, api_key=None, release="1", now=LATER, progress=second)
    assert names(tmp_path) == {"bridge.db", "kept.db"}


async def test_no_daemon_takes_a_backup_for_its_store(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        kept(tmp_path)
    (tmp_path / "kept.db").rename(tmp_path / "bridge.db")
    with pytest.raises(StoreError, match="is a backup: `buildbridge db restore` puts one in the place"):
        async with open_store(tmp_path):
            pass


async def fill(store: Store) -> list[str]:
    """A delivery without a decision, and builds of all open states; their ids."""
    builds = [(await store.add_build(str(number), builder=f"b{number}")).id for number in range(4)]
    for run_id, *states in (
        (builds[1], BuildState.TRIGGERING),
        (builds[2], BuildState.TRIGGERING, BuildState.QUEUED),
        (builds[3], BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING),
    ):
        for state in states:
            assert await store.builds.transition(run_id, state, quiet, handle="h")
    await store.deliveries.put(delivery_of("undecided", START))
    await store.schedules.sync({"nightly": START + 60.0})
    await store.notices.add(
        [Notice(id="n", channel="team", event=EventName.DEGRADED, facts=SERVICE, created_at=START)]
    )
    return builds


async def states(store: Store, builds: list[str]) -> list[BuildState]:
    return [(await store.build(one)).state for one in builds]


async def test_no_browser_that_has_signed_out_is_signed_in_by_a_restore(tmp_path: Path) -> None:
    who = Principal(name="ann", role=Role.VIEWER, token_id="t")
    async with open_store(tmp_path) as store:
        access = SessionAccess(store, store.clock)
        secret = await access.start(who, "", origin="192.0.2.7", agent="a browser")
        file = kept(tmp_path)
        await access.end(who, session_id_of(secret), "192.0.2.7")
    put_back(tmp_path, file)
    async with open_store(tmp_path) as store:
        assert await store.sessions.get(session_id_of(secret)) is None


async def test_nothing_that_was_open_in_a_backup_is_built_by_itself(tmp_path: Path) -> None:
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        builds = await fill(store)
        file = kept(tmp_path)
        await store.add_build("after it")
        newest = await store.feed.newest()
    done = put_back(tmp_path, file)
    assert (done.deliveries, done.builds, done.followed, done.notices) == (1, 2, 2, 1)
    assert done.backup.api_key == "k" * 64
    clock.now = LATER
    async with open_store(tmp_path, clock) as store:
        assert await states(store, builds) == ["unknown", "unknown", "queued", "running"]
        lost = await store.build(builds[0])
        assert lost.detail.startswith(
            "it was open in the backup that was restored, and may have been trigger"
        )
        assert lost.ended_at == LATER
        assert await store.steps(lost.id) == ["waiting", "unknown"]
        assert [await store.due(f"b{number}") for number in range(4)] == [[], [], [], []]
        assert await store.deliveries.claim(9) == []
        heads = (await store.deliveries.page(Cursor(), 9)).rows
        assert [head.state for head in heads] == ["dead", *["dispatched"] * 4]
        assert "`deliveries redeliver` builds it" in heads[0].detail
        assert await store.schedules.next_due() is None
        assert [row.state for row in await newest_notices(store, 9)] == ["pending"]
        assert await store.feed.newest() > newest, "who follows it has seen the numbers up to this one"
        assert (await store.builds.retry(builds[0], change_by("ann"), "again")).run == 2
    assert done.kept is not None
    assert verify(done.kept).rows["build"] == 5


async def test_what_is_resumed_is_looked_for_before_it_is_triggered(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        builds = await fill(store)
        file = kept(tmp_path)
    put_back(tmp_path, file, resume=True)
    async with open_store(tmp_path) as store:
        assert await states(store, builds) == ["triggering", "triggering", "queued", "running"]
        assert [one.key for one in await store.deliveries.claim(9)] == ["undecided"]
        assert await store.schedules.next_due() == START + 60.0


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Path]:
    """The folder of a store with a backup; nothing of it is changed in the end."""
    migrate.upgrade(tmp_path / "bridge.db")
    kept(tmp_path)
    before = content(tmp_path / "bridge.db")
    yield tmp_path
    assert content(tmp_path / "bridge.db") == before
    assert not list(tmp_path.glob("*replaced*"))
    assert not list(tmp_path.glob(".*"))


async def test_a_restore_is_rejected_while_anybody_has_the_store_open(refused: Path) -> None:
    async with open_store(refused):
        with pytest.raises(StoreError, match="in use by another daemon: stop that one"):
            put_back(refused, refused / "kept.db")
    with closing(sqlite3.connect(refused / "bridge.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("SELECT count(*) FROM build").fetchone()
        with pytest.raises(StoreError, match="locked: another command has the store open: wait for it"):
            restore(
                refused / "kept.db",
                refused / "bridge.db",
                resume=False,
                now=LATER,
                progress=nothing,
                patience=0,
            )


def test_a_file_that_is_no_good_backup_is_rejected(refused: Path) -> None:
    newer, cut, text = (refused / name for name in ("newer.db", "cut.db", "text.db"))
    good = refused / "kept.db"
    newer.write_bytes(good.read_bytes())
    with closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    cut.write_bytes(good.read_bytes()[: 30 * 4096])
    text.write_text("a text")
    with pytest.raises(StoreTooNew, match=r"newer\.db was written by a newer release \(schema 0999"):
        put_back(refused, newer)
    with pytest.raises(StoreError, match=r"cut\.db (is damaged|cannot be read as a backup)"):
        put_back(refused, cut)
    with pytest.raises(StoreError, match=r"text\.db cannot be read as a backup: file is not a database"):
        put_back(refused, text)
    with pytest.raises(StoreError, match=r"bridge\.db is the store itself"):
        put_back(refused, refused / "bridge.db")
    with pytest.raises(StoreError, match=r"nowhere\.db cannot be read as a backup: unable to open"):
        put_back(refused, refused / "nowhere.db")


async def test_a_restore_is_undone_by_restoring_what_it_has_kept(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        file = kept(tmp_path)
        build = await store.add_build()
        await store.builds.transition(build.id, BuildState.CANCELLED, quiet)
    first = put_back(tmp_path, file)
    assert first.kept is not None
    second = restore(first.kept, tmp_path / "bridge.db", resume=False, now=LATER + 1, progress=nothing)
    assert second.backup.made_at is None
    async with open_store(tmp_path) as store:
        assert (await store.build(build.id)).state is BuildState.CANCELLED


def test_the_backup_of_an_older_release_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as old:
        old.setattr(migrate, "REVISION", "0012")
        migrate.apply_migrations(tmp_path / "bridge.db")
    file = kept(tmp_path)
    assert put_back(tmp_path, file).backup.schema == "0012"
    migrate.check(tmp_path / "bridge.db")


async def test_a_restore_takes_the_place_of_a_store_that_cannot_be_opened_and_keeps_its_log(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as store:
        build = await store.add_build()
        file = kept(tmp_path)
    spoil(store.path)
    done = put_back(tmp_path, file)
    assert done.kept is not None
    assert names(tmp_path) == {
        "bridge.db",
        "kept.db",
        *(f"{done.kept.name}{end}" for end in ("", "-wal", "-shm")),
    }
    assert done.kept.read_bytes().startswith(b"no database")
    async with open_store(tmp_path) as store:
        assert (await store.build(build.id)).state is BuildState.UNKNOWN


async def test_the_log_of_a_store_that_was_moved_away_stays_out_of_the_restored_one(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        build = await store.add_build()
        file = kept(tmp_path)
        for number in range(30):
            await store.add_build(f"later-{number}", repo_name="later")
        killed = {end: (tmp_path / f"bridge.db{end}").read_bytes() for end in ("-wal", "-shm")}
    store.path.rename(tmp_path / "bridge.db.bad")
    for end, log in killed.items():
        (tmp_path / f"bridge.db{end}").write_bytes(log)
    assert put_back(tmp_path, file).kept is None
    aside = {name: tmp_path / name for name in names(tmp_path) if name.startswith("bridge.db.replaced-")}
    assert {name[-4:]: path.read_bytes() for name, path in aside.items()} == killed
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT id FROM build").fetchall() == [(build.id,)]


async def test_who_had_the_old_file_open_writes_nothing_beside_the_new_one(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        file = kept(tmp_path)
    with closing(sqlite3.connect(store.path, isolation_level=None, timeout=0)) as late:
        # It has opened the file, and read nothing yet.
        put_back(tmp_path, file)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            late.execute("PRAGMA journal_mode=WAL")
    assert "bridge.db-wal" not in names(tmp_path)


@pytest.mark.parametrize(("before", "olds", "news"), [("whole", 31, 3), ("moved", 4, 2)])
def test_a_restore_that_is_killed_at_any_line_leaves_one_store_whole(
    tmp_path: Path, before: str, olds: int, news: int
) -> None:
    done = subprocess.run(
        [sys.executable, str(KILLED), str(tmp_path), before],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    kills, old, new = map(int, done.stdout.split())
    assert old + new == kills
    assert old >= olds
    assert new >= news, "the last lines"
