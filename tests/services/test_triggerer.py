"""From a waiting build to one that the builder has: exactly once, whatever the builder does."""

import math
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.engines import execute
from support.harness import TriggererHarness
from support.scripted import Clock, Hang, ScriptedBuilder, Store, eventually, failing, open_store
from support.services import triggering
from support.trail import change_by

from bridge.builders.base import Ambiguous, Outcome, Rejected, Retry, Sent
from bridge.errors import Transient
from bridge.model.build import BuildState
from bridge.model.notice import EventName
from bridge.planning.notice_policy import NoticePolicy
from bridge.services.triggerer import BACKOFF

DAY = 24 * 3600.0


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def test_the_attempt_is_on_disk_before_the_builder_is_called(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    seen: list[tuple[str, int]] = []

    def look() -> Outcome:
        seen.extend(execute(store.path, "SELECT state, attempts FROM build"))
        return Sent("h")

    builder.triggers.append(look)
    async with triggering(store, builder):
        assert (await store.build(build.id)).state is BuildState.QUEUED
    assert seen == [("triggering", 1)]


async def test_a_build_that_was_sent_is_queued_under_its_handle(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.append(Sent("the-handle", "queue item 7"))
    async with triggering(store, builder) as harness:
        after = await store.build(build.id)
    assert (after.state, after.handle, after.detail) == (BuildState.QUEUED, "the-handle", "queue item 7")
    assert await store.steps(build.id) == ["waiting", "triggering", "queued"]
    assert "on_triggered" in harness.calls, "the poller hears of it at once"
    assert await store.events() == []


async def test_a_rejected_build_has_failed_and_everybody_hears_why(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.append(Rejected("there is no job docker/build"))
    async with triggering(store, builder) as harness:
        await harness.advance(DAY)
        after = await store.build(build.id)
    assert (after.state, after.detail) == (BuildState.FAILED, "rejected: there is no job docker/build")
    assert after.ended_at is not None
    assert builder.called("trigger") == [build.id]
    assert await store.events() == [EventName.FAIL]


async def test_a_builder_that_is_down_is_asked_again_after_longer_and_longer_pauses(
    store: Store, builder: ScriptedBuilder
) -> None:
    await store.add_build()
    builder.triggers.extend([Retry("no route to host")] * 4)
    async with triggering(store, builder) as harness:
        times = []
        for _ in range(40):
            times.append(len(builder.called("trigger")))
            await harness.advance(1)
    # 1.6 to 2.4 s after the first attempt, twice that after the second, and so on.
    assert times[0] == times[1] == 1
    assert times[3] == 2
    assert times[5] == 2
    assert times[9] == 3
    assert times[-1] == 5


async def test_the_outage_of_a_builder_is_reported_once_and_so_is_its_end(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.extend([Retry("no route to host"), Retry("no route to host"), Retry("503")])
    async with triggering(store, builder) as harness:
        assert await harness.down()
        for _ in range(5):
            await harness.advance(600)
        assert not await harness.down()
    assert (await store.build(build.id)).state is BuildState.QUEUED
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]


async def test_a_builder_that_is_down_gets_one_build_for_each_pause_and_not_all_that_wait(
    store: Store, builder: ScriptedBuilder
) -> None:
    for key in "12345":
        await store.add_build(key, tags=(key,))
    builder.triggers.extend([Retry("down")] * 3)
    async with triggering(store, builder) as harness:
        assert len(builder.called("trigger")) == 1
        await harness.advance(0.5)
        assert len(builder.called("trigger")) == 1
        await harness.advance(600)
        assert len(builder.called("trigger")) == 2


async def test_an_ambiguous_builder_that_cannot_be_asked_is_left_alone_too(
    store: Store, builder: ScriptedBuilder
) -> None:
    for key in "123":
        await store.add_build(key, tags=(key,))
    builder.triggers.extend([Ambiguous("the answer was lost")] * 3)
    builder.finds.extend([Transient("no route to host")] * 3)
    async with triggering(store, builder) as harness:
        assert (len(builder.called("trigger")), len(builder.called("find"))) == (1, 1)
        await harness.advance(0.5)
        assert (len(builder.called("trigger")), len(builder.called("find"))) == (1, 1)


async def test_one_builder_that_is_down_or_hangs_delays_no_other(store: Store) -> None:
    down, hanging, healthy = (ScriptedBuilder(name) for name in ("down", "hanging", "healthy"))
    down.triggers.append(Retry("no route to host"))
    hanging.triggers.append(Hang())
    builds = [
        await store.add_build(name, builder=name, tags=(name,)) for name in ("down", "hanging", "healthy")
    ]
    async with triggering(store, down), triggering(store, healthy), anyio.create_task_group() as tasks:
        tasks.start_soon(TriggererHarness(store, hanging).triggerer.run)
        await eventually(lambda: hanging.called("trigger"))
        states = [(await store.build(build.id)).state for build in builds]
        tasks.cancel_scope.cancel()
    assert states == [BuildState.WAITING, BuildState.TRIGGERING, BuildState.QUEUED]


@pytest.mark.parametrize("after", [math.inf, math.nan, -5.0, 0.0, 1e300])
async def test_no_builder_can_ask_for_an_endless_or_for_no_pause(
    store: Store, builder: ScriptedBuilder, after: float
) -> None:
    await store.add_build()
    builder.triggers.append(Retry("later", after))
    async with triggering(store, builder) as harness:
        assert len(builder.called("trigger")) == 1
        await harness.advance(3601)
        assert len(builder.called("trigger")) == 2


async def test_a_builder_that_names_the_pause_gets_just_that(store: Store, builder: ScriptedBuilder) -> None:
    await store.add_build()
    builder.triggers.append(Retry("busy", 120.0))
    async with triggering(store, builder) as harness:
        await harness.advance(119)
        assert len(builder.called("trigger")) == 1
        await harness.advance(1.1)
        assert len(builder.called("trigger")) == 2


async def test_a_builder_that_is_down_for_a_day_is_given_up(store: Store, builder: ScriptedBuilder) -> None:
    build = await store.add_build()
    builder.triggers.extend([Retry("no route to host")] * 2)
    async with triggering(store, builder) as harness:
        await harness.advance(DAY + 1)
        after = await store.build(build.id)
    assert (after.state, after.detail) == (BuildState.FAILED, "given up after a day: no route to host")
    assert await store.events() == [EventName.DEGRADED, EventName.FAIL]


async def test_no_more_builds_are_open_than_the_builder_has_slots(
    store: Store, builder: ScriptedBuilder
) -> None:
    builder.slots = 2
    builds = [await store.add_build(key, tags=(key,)) for key in "1234"]
    async with triggering(store, builder) as harness:
        assert builder.called("trigger") == [build.id for build in builds[:2]]
        await store.builds.transition(builds[0].id, BuildState.SUCCEEDED, NoticePolicy(store.clock))
        await harness.advance(0)
        assert builder.called("trigger") == [build.id for build in builds[:3]]


async def test_a_build_that_is_cancelled_while_it_waits_never_reaches_the_builder(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    assert await store.builds.request_cancel(build.id, "cancelled by ann", change_by())
    assert not await store.builds.request_cancel(build.id, "cancelled by bob", change_by()), "once is enough"
    async with triggering(store, builder):
        after = await store.build(build.id)
    assert (after.state, after.detail) == (BuildState.CANCELLED, "cancelled by ann")
    assert after.ended_at is not None
    assert builder.calls == []
    assert await store.events() == [EventName.STOP]


async def test_a_cancelled_build_does_not_wait_for_a_slot_nor_for_a_builder_that_is_down(
    store: Store, builder: ScriptedBuilder
) -> None:
    builder.slots = 1
    running, waiting = [await store.add_build(key, tags=(key,)) for key in "12"]
    async with triggering(store, builder) as harness:
        assert builder.called("trigger") == [running.id]
        await store.builds.request_cancel(waiting.id, "cancelled by ann", change_by())
        await harness.advance(0)
        assert (await store.build(waiting.id)).state is BuildState.CANCELLED
        late = await store.add_build("3", tags=("3",))
        await store.builds.transition(running.id, BuildState.FAILED, NoticePolicy(store.clock))
        builder.triggers.append(Retry("down", 3000.0))
        await harness.advance(0)
        await store.builds.request_cancel(late.id, "cancelled by ann", change_by())
        await harness.advance(1)
        assert (await store.build(late.id)).state is BuildState.CANCELLED


async def test_a_build_that_ended_while_the_builder_answered_stays_ended(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    entered, leave = anyio.Event(), anyio.Event()

    class Slow(ScriptedBuilder):
        async def trigger(self, request: Any) -> Outcome:
            entered.set()
            await leave.wait()
            return Sent("late")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(TriggererHarness(store, Slow()).triggerer.run)
        await entered.wait()
        await store.builds.transition(build.id, BuildState.CANCELLED, NoticePolicy(store.clock))
        leave.set()
        await eventually(lambda: store.builds.get(build.id))
        tasks.cancel_scope.cancel()
    assert (await store.build(build.id)).state is BuildState.CANCELLED


@pytest.mark.parametrize(
    ("answer", "state", "detail"),
    [
        (Sent("just-in-time", "item 7"), BuildState.QUEUED, "item 7"),
        (Retry("busy"), BuildState.WAITING, "busy"),
        (Rejected("no such job"), BuildState.FAILED, "rejected: no such job"),
    ],
)
async def test_an_answer_that_came_is_recorded_although_the_service_is_cancelled(
    tmp_path: Path, builder: ScriptedBuilder, answer: Outcome, state: BuildState, detail: str
) -> None:
    """To the last word: that the builder is well again is written after what became of the build."""
    clock = Clock()
    async with open_store(tmp_path, clock) as store:
        was_down = not isinstance(answer, Retry)
        if was_down:
            await store.health.degrade("builder:here", "no route to host")
        build = await store.add_build()
        async with anyio.create_task_group() as tasks:

            def stop() -> Outcome:
                tasks.cancel_scope.cancel()
                return answer

            builder.triggers.append(stop)
            tasks.start_soon(TriggererHarness(store, builder).triggerer.run)
    async with open_store(tmp_path, clock) as store:
        after = await store.build(build.id)
        health = await store.health.get("builder:here")
    assert (after.state, after.detail) == (state, detail)
    assert (health.down_since is None) is was_down


async def test_a_store_that_fails_is_tried_again_and_nothing_is_sent_before_it_works(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    harness = TriggererHarness(store, builder)
    async with anyio.create_task_group() as tasks:
        async with failing(store):
            tasks.start_soon(harness.triggerer.run)
            await eventually(lambda: harness.rounds(harness.triggerer).count)
            assert builder.calls == []
        await harness.settled()
        assert (await store.build(build.id)).state is BuildState.QUEUED
        tasks.cancel_scope.cancel()
    assert builder.called("trigger") == [build.id]


def test_waits_grow_up_to_five_minutes_and_never_run_over() -> None:
    waits = [BACKOFF.wait(attempts, lambda: 0.5) for attempts in (1, 2, 3, 8, 9, 10_000)]
    assert waits == [2.0, 4.0, 8.0, 256.0, 300.0, 300.0]
    assert BACKOFF.wait(1, lambda: 0.0) == pytest.approx(1.6)
    assert BACKOFF.wait(1, lambda: 1.0) == pytest.approx(2.4)


async def test_one_that_is_to_finish_begins_no_other_trigger(store: Store, builder: ScriptedBuilder) -> None:
    """However long others need to finish: it would be cut short, and leave a doubt."""
    async with triggering(store, builder) as harness:
        await harness.triggerer.finish()
        build = await store.add_build()
        await harness.settled()
        assert builder.called("trigger") == []
        assert (await store.build(build.id)).state is BuildState.WAITING
