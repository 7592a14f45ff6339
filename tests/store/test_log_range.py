"""A log is followed by bytes: a client that asks for what comes next gets all of it, in whole characters."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.filled import add_long_log, counting
from support.older import make_older
from support.scripted import Store
from support.services import add_queued, move
from support.trail import change_by

from bridge.model.build import BuildState
from bridge.store.sql.builds import Builds
from bridge.store.sqlite import migrate
from bridge.store.values import unchanged

TEXT = "".join(f"{number:04} 构建 naïve 🚀 {'.' * 60}\n" for number in range(200))


async def append(store: Store, build_id: str, text: str, piece: int) -> None:
    for at in range(0, len(text), piece):
        await store.builds.append_log(build_id, text[at : at + piece], at + piece, restarted=False)


async def followed(store: Store, build_id: str, length: int) -> str:
    """What is read part by part, each from where the one before ended."""
    parts, offset = [], 0
    while True:
        found = await store.builds.log_range(build_id, offset, length)
        assert found.end - found.begin <= length
        assert len(found.text.encode()) == found.end - found.begin
        parts.append(found.text)
        if found.end == found.size:
            return "".join(parts)
        assert found.end > offset
        offset = found.end


@pytest.mark.parametrize("length", [4, 5, 1000, 1_000_000])
async def test_the_parts_are_the_whole_whatever_their_length(store: Store, length: int) -> None:
    build = await add_queued(store)
    await append(store, build.id, TEXT, 777)
    text = TEXT if length > 10 else TEXT[:300]
    if length <= 10:
        build = await store.add_build("short")
        await append(store, build.id, text, 77)
    assert await followed(store, build.id, length) == text


async def test_an_offset_is_a_place_in_bytes(store: Store) -> None:
    build = await add_queued(store)
    await append(store, build.id, TEXT, 777)
    data = TEXT.encode()
    for offset in (0, 5, 6, 7, 8, 2000, len(data) - 1, len(data), len(data) + 5):
        found = await store.builds.log_range(build.id, offset, 1000)
        assert found.size == len(data)
        assert found.begin == min(
            len(data),
            next(at for at in range(offset, offset + 9) if at >= len(data) or data[at] & 0xC0 != 0x80),
        )
        assert found.text.encode() == data[found.begin : found.end]


async def test_a_log_that_grows_is_read_on(store: Store) -> None:
    build = await add_queued(store)
    empty = await store.builds.log_range(build.id, 0, 100)
    assert (empty.begin, empty.end, empty.size, empty.text) == (0, 0, 0, "")
    await store.builds.append_log(build.id, "one\n", 4, restarted=False)
    first = await store.builds.log_range(build.id, 0, 100)
    await store.builds.append_log(build.id, "two\n", 8, restarted=False)
    second = await store.builds.log_range(build.id, first.end, 100)
    assert (first.text, second.text, second.end) == ("one\n", "two\n", 8)


async def test_who_follows_a_log_that_loses_its_middle_misses_nothing_of_its_end(store: Store) -> None:
    store.builds = Builds(store.database, store.clock, unchanged, store.audit, 8 << 10)
    build = await add_queued(store)
    offset, read = 0, ""
    for number in range(400):
        await store.builds.append_log(build.id, f"line {number:04} {'.' * 80}\n", number, restarted=False)
        found = await store.builds.log_range(build.id, offset, 1_000_000)
        offset, read = found.end, read + found.text
    assert read.count("line ") == 400, "who keeps up reads every line, and no mark"
    late = await store.builds.log_range(build.id, 0, 1_000_000)
    assert late.size == offset == len(read.encode())
    assert late.text.startswith("line 0000")
    assert late.text.endswith(read[-1000:])
    assert late.text.count("bytes are left out here") == 1
    lines = late.text.splitlines()
    mark = next(at for at, line in enumerate(lines) if "left out" in line)
    inside = len("\n".join(lines[: mark - 1]).encode()) + 2000
    behind = await store.builds.log_range(build.id, inside, 1_000_000)
    assert behind.text.lstrip("\n").startswith("---")
    assert behind.end == late.end


async def test_each_place_behind_what_is_left_out_is_the_same_as_before(store: Store) -> None:
    store.builds = Builds(store.database, store.clock, unchanged, store.audit, 8 << 10)
    build = await add_queued(store)
    text = "".join(f"line {number:04} {'.' * 80}\n" for number in range(400))
    await append(store, build.id, text, 777)
    kept = (await store.builds.log_range(build.id, len(text) // 2, 1_000_000)).text
    tail = kept.rpartition("---\n")[2]
    assert len(tail) > 3000
    for offset in range(len(text) - len(tail), len(text), 91):
        found = await store.builds.log_range(build.id, offset, 1_000_000)
        assert (found.begin, found.end, found.text) == (offset, len(text), text[offset:])


async def test_an_earlier_run_keeps_its_log_for_who_follows_it(store: Store) -> None:
    build = await add_queued(store)
    await store.builds.append_log(build.id, "one\ntwo\n", 8, restarted=False)
    await move(store, build, BuildState.FAILED)
    again = await store.builds.retry(build.id, change_by("ann"), "again")
    await store.builds.append_log(again.run_id, "three\n", 6, restarted=False)
    for run, text in ((1, "one\ntwo\n"), (2, "three\n"), (None, "three\n")):
        found = await store.builds.log_range(build.id, 0, 100, run=run)
        assert (found.begin, found.end, found.size, found.text) == (0, len(text), len(text), text)
    assert (await store.builds.log_range(build.id, 4, 100, run=1)).text == "two\n"
    assert (await store.builds.log_range(build.id, 0, 100, run=3)).size == 0
    assert (await store.builds.log_range("none", 0, 100)).size == 0


@pytest.mark.sqlite
async def test_a_part_of_a_long_log_takes_no_longer_than_one_of_a_short_log(store: Store) -> None:
    steps = []
    for number, pieces in enumerate((40, 800)):
        build = await store.add_build(str(number))
        await add_long_log(store, build, pieces)
        size = (await store.builds.log_range(build.id, 0, 1)).size
        with counting(store) as counted:
            for offset in (0, size // 2, size - 1000):
                assert (await store.builds.log_range(build.id, offset, 20_000)).begin == offset
        steps.append(counted["steps"])
    assert steps[1] <= 1.1 * steps[0], steps


@pytest.mark.sqlite
async def test_the_pieces_of_an_older_store_get_their_places(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of long logs, too, and of earlier runs."""
    store.builds = Builds(store.database, store.clock, unchanged, store.audit, 8 << 10)
    for number in range(3):
        build = await add_queued(store, str(number))
        await append(store, build.id, TEXT[: 1000 + 7000 * number], 777)
        await move(store, build, BuildState.FAILED)
        again = await store.builds.retry(build.id, change_by("ann"), "again")
        await append(store, again.run_id, TEXT, 555)
    path, tables = tmp_path / "older" / "bridge.db", ("build", "earlier_run", "build_log")
    make_older(path, "0020", monkeypatch, of=store.path, tables=tables)
    migrate.upgrade(path)
    places = "SELECT build_id, seq, place FROM build_log ORDER BY 1, 2"
    with closing(sqlite3.connect(path)) as older, closing(sqlite3.connect(store.path)) as newer:
        found = older.execute(places).fetchall()
        assert found == newer.execute(places).fetchall()
    assert len(found) > 50
