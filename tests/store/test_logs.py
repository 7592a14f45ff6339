"""Of a log of any length the beginning and the true end are kept, and what is missing is said."""

import re

import pytest
from support import engines
from support.scripted import Store
from support.services import add_queued

from bridge.model.build import LOG_LIMIT
from bridge.runtime.redaction import Redactor
from bridge.store.open import no_notices
from bridge.store.sql.builds import Builds
from bridge.store.sql.store import SqlStore
from bridge.store.values import unchanged


def limited(store: Store, limit: int) -> Store:
    """The same store with another `store.log_limit`."""
    store.builds = Builds(store.database, store.clock, unchanged, store.audit, limit)
    return store


async def kept(store: Store, text: str, piece: int) -> str:
    """What is kept of a log that came in pieces of so many characters."""
    build = await add_queued(store)
    for at in range(0, len(text), piece):
        part = text[at : at + piece]
        await store.builds.append_log(build.id, part, at + len(part), restarted=False)
    assert (await store.build(build.id)).log_offset == len(text), "the builder is not asked for it again"
    return "".join(one.text for one in await store.builds.log(build.id, limit=10**6))


def lines(count: int) -> str:
    return "".join(f"{number:07} {'.' * 91}\n" for number in range(count))


@pytest.mark.parametrize("piece", [1 << 18, 100_003])
async def test_a_log_up_to_the_limit_is_kept_whole(store: Store, piece: int) -> None:
    text = lines(LOG_LIMIT // 100)
    assert await kept(store, text, piece) == text


@pytest.mark.parametrize("limit", [1 << 20, 3 << 20, LOG_LIMIT])
@pytest.mark.parametrize("piece", [1 << 18, 100_003])
@pytest.mark.parametrize("times", [1.0, 1.2, 3.0])
async def test_a_longer_one_loses_its_middle_and_says_how_much(
    store: Store, limit: int, piece: int, times: float
) -> None:
    text = lines(int(limit * times) // 100 + 1)
    found = await kept(limited(store, limit), text, piece)
    name = f"store.log_limit, {limit >> 20} MiB"
    head, left_out, tail = re.split(
        rf"\n--- (\d+) bytes are left out here: the log is over {name} ---\n", found
    )
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head) + int(left_out) + len(tail) == len(text)
    assert text[-len(tail) - 1] == "\n", "it begins with a whole line"
    assert limit // 2 - piece <= len(head) <= limit // 2
    assert len(tail) >= limit // 2 - 2 * piece - 100
    assert len(head) + len(tail) <= limit


async def test_the_setting_of_the_store_is_the_limit(store: Store) -> None:
    small = SqlStore(store.database, store.clock, no_notices, log_limit=1 << 20)
    build = await add_queued(store)
    for _ in range(10):
        await small.builds.append_log(build.id, lines(2000), 0, restarted=False)
    found = "".join(one.text for one in await store.builds.log(build.id, limit=10**6))
    assert len(found) < (1 << 20) + 100


async def test_pieces_larger_than_those_of_builders_lose_no_more(store: Store) -> None:
    text = lines(120_000)
    found = await kept(store, text, 1 << 20)
    assert text.startswith(found.partition("\n--- ")[0])
    assert text.endswith(found.partition(" ---\n")[2])


async def test_a_log_without_lines_keeps_its_end_too(store: Store) -> None:
    found = await kept(limited(store, 1 << 20), "a" * (3 << 19) + "b" * (3 << 19), 1 << 18)
    assert found.startswith("a")
    assert found.endswith("b")
    assert len(found) < (1 << 20) + 100


async def test_bytes_are_counted_and_not_characters(store: Store) -> None:
    found = await kept(limited(store, 1 << 20), "\u6784" * (1 << 19), 1 << 16)
    assert len(found.encode()) < (1 << 20) + 100


@pytest.mark.parametrize("size", [1, 5, 7, 1000])
async def test_a_secret_is_never_stored_however_its_line_arrives(store: Store, size: int) -> None:
    guarded = Builds(store.database, store.clock, Redactor(["canary-of-the-tests"]).foreign, store.audit)
    build = await add_queued(store)
    text = "before\nit prints canary-of-the-tests, and PASSWORD=hunter2 too\nafter"
    for at in range(0, len(text), size):
        await guarded.append_log(build.id, text[at : at + size], at + size, restarted=False)
    found = "".join(one.text for one in await store.builds.log(build.id))
    assert found == "before\nit prints ***, and PASSWORD=*** too\nafter"
    detail = "no answer to Bearer canary-of-the-tests"
    await guarded.update(build.id, detail=detail)
    await guarded.add_step(build.id, "stop", detail)
    step = (await store.builds.steps(build.id))[-1]
    assert {(await store.build(build.id)).detail, step.detail} == {"no answer to Bearer ***"}


async def test_a_log_goes_on_beyond_what_31_bits_count(store: Store) -> None:
    build, far, text = await add_queued(store), 5 << 30, lines(2)
    await store.builds.append_log(build.id, text, far, restarted=False)
    # As if all before these lines was left out.
    engines.execute(store.path, f"UPDATE build_log SET place = {far}, line = {far}")
    counts = {"log_bytes": far + len(text), "log_left_out": far, "log_lines": far + 2}
    change = ", ".join(f"{name} = {count}" for name, count in counts.items())
    engines.execute(store.path, f"UPDATE build SET {change}")
    await store.builds.append_log(build.id, text, far + 200, restarted=False)
    found = await store.build(build.id)
    assert found.log_offset == far + 200
    part = await store.builds.log_range(build.id, far + len(text), 1 << 20)
    assert (part.begin, part.size, part.text) == (far + len(text), far + 2 * len(text), text)
    read = await store.logs.lines(build.id, far + 3, 10)
    assert (read.total, [one.number for one in read.rows]) == (far + 4, [far + 3, far + 4])
    await store.logs.note_failed_line(found, far + 4)
    assert (await store.build(build.id)).failed_line == far + 4
