"""Of a log of any length the beginning and the true end are kept, and what is missing is said."""

import re

import pytest
from support.scripted import Store
from support.services import add_queued

from bridge.runtime.redaction import Redactor
from bridge.store.sqlite.builds import Builds
from bridge.store.sqlite.logs import HEAD_BYTES, MAX_LOG_BYTES


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
    text = lines(MAX_LOG_BYTES // 100)
    assert await kept(store, text, piece) == text


@pytest.mark.parametrize("piece", [1 << 18, 1 << 20, 100_003])
@pytest.mark.parametrize("count", [MAX_LOG_BYTES // 100 + 1, 100_000, 250_000])
async def test_a_longer_one_loses_its_middle_and_says_how_much(store: Store, piece: int, count: int) -> None:
    text = lines(count)
    found = await kept(store, text, piece)
    head, left_out, tail = re.split(
        r"\n--- (\d+) bytes are left out here: the log is over 8 MiB ---\n", found
    )
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head) + int(left_out) + len(tail) == len(text)
    assert text[-len(tail) - 1] == "\n", "it begins with a whole line"
    assert HEAD_BYTES - piece <= len(head) <= HEAD_BYTES
    assert len(tail) >= HEAD_BYTES - 2 * piece - 100
    assert len(head) + len(tail) <= MAX_LOG_BYTES


async def test_a_log_without_lines_keeps_its_end_too(store: Store) -> None:
    found = await kept(store, "a" * (6 << 20) + "b" * (6 << 20), 1 << 18)
    assert found.startswith("a")
    assert found.endswith("b")
    assert len(found) < MAX_LOG_BYTES + 100


async def test_bytes_are_counted_and_not_characters(store: Store) -> None:
    found = await kept(store, "\u6784" * (4 << 20), 1 << 16)
    assert len(found.encode()) < MAX_LOG_BYTES + 100


@pytest.mark.parametrize("size", [1, 5, 7, 1000])
async def test_a_secret_is_never_stored_however_its_line_arrives(store: Store, size: int) -> None:
    guarded = Builds(store.database, store.clock, Redactor(["canary-of-the-tests"]).foreign)
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
