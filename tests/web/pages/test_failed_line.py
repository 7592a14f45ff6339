"""A failed build opens at the line that says why: it is looked for once, and hinders no other reader."""

import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import event
from support.api import api_of, client_of
from support.filled import add_long_log, counting
from support.scripted import Store, eventually, failing, open_store
from support.trail import change_by

from bridge.model.build import Build, BuildState
from bridge.store.values import no_notices

FAILED = re.compile(r'<code id="L(\d+)" class="failed"')
PIECES = 300
CLEANING = "== clean ==\n" + "cleaning\n" * 100
MAKE = f"== make ==\ncompiling\nerror: it broke\n{CLEANING}"


@asynccontextmanager
async def site_of(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    """A site that remembers nothing."""
    async with client_of(api_of(store)) as client:
        yield client


async def failed(store: Store, key: str = "1", text: str = MAKE, *, pieces: int = PIECES) -> Build:
    """A public build that failed in `make`, with a long log that ends so."""
    build = await store.add_build(key, is_public=True)
    await add_long_log(store, build, pieces)
    await append(store, build, text)
    await store.builds.transition(build.run_id, BuildState.FAILED, no_notices, stage="make")
    return await store.build(build.id)


async def append(store: Store, build: Build, text: str) -> None:
    """What the builder says now."""
    offset = (await store.builds.run(build.run_id) or build).log_offset + len(text)
    await store.builds.append_log(build.run_id, text, offset, restarted=False)


async def opened(client: httpx.AsyncClient, build: Build, run: int = 1) -> int | None:
    """The number of the line at which the page opens."""
    answer = await client.get(f"/builds/{build.id}?run={run}")
    assert answer.status_code == 200, answer.text
    found = [int(number) for number in FAILED.findall(answer.text)]
    assert len(found) < 2
    return found[0] if found else None


async def said(store: Store, build: Build, number: int | None, run: int = 1) -> str:
    (row,) = (await store.logs.lines(build.id, number or 0, 1, run=run)).rows
    return row.text


@pytest.mark.sqlite
async def test_it_is_looked_for_once_whoever_looks_and_however_often_the_bridge_restarts(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path / "store") as store:
        one, many = await failed(store, "1"), await failed(store, "2")
    # Killed before the first look.
    async with open_store(tmp_path / "store") as store, site_of(store) as client:
        with counting(store) as first:
            line = await opened(client, one)
        assert await said(store, one, line) == "error: it broke"
        with counting(store) as known:
            assert await opened(client, one) == line
        assert known["steps"] * 3 < first["steps"], "to look for it is what takes long"
        with counting(store) as at_once:
            async with anyio.create_task_group() as readers:
                for _ in range(4):
                    readers.start_soon(opened, client, many)
        assert at_once["steps"] < 1.3 * (first["steps"] + 3 * known["steps"])
    async with open_store(tmp_path / "store") as store, site_of(store) as client:
        with counting(store) as restarted:
            assert await opened(client, one) == line
            assert await opened(client, many) == line
        assert restarted["steps"] < 3 * known["steps"]


async def test_what_comes_of_a_log_after_the_first_look_counts(store: Store) -> None:
    async with site_of(store) as client:
        build = await failed(store, text="== make ==\ncompiling\nwarning: odd\n", pieces=1)
        before = await opened(client, build)
        assert await said(store, build, before) == "warning: odd"
        await append(store, build, f"error: it broke\n{CLEANING}")
        after = await opened(client, build)
        assert await said(store, build, after) == "error: it broke"


async def test_each_run_has_its_own(store: Store) -> None:
    async with site_of(store) as client:
        build = await failed(store, pieces=1)
        first = await opened(client, build)
        again = await store.builds.retry(build.id, change_by("ann"), "again")
        assert await opened(client, again, 2) is None, "it has not failed"
        await append(store, again, "== make ==\nFAIL: another\n")
        await store.builds.transition(again.run_id, BuildState.FAILED, no_notices, stage="make")
        assert await said(store, build, await opened(client, again, 2), 2) == "FAIL: another"
        assert await opened(client, build) == first
        third = await store.builds.retry(build.id, change_by("ann"), "once more")
        assert await opened(client, third, 2) == 2


@pytest.mark.parametrize(("text", "busy_seconds"), [("", 0.005), (MAKE, 60)])
async def test_a_store_that_takes_no_writes_keeps_no_reader_from_the_page(
    store: Store, text: str, busy_seconds: float
) -> None:
    async with site_of(store) as client:
        build = await failed(store, text=text, pieces=0)
        async with failing(store, busy_seconds=busy_seconds):
            line = await opened(client, build)
        assert line == (3 if text else None)
        assert await opened(client, build) == line
        assert (await store.build(build.id)).failed_line == (line or 0)


async def test_what_was_found_in_a_log_that_went_on_meanwhile_is_not_kept(store: Store) -> None:
    build = await failed(store, pieces=1)
    await append(store, build, "error: more\n")
    await store.logs.note_failed_line(build, 3)
    assert (await store.build(build.id)).failed_line is None


@contextmanager
def stuck(store: Store) -> Iterator[Callable[[], int]]:
    """Whoever goes through a whole log stays there until the end of the block: says how many do."""
    goes_on, count = threading.Event(), 0

    def wait(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        nonlocal count
        if "build_log.text" not in statement or "build_log.seq >= " not in statement:
            return
        _build, _run, first, *_limit = parameters.values() if isinstance(parameters, dict) else parameters
        if first == 0:
            count += 1
            goes_on.wait(30)

    event.listen(store.database._engine, "before_cursor_execute", wait)
    try:
        yield lambda: count
    finally:
        goes_on.set()


async def test_searches_and_first_looks_hinder_no_other_reader_and_not_each_other(store: Store) -> None:
    builds = [await failed(store, str(number)) for number in range(4)]
    async with site_of(store) as client, anyio.create_task_group() as readers:
        await opened(client, builds[0])
        known = f"/builds/{builds[0].id}"
        with stuck(store) as count:
            for build in builds[1:]:
                readers.start_soon(client.get, f"/builds/{build.id}")
                readers.start_soon(client.get, f"{known}?q=of+no+line")
            await eventually(lambda: count() == 2)
            with anyio.fail_after(10):
                for path in ("/builds", "/", known) * 2:
                    assert (await client.get(path)).status_code == 200
            assert count() == 2, "one of each"
