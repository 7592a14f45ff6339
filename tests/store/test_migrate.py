"""Bringing a file to the schema of this release, whatever was there before."""

import json
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
from structlog.testing import capture_logs
from support.listed import newest_notices
from support.notices import FACTS
from support.scripted import Clock, open_store, quiet
from support.trail import change_by

from bridge.errors import StoreError, StoreTooNew
from bridge.model.build import BuildState
from bridge.model.notice import ServiceFacts
from bridge.store import codec
from bridge.store.schema import REVISION, metadata
from bridge.store.sql import revisions
from bridge.store.sqlite import migrate
from bridge.store.values import Cursor, MessageFilter, NoticeFilter

pytestmark = pytest.mark.sqlite


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {name for (name,) in rows}


def columns_and_indexes(path: Path) -> dict[str, object]:
    """What SQLite itself says of each table: columns with types and defaults, and the parts of indexes."""
    with closing(sqlite3.connect(path)) as connection:
        shape: dict[str, object] = {
            table: sorted(row[1:] for row in connection.execute(f"PRAGMA table_info({table})"))
            for table in metadata.tables
        }
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL")
        shape["indexes"] = {name: " ".join(sql.split()) for name, sql in rows}
        rows = connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")
        shape["numbers given once"] = {name for (name,) in rows}
    return shape


