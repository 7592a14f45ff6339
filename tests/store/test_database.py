"""One writer, shared commits: work that fails takes nothing with it, and a store that fails heals."""

import os
import stat
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from sqlalchemy import Connection
from support.engines import execute, opened
from support.held_writer import held_writer
from support.scripted import Store, beside, delivery_of, eventually, failing, open_store

from bridge.errors import StoreDied, StoreError
from bridge.services.base import Crew
from bridge.services.housekeeper import Liveness
from bridge.store.sql import database
from bridge.store.sql.constructs import driver_sql
from bridge.store.sqlite.database import Database


def insert(name: str, value: str = "x") -> Callable[[Connection], int]:
    statement = "INSERT INTO service (name, paused_until, why) VALUES (?, 0, ?)"
    return lambda connection: driver_sql(connection, statement, (name, value)).rowcount


def failing_work(connection: Connection) -> None:
    insert("half done")(connection)
    raise ValueError("the caller's own trouble")


async def names(store: Store) -> list[str]:
    query = "SELECT name FROM service ORDER BY name"
    return await store.database.read(lambda connection: list(connection.exec_driver_sql(query).scalars()))


async def test_work_that_fails_takes_nothing_with_it_and_leaves_nothing_behind(store: Store) -> None:
    results: dict[str, object] = {}

    async def write(key: str, work: Callable[[Connection], object]) -> None:
        try:
            results[key] = await store.database.write(work)
        except (ValueError, StoreError) as error:
            results[key] = error

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(write, f"good {number}", insert(f"good {number:02}"))
        tasks.start_soon(write, "bad", failing_work)
        tasks.start_soon(write, "twice", insert("good 00"))
        tasks.start_soon(write, "wrong", lambda connection: connection.exec_driver_sql("INSERT nonsense"))
        tasks.start_soon(write, "last", insert("last"))
    assert await names(store) == [*(f"good {number:02}" for number in range(20)), "last"]
    assert [results[f"good {number}"] for number in range(20)] == [1] * 20
    assert str(results["bad"]) == "the caller's own trouble"
    assert isinstance(results["twice"], StoreError)
    assert isinstance(results["wrong"], StoreError)


def more_than(calls: list[None], known: int) -> bool:
    return len(calls) > known


async def test_who_follows_is_called_for_what_any_process_writes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOOK_SECONDS", 0.01)
    calls: list[None] = []
    store.feed.follow(lambda: calls.append(None))
    await eventually(lambda: calls)
    async with beside(store) as other:
        for name, one in (("ours", store), ("theirs", other), ("ours again", store)):
            known = len(calls)
            await one.database.write(insert(name))
            await eventually(partial(more_than, calls, known))


async def test_writes_that_wait_together_share_commits(store: Store) -> None:
    """Seen from outside: while a commit is held up, all the others come in one more."""
    seen: set[int] = set()
    hold = threading.Event()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.database.write, lambda _connection: hold.wait(10))
        for number in range(50):
            tasks.start_soon(store.database.write, insert(str(number)))
        await anyio.wait_all_tasks_blocked()

        def watch() -> None:
            hold.set()
            while 50 not in seen:
                seen.update(execute(store.path, "SELECT count(*) FROM service")[0])

        await anyio.to_thread.run_sync(watch)
    assert len(seen) <= 3, seen


@pytest.mark.sqlite
async def test_much_that_was_written_reaches_the_file_beside_the_writer(store: Store) -> None:
    """Long before the writer would have to see to it."""
    before = store.path.stat().st_size
    async with anyio.create_task_group() as tasks:
        for number in range(1000):
            tasks.start_soon(store.database.write, insert(f"{number:04}", "x" * 1000))
    await eventually(lambda: store.path.stat().st_size > before + 500_000)
    assert len(await names(store)) == 1000


@pytest.mark.sqlite
async def test_the_log_of_writes_stays_small_and_gives_the_room_of_a_large_one_back(store: Store) -> None:
    log = store.path.with_name("bridge.db-wal")
    await store.database.write(insert("large", "x" * (40 << 20)))
    assert log.stat().st_size > 40 << 20
    largest = 0
    for number in range(60):
        await store.database.write(insert(f"{number:02}", "x" * (1 << 20)))
        # The log begins anew with the commit after the one that copied it.
        largest = max(largest, log.stat().st_size if number > 2 else 0)
    assert largest < 24 << 20


