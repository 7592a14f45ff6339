"""A log is followed by bytes: a client that asks for what comes next gets all of it, in whole characters."""

import pytest
from support.scripted import Store
from support.services import add_queued

from bridge.store.sqlite.builds import Builds
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
    store.builds = Builds(store.database, store.clock, unchanged, 8 << 10)
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