def test_the_migrations_make_exactly_the_tables_of_a_new_store(tmp_path: Path) -> None:
    migrated, fresh = tmp_path / "bridge.db", tmp_path / "fresh.db"
    migrate.apply_migrations(migrated)
    migrate.upgrade(fresh)
    engine = create_engine(f"sqlite:///{migrated}", poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    assert columns_and_indexes(migrated) == columns_and_indexes(fresh)
    migrate.apply_migrations(fresh)
    migrate.check(fresh)


def old_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of this release, which a later one takes up."""
    migrate.upgrade(path)
    monkeypatch.setattr(revisions, "_known", lambda: {"0000", REVISION})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")


def test_an_older_store_is_migrated_by_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bridge.db"
    old_store(path, monkeypatch)
    # The process knows of no revision 0000: that it says so shows that it was asked.
    with (
        capture_logs() as lines,
        pytest.raises(StoreError, match=r"bridge.db cannot be upgraded: .*0000"),
    ):
        migrate.upgrade(path)
    assert lines == [{"event": "store.upgrading", "to": REVISION, "log_level": "info"}]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
        for table in metadata.tables:
            connection.execute(f"DROP TABLE {table}")
    migrate._migrate(path)
    assert set(metadata.tables) < tables(path)
    migrate.check(path)


def test_a_migration_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bridge.db"
    old_store(path, monkeypatch)
    monkeypatch.setattr(migrate, "MIGRATION_SECONDS", 0.001)
    with pytest.raises(StoreError, match="was not upgraded within"):
        migrate.upgrade(path)


def test_a_first_start_carries_no_tools_for_migrations(tmp_path: Path) -> None:
    code = "import sys, pathlib, bridge.store.sqlite.migrate as m; m.upgrade(pathlib.Path(sys.argv[1]))"
    code += "; sys.exit('alembic' in sys.modules)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "bridge.db")], check=True, timeout=60)


def test_the_newest_migration_is_the_one_that_the_release_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parents[1] / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [REVISION]
    assert {script.revision for script in scripts.walk_revisions()} == revisions._known()


def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "bridge.db"
    migrate.upgrade(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


@pytest.mark.parametrize(
    "left", ["", "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"], ids=["empty", "no row"]
)
def test_a_file_that_was_hardly_begun_is_completed(tmp_path: Path, left: str) -> None:
    path = tmp_path / "bridge.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(left)
    migrate.upgrade(path)
    assert set(metadata.tables) < tables(path)
    migrate.upgrade(path)


def test_a_migration_that_dies_leaves_nothing_and_can_be_done_again(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE step (in_the_way)")
    with pytest.raises(StoreError, match="table step already exists"):
        migrate.upgrade(path)
    assert tables(path) == {"step"}, "nothing of the migration is left"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE step")
    migrate.upgrade(path)
    assert set(metadata.tables) < tables(path)


def test_a_file_of_a_newer_release_is_rejected_untouched_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    migrate.upgrade(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    before = path.read_bytes()
    with pytest.raises(StoreTooNew) as caught:
        migrate.upgrade(path)
    assert "schema 0999" in str(caught.value)
    assert "install that release, or restore the backup" in str(caught.value)
    assert path.read_bytes() == before


def test_a_command_takes_the_store_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    with pytest.raises(StoreError, match=r"no store .*bridge\.db yet: the daemon makes it when it starts"):
        migrate.check(path)
    assert list(tmp_path.iterdir()) == [], "and leaves nothing behind"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE old (id)")
    with pytest.raises(StoreError, match="older release: start the daemon of this one"):
        migrate.check(path)
    assert tables(path) == {"old"}
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE old")
    migrate.upgrade(path)
    migrate.check(path)


def test_an_address_with_a_percent_sign_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "100%" / "bridge %(here)s.db"
    migrate.upgrade(path)
    assert set(metadata.tables) < tables(path)


def test_several_processes_may_start_on_a_new_file_at_once(tmp_path: Path) -> None:
    """As when somebody asks for a list while the daemon starts for the first time."""
    path = tmp_path / "bridge.db"
    code = "import sys, pathlib, bridge.store.sqlite.migrate as m; m.upgrade(pathlib.Path(sys.argv[1]))"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(path)], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert ends == [("", 0)] * 4
    assert set(metadata.tables) < tables(path)


def test_a_damaged_row_keeps_no_store_from_its_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bridge.db"
    with monkeypatch.context() as old:
        old.setattr(migrate, "REVISION", "0001")
        migrate.apply_migrations(path)
    columns = "id, number, delivery_id, namespace, repo_name, tag_set, builder, ref, is_public, request"
    columns += ", origin, subscriptions, state, created_at, next_at"
    rest = "'d', 'acme', 'shop', 't', 'here', 'refs/heads/x', 0, ?, '', '', 'waiting', 0, 0"
    requests = ['{"half', "3", '{"commit": "c", "image": "i"}']
    with closing(sqlite3.connect(path)) as connection, connection:
        for number, request in enumerate(requests):
            values = rest.replace("'d'", f"'d{number}'")
            connection.execute(
                f"INSERT INTO build ({columns}) VALUES ({number}, {number}, {values})", (request,)
            )
    migrate.apply_migrations(path)
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT pushed, image FROM build ORDER BY number").fetchall()
    assert found == [("", ""), ("", ""), ("c", "i")]


def filled_before_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of the release before runs: one build failed, two wait, and the older has the later id."""
    with monkeypatch.context() as old:
        old.setattr(migrate, "REVISION", "0012")
        migrate.apply_migrations(path)
    request = {"build_id": "", "number": 0, "namespace": "acme", "repo_name": "shop", "image": "acme/shop"}
    request |= {"tags": ["latest"], "version_tag": None, "repo_url": "", "ref": "refs/heads/main"}
    request |= {"branch": "main", "tag": None, "commit": "c"}
    origin = {"delivery_id": "", "cause": "push", "ref_kind": "branch", "ref_name": "main"}
    columns = "number, id, state, request, created_at, ended_at, handle, delivery_id, origin, namespace"
    columns += ", repo_name, tag_set, builder, ref, is_public, subscriptions, next_at, image"
    same = "'acme', 'shop', 't', 'here', 'refs/heads/main', 0, '[]', 0, 'acme/shop'"
    builds = [
        (number, name, state, json.dumps(request | {"build_id": name, "number": number}), 5.0, ended, "h")
        for number, name, state, ended in (
            (1, "z", "failed", 9.0),
            (2, "y", "waiting", None),
            (3, "x", "waiting", None),
        )
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        for build in builds:
            rest = (f"d{build[0]}", json.dumps(origin | {"delivery_id": f"d{build[0]}"}))
            connection.execute(
                f"INSERT INTO build ({columns}) VALUES (?,?,?,?,?,?,?,?,?,{same})", build + rest
            )
        connection.execute("INSERT INTO build_log (build_id, seq, at, text) VALUES ('z', 0, 6, 'it broke')")
        connection.execute("INSERT INTO step (subject, at, what) VALUES ('z', 9, 'failed')")


async def test_the_builds_of_an_older_store_are_in_their_first_run_and_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bridge.db"
    filled_before_runs(path, monkeypatch)
    async with open_store(tmp_path, Clock()) as store:
        old = await store.build("z")
        assert (old.run, old.run_id, old.enqueued_at, old.created_at) == (1, "z", 5.0, 5.0)
        assert await store.builds.runs("z") == [old]
        assert [piece.text for piece in await store.builds.log("z")] == ["it broke"]
        assert await store.steps("z") == ["failed"]
        await store.builds.retry("z", change_by("ann"), "again")
        assert [piece.text for piece in await store.builds.log("z", run=1)] == ["it broke"]
        order = []
        for _ in range(3):
            claimed = await store.builds.claim("here", None, quiet)
            assert claimed is not None
            assert await store.builds.transition(claimed.run_id, BuildState.SUCCEEDED, quiet)
            order.append(claimed.run_id)
        assert order == ["y", "x", "z.2"]


async def test_notices_and_messages_of_an_older_store_are_found_by_namespace_and_damage_harms_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bridge.db"
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "REVISION", "0017")
        migrate.apply_migrations(path)
    about = codec.dump(codec.FACTS, FACTS)
    service = json.dumps({"subject": "builder:here", "detail": "no answer"})
    with closing(sqlite3.connect(path)) as connection, connection:
        for name, facts in {"a": about, "b": service, "c": "{"}.items():
            connection.execute(
                "INSERT INTO notice (id, dedupe, channel, event, job, facts, state, created_at, next_at) "
                "VALUES (?, ?, 'team', 'buildJobFail', 'x', ?, 'sent', 1, 1)",
                (name, name, facts),
            )
            connection.execute(
                "INSERT INTO message (notice_id, at, event, facts) VALUES (?, 1, 'buildJobFail', ?)",
                (name, facts),
            )
    async with open_store(tmp_path, Clock()) as store:
        here = NoticeFilter(namespace="acme", repo_name="shop")
        assert [row.notice.id for row in await newest_notices(store, 9, here)] == ["a"]
        assert [row.notice.id for row in await newest_notices(store, 9)] == ["c", "b", "a"]
        (found,) = (await store.messages.page(Cursor(), 9, MessageFilter(namespace="acme"))).rows
        assert found.notice_id == "a"
        damaged, *_ = (await store.messages.page(Cursor(), 9)).rows
    assert isinstance(damaged.facts, ServiceFacts)
    assert damaged.facts.detail == "damaged: what the store has as its facts cannot be read"
