"""A state that the adapter does not know holds nothing up for good; what a builder hints at is told once."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from support.scripted import ScriptedBuilder, Store
from support.services import add_queued, move, polling

from bridge.builders.base import Status
from bridge.model.build import BuildState
from bridge.model.notice import EventName
from bridge.services.poller import UNRECOGNISED_SECONDS

WEIRD = Status(state=BuildState.RUNNING, raw="WEIRD_NEW", recognised=False)
SUCCESS = Status(state=BuildState.SUCCEEDED, raw="SUCCESS")
SAID = "the builder says 'WEIRD_NEW', which is not known here: look there"


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def test_an_unknown_word_is_shown_at_once_and_ends_the_build_after_a_while(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    builder.statuses[build.id] = WEIRD
    with capture_logs() as lines:
        async with polling(store, builder) as harness:
            now = await store.build(build.id)
            assert (now.state, now.raw, now.detail) == (BuildState.RUNNING, "WEIRD_NEW", SAID)
            await harness.advance(UNRECOGNISED_SECONDS - 1)
            assert (await store.build(build.id)).state is BuildState.RUNNING
            harness.calls.clear()
            await harness.advance(1)
            now = await store.build(build.id)
            assert (now.state, now.raw, now.detail) == (BuildState.UNKNOWN, "WEIRD_NEW", SAID)
            assert harness.calls == ["on_ended", "wake_notifiers"], "the next build can go"
            await harness.advance(3600)
    assert [line["event"] for line in lines].count("builder.word_unknown") == 1
    assert await store.events() == [EventName.START, EventName.FAIL]
    assert (await store.build(build.id)).state is BuildState.UNKNOWN


async def test_a_build_whose_word_becomes_known_goes_on(store: Store, builder: ScriptedBuilder) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    builder.statuses[build.id] = WEIRD
    async with polling(store, builder) as harness:
        await harness.advance(UNRECOGNISED_SECONDS - 1)
        await harness.polled(build, Status(state=BuildState.RUNNING, raw="building"))
        builder.statuses[build.id] = WEIRD
        await harness.advance(UNRECOGNISED_SECONDS - 1)
        assert (await store.build(build.id)).state is BuildState.RUNNING
        ended = await harness.polled(build, SUCCESS)
    assert ended.state is BuildState.SUCCEEDED


async def test_a_hint_of_the_builder_is_told_once_and_every_new_one_too(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    first = Status(state=BuildState.RUNNING, raw="running", hint="no registry; PASSWORD=x1y2z3 until 12:03")
    async with polling(store, builder) as harness:
        for _ in range(3):
            assert (await harness.polled(build, first)).detail.startswith("no registry; PASSWORD=")
        await harness.polled(build, Status(state=BuildState.RUNNING, raw="running"))
        await harness.polled(build, replace(first, hint="the disk is full"))
    async with polling(store, builder) as harness:
        await harness.settled()
    steps = [step.detail for step in await store.builds.steps(build.id)]
    assert (len(steps), steps[-1]) == (6, "the disk is full")
    assert (await store.build(build.id)).detail == "the disk is full"


async def test_a_build_that_was_given_up_for_a_word_is_resolved_by_a_known_one(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    builder.statuses[build.id] = WEIRD
    async with polling(store, builder) as harness:
        await harness.advance(UNRECOGNISED_SECONDS)
        assert (await store.build(build.id)).state is BuildState.UNKNOWN
        builder.statuses[build.id] = SUCCESS
        await harness.advance(3600)
    assert (await store.build(build.id)).state is BuildState.SUCCEEDED