async def test_a_write_whose_caller_has_gone_is_done_all_the_same(store: Store) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await store.database.write(insert("left alone"))
    await store.database.write(lambda _connection: None)
    assert await names(store) == ["left alone"]


async def test_a_store_that_another_process_holds_fails_and_heals(store: Store) -> None:
    async with failing(store):
        with pytest.raises(
            StoreError,
            match=r"cannot be written: .*lock",
        ):
            await store.database.write(insert("a"))
        assert await names(store) == [], "it can still be read"
    await store.database.write(insert("b"))
    assert await names(store) == ["b"]


@pytest.mark.sqlite
async def test_a_full_store_says_so_keeps_what_it_has_and_heals(store: Store) -> None:
    big = delivery_of("1", store.clock(), body=os.urandom(1_000_000))
    await store.database.write(insert("before"))
    await store.database.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1"))
    with pytest.raises(StoreError, match="full"):
        await store.database.write(insert("big", "x" * 1_000_000))
    with pytest.raises(StoreError, match="full"):
        await store.deliveries.put(big)
    assert await names(store) == ["before"]
    room = "PRAGMA max_page_count=1000000"
    await store.database.write(lambda connection: connection.exec_driver_sql(room))
    await store.database.write(insert("after", "x" * 1_000_000))
    assert (await store.deliveries.put(big)).new
    assert await names(store) == ["after", "before"]


FULL_DISK = """
import resource, signal, sys, anyio
from pathlib import Path
from bridge.errors import StoreError
from bridge.store.sqlite.database import Database

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

def work(name, size):
    statement = "INSERT INTO service (name, paused_until, why) VALUES (?, 0, ?)"
    return lambda connection: connection.exec_driver_sql(statement, (name, "x" * size)).rowcount

async def main():
    with Database.open(Path(sys.argv[1]), exclusive=True) as database:
        await database.write(work("before", 1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        for attempt in range(3):
            try:
                await database.write(work("big", 1_000_000))
            except StoreError as error:
                print("refused")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await database.write(work("after", 1_000_000))
        names = "SELECT group_concat(name) FROM (SELECT name FROM service ORDER BY name DESC)"
        print(await database.read(lambda connection: connection.exec_driver_sql(names).scalar()))

anyio.run(main)
"""


@pytest.mark.sqlite
def test_a_file_that_cannot_grow_rejects_writes_and_takes_them_again_when_it_can(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "bridge.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["refused", "refused", "refused", "before,after"]


async def test_what_is_read_cannot_be_written(store: Store) -> None:
    with pytest.raises(StoreError, match=r"readonly|read-only"):
        await store.database.read(insert("sneaked in"))
    with pytest.raises(StoreError, match="cannot be read"):
        await store.database.read(lambda connection: connection.exec_driver_sql("SELECT nonsense"))


@pytest.mark.sqlite
async def test_a_second_daemon_on_the_same_file_is_rejected_but_a_command_is_not(
    store: Store,
) -> None:
    """Nor can another user hold the lock, which is on the file, and keep the daemon from its start."""
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    with pytest.raises(StoreError, match=r"bridge\.db is in use by another daemon"):
        await anyio.to_thread.run_sync(lambda: Database.open(store.path, exclusive=True))
    beside = await anyio.to_thread.run_sync(lambda: Database.open(store.path, exclusive=False))
    await beside.write(insert("from a command"))
    await anyio.to_thread.run_sync(beside.close)
    await store.database.write(insert("from the daemon"))
    assert await names(store) == ["from a command", "from the daemon"]


async def test_a_closed_store_takes_nothing_and_what_was_waiting_is_on_disk(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        async with anyio.create_task_group() as tasks:
            for number in range(300):
                tasks.start_soon(store.database.write, insert(f"{number:03}"))
            await anyio.wait_all_tasks_blocked()
            await anyio.to_thread.run_sync(store.database.close)
        with pytest.raises(StoreError, match="closed"):
            await store.database.write(insert("too late"))
        await anyio.to_thread.run_sync(store.database.close)
    async with open_store(tmp_path) as store:
        assert len(await names(store)) == 300


async def test_the_writer_shows_that_it_lives(store: Store) -> None:
    await store.database.write(lambda _connection: None)
    assert store.database.beating


def die(_connection: Connection) -> None:
    raise SystemExit


async def test_a_dead_writer_leaves_no_caller_waiting_and_is_reported(store: Store) -> None:
    outcomes: list[str] = []

    async def write(work: Callable[[Connection], object]) -> None:
        with pytest.raises(StoreError) as caught:
            await store.database.write(work)
        outcomes.append(str(caught.value))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watching, store, outcomes)
        for work in (die, insert("a"), insert("b")):
            tasks.start_soon(write, work)
    assert store.database.death is not None
    await write(insert("too late"))
    assert len(outcomes) == 5
    assert all("writer has died" in outcome for outcome in outcomes)
    assert await names(store) == [], "what was not committed is not there"


async def watching(store: Store, outcomes: list[str]) -> None:
    with pytest.RaisesGroup(StoreDied, flatten_subgroups=True) as caught:
        async with Crew().running([Liveness(store)]):
            await anyio.sleep_forever()
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    outcomes.append(str(error))


def insert_many(connection: Connection, rows: Sequence[str]) -> list[int]:
    marks = ", ".join(["(?, 0)"] * len(rows))
    driver_sql(connection, f"INSERT INTO service (name, paused_until) VALUES {marks}", tuple(rows))
    return [len(rows)] * len(rows)


async def test_rows_that_wait_together_are_written_by_one_statement(store: Store) -> None:
    together: list[int] = []

    async def add(name: str) -> None:
        together.append(await store.database.add(insert_many, name))

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(add, str(number))
    assert together == [10] * 10
    assert len(await names(store)) == 10


async def test_rows_of_turns_of_the_loop_that_follow_each_other_share_a_commit(store: Store) -> None:
    together = []

    async def add(name: str) -> None:
        together.append(await store.database.add(insert_many, name))

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(add, str(number))
            await anyio.lowlevel.checkpoint()
    assert together == [10] * 10


async def test_a_row_that_cannot_be_written_takes_none_of_its_neighbours_with_it(store: Store) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.database.write, insert("a"))
        tasks.start_soon(add, store, "b")
        tasks.start_soon(refused, store, "a")
        tasks.start_soon(add, store, "c")
        tasks.start_soon(store.database.write, insert("d"))
    assert await names(store) == ["a", "b", "c", "d"]


