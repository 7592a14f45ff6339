"""PostgreSQL's driver has all of an answer in memory: no more is asked for than is needed."""

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event
from support.cut_proxy import CutProxy
from support.postgres import Server
from support.scripted import Clock, Store, delivery_of
from support.services import add_queued

from bridge.store.postgres.database import Database

_MIB = 1 << 20
_PIECE = f"{'.' * 1023}\n" * 256


@pytest.fixture
def seen(behind: Database, tmp_path: Path) -> Store:
    """A store that is seen through the proxy."""
    return Store(behind, Clock(), tmp_path)


async def test_few_large_deliveries_are_read_at_once(seen: Store, proxy: CutProxy) -> None:
    for key in "abcde":
        await seen.deliveries.put(delivery_of(key, seen.clock(), body=os.urandom(9 * _MIB)))
    before = proxy.answered
    assert [one.key for one in await seen.deliveries.claim(64)] == ["a", "b"]
    # Each byte is two letters on its way.
    assert proxy.answered - before < 37 * _MIB


async def test_a_log_grows_by_what_is_new_however_long_it_is(seen: Store, proxy: CutProxy) -> None:
    build = await add_queued(seen)
    for _ in range(24):
        await seen.builds.append_log(build.id, _PIECE, 0, restarted=False)
    before = proxy.answered
    await seen.builds.append_log(build.id, "and on\n", 0, restarted=False)
    assert proxy.answered - before < _MIB
    await seen.builds.log_range(build.id, 0, 1000)
    await seen.logs.lines(build.id, 1, 10)
    await seen.logs.lines(build.id, -9, 10, from_end=True)
    assert proxy.answered - before < 3 * _MIB


async def test_an_unfinished_line_is_found_whole_however_many_pieces_it_came_in(
    seen: Store, proxy: CutProxy
) -> None:
    build = await add_queued(seen)
    for text in [_PIECE, *"abcdefghij" * 9]:
        await seen.builds.append_log(build.id, text, 0, restarted=False)
    found = await seen.logs.lines(build.id, -1, 2)
    assert [row.text for row in found.rows][-1] == "abcdefghij" * 9


async def test_a_snapshot_whose_session_was_ended_is_read_again(
    database: Database, postgres: Server, url: str, tmp_path: Path
) -> None:
    store = Store(database, Clock(), tmp_path)
    build = await add_queued(store)
    await store.builds.append_log(build.id, "one\n", 0, restarted=False)
    ended: list[tuple[object, ...]] = []
    end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state = 'idle in transaction'"

    def ends(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "build_log.text" in statement and not ended:
            ended.extend(postgres.execute(url.rpartition("/")[2], end))

    event.listen(database._engine, "before_cursor_execute", ends)
    assert (await store.builds.log_range(build.id, 0, 100)).text == "one\n"
    assert ended == [(True,)]


async def test_what_is_read_within_a_bound_is_read_again_where_its_session_was_ended(
    database: Database, postgres: Server, url: str
) -> None:
    ended: list[tuple[object, ...]] = []

    def read(connection: Connection) -> int:
        with database.bounded(connection, 5):
            if not ended:
                pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
                end = f"SELECT pg_terminate_backend({pid}, 5000)"
                ended.extend(postgres.execute(url.rpartition("/")[2], end))
            return int(connection.exec_driver_sql("SELECT 1").scalar_one())

    assert await database.read(read) == 1
    assert ended == [(True,)]
