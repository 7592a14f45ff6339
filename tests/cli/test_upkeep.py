"""`db backup`, `db restore`, `db check` and `db export --records`, beside a daemon and without one."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.daemon import DUMMY, Daemon, running
from support.engines import postgres
from support.listed import add_notice
from support.records import filled, good, one_build, run
from support.rules import shop_rule
from support.scripted import Store, delivery_of
from support.sending import push_body, send
from support.waiting import eventually

from bridge.store.sqlite.examine import LOG_BYTES

URL = "https://git.example.com/shop.git"


@pytest.mark.sqlite
def test_another_machine_takes_over_with_a_backup_and_all_tokens_hold(tmp_path: Path) -> None:
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "kept.db"
    old.mkdir()
    new.mkdir()
    with running(old, DUMMY, {"shop.yaml": shop_rule(URL)}) as daemon:
        token = json.loads(daemon.command("token", "add", "ann", "--role", "admin", "--json").stdout)["token"]
        assert send(daemon.url, push_body(URL)).status_code == 202
        eventually(lambda: daemon.builds(state="succeeded"))
        done = daemon.command("db", "backup", str(file))
        assert (done.status, done.stderr) == (0, "")
        assert "schema 0" in done.stdout
        assert "deliveries 1, builds 1, notices" in done.stdout
        assert f"not in it, so keep them as well: {daemon.config}" in done.stdout
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        refused = daemon.command("db", "restore", str(file))
        assert (refused.status, refused.stdout) == (1, "")
        assert "in use by another daemon: stop that one" in refused.complaint
        sound = daemon.command("db", "check")
        assert (sound.status, sound.stderr) == (0, "")
        assert sound.stdout.endswith("whole, and nothing in it is stuck\n")
    second = Daemon(new, DUMMY, {"shop.yaml": shop_rule(URL)})
    second.start()
    second.stop()
    done = second.command("db", "restore", str(file))
    assert (done.status, done.stderr) == (0, "")
    assert f"the store before is kept: {second.database}.replaced-" in done.stdout
    assert "the key before is kept: " in done.stdout
    assert "tokens that were revoked are valid again" in done.stdout
    key = second.database.parent / "api.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    second.start()
    try:
        (build,) = second.api("/v1/builds", token)["results"]
        assert build["state"] == "succeeded"
    finally:
        second.kill()


@pytest.mark.sqlite
def test_a_restore_says_what_was_open_and_what_becomes_of_it(daemon: Daemon, tmp_path: Path) -> None:
    file = str(tmp_path / "kept.db")
    build = one_build(daemon)
    filled(daemon, lambda store: store.deliveries.put(delivery_of("undecided", time.time())))
    good(daemon, "db backup", file)
    said = good(daemon, "db restore", file).stdout
    assert "1 deliveries waited for a decision; they are dead" in said
    assert "1 builds waited for their trigger; they are unknown" in said
    assert json.loads(good(daemon, f"builds show {build.id} --json").stdout)["state"] == "unknown"
    said = good(daemon, "db restore --resume", file).stdout
    assert "they are looked for at their builders" in said
    assert json.loads(good(daemon, f"builds show {build.id} --json").stdout)["state"] == "triggering"


def test_a_check_names_what_is_stuck_and_ends_with_1(daemon: Daemon) -> None:
    one_build(daemon)
    filled(daemon, lambda store: store.deliveries.put(delivery_of("undecided", 1e9)))
    if not postgres():
        Path(f"{daemon.database}.same").hardlink_to(daemon.database)
    done = run(daemon, "db check")
    assert (done.status, done.stderr) == (1, "")
    assert (
        "1 deliveries wait for a decision, the oldest since 2001-09-09T01:46:40Z: is the dae" in done.stdout
    )
    assert "1 builds wait for their trigger, the oldest since 2023-" in done.stdout
    assert postgres() or "has a second name (a hard link)" in done.stdout


@pytest.mark.parametrize("down", [False, True])
def test_what_waits_for_a_part_that_is_down_is_not_stuck(daemon: Daemon, *, down: bool) -> None:
    one_build(daemon)
    if down:
        filled(daemon, lambda store: store.health.degrade("builder:here", "no answer"))
    assert ("builds wait for their trigger" in run(daemon, "db check").stdout) is not down


@pytest.mark.sqlite
def test_a_check_names_damage_and_a_log_that_only_grows(daemon: Daemon) -> None:
    with closing(sqlite3.connect(daemon.database)) as connection:
        # The rows of the index are gone; those of the table are not.
        connection.execute("PRAGMA writable_schema=ON")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'step'").fetchone()
        connection.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = 'step_subject'", (page,))
        connection.commit()
    done = run(daemon, "db check")
    assert done.status == 1
    assert "damaged" in done.stdout + done.stderr or "malformed" in done.stderr


@pytest.mark.sqlite
def test_a_log_of_writes_that_only_grows_is_named(daemon: Daemon) -> None:
    with closing(sqlite3.connect(daemon.database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO step (subject, at, what) VALUES ('x', 1, 'here')")
        connection.commit()
        os.truncate(f"{daemon.database}-wal", LOG_BYTES + 1)  # a hole: it takes no room
        assert "bridge.db-wal has grown to 256 MiB" in run(daemon, "db check").stdout


def test_all_records_are_exported_as_json_lines(daemon: Daemon, tmp_path: Path) -> None:
    build = one_build(daemon)
    lines = [json.loads(line) for line in good_export(daemon).splitlines()]
    assert [line["record"] for line in lines] == ["delivery", "build"]
    assert lines[1]["build_id"] == build.id
    file = tmp_path / "records.jsonl"
    done = run(daemon, "db export --records", str(file))
    assert (done.status, done.stderr) == (0, "2 records\n")
    assert [json.loads(line) for line in file.read_text().splitlines()] == lines
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run(daemon, "db export --records", str(file)).complaint.endswith("File exists: name a new file")


def test_an_export_that_finds_no_room_says_so_and_leaves_nothing(daemon: Daemon, tmp_path: Path) -> None:
    async def fill(store: Store) -> None:
        for number in range(300):
            await add_notice(store, f"n-{number}")

    filled(daemon, fill)
    export = [sys.executable, "-m", "bridge", "--config", str(daemon.config), "db", "export", "--records"]
    file = tmp_path / "records.jsonl"
    limited = ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh", *export, str(file)]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{file}: File too large: make room")
    assert done.stderr.count("\n") == 1
    assert not file.exists()
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(export, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("the standard output: No space left on device")
    assert "Traceback" not in done.stderr


def good_export(daemon: Daemon) -> str:
    done = run(daemon, "db export --records")
    assert (done.status, done.stderr) == (0, "2 records\n")
    return done.stdout