async def add(store: Store, name: str) -> None:
    await store.database.add(insert_many, name)


async def refused(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match=r"(?i:unique)"):
        await add(store, name)


async def test_too_many_waiting_writes_are_rejected_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.sql.queue.MAX_WAITING", 5)
    async with anyio.create_task_group() as tasks, held_writer(store.database):
        for number in range(5):
            tasks.start_soon(store.database.write, insert(str(number)))
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(StoreError, match="too many writes wait"):
            await store.database.write(insert("one too many"))
    assert len(await names(store)) == 5


@pytest.mark.parametrize("kind", ["folder", "garbage", "file in the way"])
@pytest.mark.sqlite
def test_a_store_that_cannot_be_opened_says_why_in_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bridge.db"
    if kind == "folder":
        path.mkdir()
    elif kind == "garbage":
        path.write_bytes(b"this is no database, whatever its name says" * 100)
    else:
        (tmp_path / "way").write_text("")
        path = tmp_path / "way" / "bridge.db"
    for _ in range(2):  # the first attempt leaves no lock behind
        with pytest.raises(StoreError) as caught:
            Database.open(path, exclusive=True)
        assert "in use" not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert str(path.parent) in str(caught.value)


class _Late(deque[Any]):
    """Something happens between the look at the queue and the place in it."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self._meanwhile: list[Callable[[], None]] = [meanwhile]

    def __len__(self) -> int:
        if threading.current_thread() is threading.main_thread() and self._meanwhile:
            self._meanwhile.pop()()
        return super().__len__()


async def test_no_write_from_before_the_close_waits_for_ever(tmp_path: Path) -> None:
    database = opened(tmp_path / "bridge.db")
    closing = threading.Thread(target=database.close)

    def close() -> None:
        closing.start()
        closing.join(0.3)

    database._queue._waiting = _Late(close)
    with anyio.fail_after(10):
        await database.write(insert("the last"))
    await anyio.to_thread.run_sync(closing.join)
    with pytest.raises(StoreError, match="closed"):
        await database.write(insert("one too many"))
    with opened(tmp_path / "bridge.db") as again:
        found = await again.read(
            lambda connection: connection.exec_driver_sql("SELECT name FROM service").scalars().all()
        )
    assert found == ["the last"]
