"""Two runs of one build: no builder takes one for the other, whatever became of the earlier one."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.builder_contract import Site
from support.builder_contract import request as request_for
from support.builder_sites import SITES, ended, log_from, log_with, running, sent

from bridge.builders.base import Builder, Handle
from bridge.errors import RemoteError
from bridge.model.build import BuildState, run_id_of

FIRST, SECOND = run_id_of("b-1", 1), run_id_of("b-1", 2)
ENDS = {"success": BuildState.SUCCEEDED, "failure": BuildState.FAILED, "cancel": BuildState.CANCELLED}


@pytest.fixture
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    kind: str = request.getfixturevalue("kind")
    async with SITES[kind].open(tmp_path) as opened:
        yield opened


async def is_running(builder: Builder, handle: Handle) -> bool:
    return (await builder.poll({SECOND: handle}))[SECOND].state is BuildState.RUNNING


async def first_run(builder: Builder, site: Site, end: str) -> Handle:
    """The handle of a first run that ended so."""
    handle = await running(builder, site, FIRST, log="of the first\n", succeeds=end == "success")
    await log_with(builder, handle, "of the first\n")
    await (builder.cancel(handle) if end == "cancel" else site.finish(FIRST))
    assert (await ended(builder, handle, FIRST)).state is ENDS[end]
    return handle


@pytest.mark.parametrize("kind", SITES)
@pytest.mark.parametrize("end", ENDS)
async def test_a_second_run_is_another_build_to_the_builder(kind: str, end: str, site: Site) -> None:
    async with site.builder() as builder:
        first = await first_run(builder, site, end)
        assert await builder.find(request_for(SECOND)) is site.ABSENT
        second = await running(builder, site, SECOND, log="of the second\n")
        assert second != first
    async with site.builder() as builder:
        if site.ABSENT is None:
            found = await builder.find(request_for(SECOND))
            assert isinstance(found, str)
            assert found != first
        statuses = await builder.poll({FIRST: first, SECOND: second})
        assert (statuses[FIRST].state, statuses[SECOND].state) == (ENDS[end], BuildState.RUNNING)
        await builder.cancel(first)
        text, _ = await log_with(builder, second, "of the second\n")
        assert "of the first" not in text
        await builder.release(first)
        assert await is_running(builder, second)
        await site.finish(SECOND)
        assert (await ended(builder, second, SECOND)).state is BuildState.SUCCEEDED
        assert "of the second\n" in (await log_from(builder, second))[0]
    assert site.count(SECOND) == 1


@pytest.mark.parametrize("kind", SITES)
async def test_the_end_of_a_lost_run_that_goes_on_is_not_that_of_the_next(kind: str, site: Site) -> None:
    async with site.builder() as builder:
        first = await running(builder, site, FIRST)
        assert await builder.find(request_for(SECOND)) is site.ABSENT
        second = await running(builder, site, SECOND)
        await builder.cancel(first)
        assert (await ended(builder, first, FIRST)).state is BuildState.CANCELLED
        assert await is_running(builder, second)
        await builder.release(first)
        assert await is_running(builder, second)
        assert await builder.find(request_for(SECOND)) is not None
        await site.finish(SECOND)
        assert (await ended(builder, second, SECOND)).state is BuildState.SUCCEEDED


@pytest.mark.parametrize("kind", SITES)
async def test_a_run_that_waits_survives_the_end_of_a_lost_one_that_waits_too(kind: str, site: Site) -> None:
    async with site.builder() as builder:
        first = await sent(builder, site, FIRST)
        second = await sent(builder, site, SECOND)
        await builder.cancel(first)
        with_first = await ended(builder, first, FIRST)
        assert with_first.state is BuildState.CANCELLED
        await builder.release(first)
        assert not (await builder.poll({SECOND: second}))[SECOND].state.terminal
        await site.start(SECOND)
        await site.finish(SECOND)
        assert (await ended(builder, second, SECOND)).state is BuildState.SUCCEEDED


@pytest.mark.parametrize("kind", SITES)
async def test_the_release_of_a_run_that_still_goes_on_ends_nothing(kind: str, site: Site) -> None:
    async with site.builder() as builder:
        first = await running(builder, site, FIRST)
        second = await running(builder, site, SECOND)
        with suppress(RemoteError):
            await builder.release(first)
        assert await is_running(builder, second)
