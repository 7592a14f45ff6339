"""From when and how long a build may be with a builder, and what becomes of one that it says nothing of."""

import anyio
import pytest
from support.harness import PollerHarness
from support.scripted import ScriptedBuilder, Store, eventually
from support.services import add_queued, move, polling

from bridge.builders.base import Handle, LogChunk, Status
from bridge.model.build import BuildState
from bridge.model.notice import EventName
from bridge.services.poller import CALLS

HOUR = 3600.0
SUCCESS = Status(state=BuildState.SUCCEEDED, raw="SUCCESS")


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


def running(started_at: float | None = None) -> Status:
    return Status(state=BuildState.RUNNING, raw="building", started_at=started_at)


async def test_the_hours_of_a_build_count_from_its_start_and_not_from_its_way_into_the_queue(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        await harness.advance(20 * HOUR)
        await harness.polled(build, running(store.clock()))
        assert harness.calls == ["wake_notifiers"], "its start has a notice"
        await harness.advance(5.9 * HOUR)
        assert (await store.build(build.id)).state is BuildState.RUNNING
        harness.calls.clear()
        await harness.advance(0.2 * HOUR)
        assert (await store.build(build.id)).state is BuildState.UNKNOWN
        assert harness.calls == ["on_ended", "wake_notifiers"]


async def test_the_day_in_the_queue_counts_from_when_the_builder_was_given_the_build(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    store.clock.advance(23 * HOUR)
    await move(store, build, BuildState.TRIGGERING, triggered_at=store.clock())
    await move(store, build, BuildState.QUEUED, handle="handle-1")
    async with polling(store, builder) as harness:
        await harness.advance(23.9 * HOUR)
        assert (await store.build(build.id)).state is BuildState.QUEUED
        await harness.advance(0.2 * HOUR)
        assert (await store.build(build.id)).state is BuildState.UNKNOWN


async def test_a_deadline_holds_while_the_server_is_not_to_be_asked(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        await harness.advance(23.9 * HOUR)
        harness.circuit.rest(HOUR)
        asked = len(builder.called("poll"))
        await harness.advance(0.2 * HOUR)
        assert (await store.build(build.id)).state is BuildState.UNKNOWN
        assert len(builder.called("poll")) == asked


async def test_a_builder_may_have_a_deadline_of_its_own(store: Store, builder: ScriptedBuilder) -> None:
    builder.deadline = HOUR
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        await harness.polled(build, running(store.clock()))
        await harness.advance(0.9 * HOUR)
        assert (await store.build(build.id)).state is BuildState.RUNNING
        await harness.advance(0.2 * HOUR)
        after = await store.build(build.id)
    assert (after.state, after.detail) == (BuildState.UNKNOWN, "no end within 1 h (last seen: building)")
    assert after.ended_at == store.clock()


async def test_a_build_that_left_the_queue_while_no_one_looked_has_its_hours_still_before_it(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    store.clock.advance(25 * HOUR)
    builder.statuses[build.id] = running(store.clock() - HOUR)
    async with polling(store, builder):
        assert (await store.build(build.id)).state is BuildState.RUNNING
    assert await store.events() == [EventName.START]


async def test_a_build_that_ended_while_no_one_looked_for_days_has_ended(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    store.clock.advance(72 * HOUR)
    builder.statuses[build.id] = SUCCESS
    async with polling(store, builder):
        assert (await store.build(build.id)).state is BuildState.SUCCEEDED
    assert await store.events() == [EventName.SUCCESS]


async def test_an_unknown_build_is_asked_for_within_a_week_and_then_no_more(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        await harness.polled(build, Status(state=BuildState.UNKNOWN, raw="gone"))
        await harness.advance(6 * 24 * HOUR)
        assert builder.called("release") == [], "perhaps its result is asked for yet"
        before = len(builder.called("poll"))
        await harness.advance(0.9 * 24 * HOUR)
        assert len(builder.called("poll")) > before
        await harness.advance(0.2 * 24 * HOUR)
        assert builder.called("release") == ["handle-1"]
        before = len(builder.called("poll"))
        await harness.advance(HOUR)
        assert len(builder.called("poll")) == before


async def test_what_the_builder_no_longer_says_of_a_build_stays_known(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    said = Status(
        state=BuildState.RUNNING,
        raw="building",
        started_at=store.clock() - 60,
        digest="sha256:1",
        url="https://ci.example.com/9",
    )
    async with polling(store, builder) as harness:
        await harness.polled(build, said)
        after = await harness.polled(build, SUCCESS)
    assert (after.started_at, after.digest, after.url) == (said.started_at, said.digest, said.url)


class _OneLog(ScriptedBuilder):
    """Answers for the log of one build; the others hang."""

    answered = f"handle-{CALLS}"

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        if handle != self.answered:
            await anyio.sleep_forever()
        return await super().log(handle, offset)


async def test_an_end_waits_for_the_log_of_no_build_that_goes_on(store: Store) -> None:
    """As many logs hang as are read at once."""
    builder = _OneLog()
    builds = [
        await move(store, await add_queued(store, str(number)), BuildState.RUNNING)
        for number in range(CALLS + 1)
    ]
    builder.logs.append(LogChunk(text="done\n", next=5, more=False))
    builder.statuses.update({build.id: running() for build in builds[:-1]})
    builder.statuses[builds[-1].id] = SUCCESS
    harness = PollerHarness(store, builder)

    async def ended() -> bool:
        return (await store.build(builds[-1].id)).state is BuildState.SUCCEEDED

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(harness.poller.run)
        await eventually(ended, seconds=15)
        tasks.cancel_scope.cancel()
