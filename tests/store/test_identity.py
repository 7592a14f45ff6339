"""A store whose file is deleted, moved, replaced or cut off: no 202 for what the next start cannot find."""

import fcntl
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import Connection
from support.daemon import SECRET, Daemon, running
from support.scripted import Store, delivery_of, open_store
from support.sending import push_body, send, signed

from bridge.errors import StoreReplaced

pytestmark = pytest.mark.sqlite

CONFIG: dict[str, Any] = {"sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}}}
URL = "https://git.example.com/acme/shop.git"
LOCKS = 120, 2
"""The bytes of the log's index that are locked while the log is written, and while it is copied."""


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def delete(path: Path) -> None:
    path.unlink()


def delete_all(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def delete_log(path: Path) -> None:
    log_of(path).unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def replace(path: Path) -> None:
    backup(path).rename(path)


def overwrite(path: Path) -> None:
    """As `cp` restores a backup: in place."""
    path.write_bytes(backup(path).read_bytes())


def empty(path: Path) -> None:
    os.truncate(path, 0)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty_log(path: Path) -> None:
    os.truncate(log_of(path), 0)


def cut_log_off(path: Path) -> None:
    os.truncate(log_of(path), log_of(path).stat().st_size // 2)


def backup(path: Path) -> Path:
    return path.parent.parent / "backup.db"


@contextmanager
def at_rest(path: Path) -> Iterator[None]:
    """While the block runs the log is neither written nor copied: what is cut off midway is damage.

    It waits for the end of either, and takes the locks that SQLite takes for them ("WAL-mode File Format").
    """
    with Path(f"{path}-shm").open("r+b") as index:
        start, count = LOCKS
        fcntl.lockf(index, fcntl.LOCK_EX, count, start)
        yield


ACCIDENTS: list[Callable[[Path], None]] = [
    delete,
    delete_all,
    delete_log,
    move,
    replace,
    overwrite,
    empty,
    cut_off,
    empty_log,
    cut_log_off,
]


def deliveries(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {row[0] for row in connection.execute("SELECT id FROM delivery")}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a daemon that was stopped, with a delivery."""
    with running(tmp_path_factory.mktemp("saved"), CONFIG, {}) as daemon:
        send(daemon.url, push_body(URL), "in the backup")
        assert daemon.stop() == 0
        return daemon.database


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_what_happens_to_the_file_is_told_and_ends_the_daemon_and_no_answer_was_a_lie(
    tmp_path: Path, accident: Callable[[Path], None], saved: Path
) -> None:
    (tmp_path / "data").mkdir()
    for copy in (tmp_path / "data" / "bridge.db", tmp_path / "backup.db"):
        shutil.copy(saved, copy)
    with running(tmp_path, CONFIG, {}) as daemon:
        before = many(daemon)
        with at_rest(daemon.database):
            accident(daemon.database)
        after = [kept_id for n in range(5) if (kept_id := kept(daemon, n)) is not None]
        assert daemon.process is not None
        assert daemon.process.wait(20) == 3
        printed = daemon.output()
        assert daemon.said("store.replaced")
        assert "Put back the file that is to be used" in printed
        assert "Traceback" not in printed
        if accident is cut_off:
            assert not after
            return  # what is left is no database any more, whoever starts
        if accident is replace:
            daemon.start()
            assert send(daemon.url, push_body(URL), "the next start works").status_code == 202
            assert daemon.stop() == 0
        else:
            anyio.run(opened_and_written, daemon.database)
        found = deliveries(daemon.database)
    assert set(after) <= found, "what was answered after the accident is in the file of the next start"
    if accident is move:
        assert set(before) <= deliveries(daemon.database.with_name("moved.db"))
    if accident is delete_log:
        assert set(before) <= found, "the daemon still had all of them"


async def opened_and_written(path: Path) -> None:
    """What the next start does with the file: it becomes the daemon's again, and takes a delivery."""
    async with open_store(path.parent) as store:
        assert (await store.deliveries.put(delivery_of("the next start works", store.clock()))).new


def many(daemon: Daemon) -> list[str]:
    """The ids of more deliveries than SQLite's log has before some are copied into the file."""
    body = push_body(URL)

    def post(numbers: Iterable[int]) -> list[str]:
        with closing(HTTPConnection("127.0.0.1", daemon.port)) as connection:
            return [posted(connection, number) for number in numbers]

    def posted(connection: HTTPConnection, number: int) -> str:
        connection.request("POST", "/hooks/plain", body, signed(body, str(number)))
        delivery_id: str = json.loads(connection.getresponse().read())["id"]
        return delivery_id

    with ThreadPoolExecutor(4) as hosts:
        return [one for ids in hosts.map(post, [range(at, 300, 4) for at in range(4)]) for one in ids]


def kept(daemon: Daemon, number: int) -> str | None:
    """The id under which a delivery was kept; None when it was refused, or nobody was there any more."""
    try:
        answer = send(daemon.url, push_body(URL), f"after {number}")
    except httpx.TransportError:
        return None
    assert answer.status_code in {202, 503}
    return answer.json()["id"] if answer.status_code == 202 else None


def test_an_idle_daemon_notices_it_too(tmp_path: Path) -> None:
    with running(tmp_path, CONFIG, {}) as daemon:
        daemon.database.unlink()
        assert daemon.process is not None
        assert daemon.process.wait(20) == 3


def test_neither_a_link_nor_a_deleted_file_lets_a_second_daemon_in(tmp_path: Path) -> None:
    """Two links to one file are one store, and what is derived from it is beside that file."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    builders = {"builders": {"here": {"kind": "local", "command": ["true"]}}}
    with running(tmp_path / "a", CONFIG | builders, {}) as first:
        for file in first.database.parent.iterdir():
            if file.name.endswith(".lock"):
                file.unlink()
        second = Daemon(tmp_path / "b", CONFIG | builders, {})
        second.database.parent.mkdir()
        second.database.symlink_to(first.database)
        done = second.second()
        assert done.returncode == 1
        told = done.stderr.splitlines()[-1]
        assert told.startswith(f"{first.database} is in use by another daemon: stop that one")
        assert first.stop() == 0
        second.start()
        assert send(second.url, push_body(URL), "by way of the link").status_code == 202
        assert second.stop() == 0
        assert len(deliveries(first.database)) == 1
        assert [file.name for file in second.database.parent.iterdir()] == ["bridge.db"]


def test_a_link_that_leads_elsewhere_now_is_noticed(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, CONFIG, {})
    daemon.database.parent.mkdir()
    daemon.database.symlink_to(tmp_path / "one.db")
    daemon.start()
    try:
        daemon.database.unlink()
        daemon.database.symlink_to(tmp_path / "two.db")
        assert daemon.process is not None
        assert daemon.process.wait(20) == 3
    finally:
        daemon.kill()


async def test_a_log_that_is_cut_off_while_a_write_is_on_its_way_is_noticed_after_it(store: Store) -> None:
    """The write makes the log as long as before: only what it had is missing."""
    log = log_of(store.path)
    for number in range(20):
        await store.builds.add_step(str(number), "written", "x" * 500)

    def cut(connection: Connection) -> None:
        os.truncate(log, log.stat().st_size // 2)
        connection.exec_driver_sql("INSERT INTO service (name, paused_until, why) VALUES ('x', 0, '')")

    with pytest.raises(StoreReplaced, match="wal was cut off"):
        await store.database.write(cut)
    with pytest.raises(StoreReplaced):
        await store.builds.add_step("later", "written", "")
