"""What a builder keeps of a run is freed when another run has followed it; the newest is left alone."""

from pathlib import Path

import pytest
from support.scripted import ScriptedBuilder, Store, open_store
from support.services import add_queued, move, polling, triggering
from support.trail import change_by

from bridge.builders.base import Ambiguous, LogChunk, Search, Status
from bridge.errors import Transient
from bridge.model.build import Build, BuildState, EarlierRun
from bridge.services.earlier_runs import FORGET_SECONDS, PAUSE_SECONDS, SLOW_SECONDS, STOPS
from bridge.services.triggerer import GIVE_UP_SECONDS

RUNNING = Status(state=BuildState.RUNNING, raw="building")
CANCELLED = Status(state=BuildState.CANCELLED, raw="ABORTED")


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def retried(store: Store, end: BuildState) -> Build:
    """A build whose first run, with the builder as `handle-1`, ended so; the second run waits."""
    build = await add_queued(store)
    await move(store, build, end, ended_at=store.clock())
    return await store.builds.retry(build.id, change_by("ann"), "again")


async def sent_again(store: Store, build: Build, handle: str = "handle-2") -> Build:
    """The second run, once the builder has it."""
    for state in (BuildState.TRIGGERING, BuildState.QUEUED):
        assert await store.builds.transition(build.run_id, state, lambda *_: [], handle=handle)
    return await store.build(build.id)


async def freed(store: Store) -> bool:
    return not await store.builds.replaced("here")


async def test_a_run_that_ended_is_read_to_its_end_and_released(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await retried(store, BuildState.FAILED)
    builder.logs.append(LogChunk(text="the end\n", next=8, more=False))
    async with polling(store, builder):
        assert await freed(store)
    assert builder.called("release") == ["handle-1"]
    assert builder.called("cancel") == []
    assert await store.builds.log_tail(build.id, 100, run=1) == "the end\n"
    assert await store.builds.log_tail(build.id, 100) == ""


async def test_a_lost_run_is_ended_before_it_is_released_and_the_newest_goes_on(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await sent_again(store, await retried(store, BuildState.UNKNOWN))
    builder.statuses = {f"{build.id}.2": RUNNING, build.id: RUNNING}
    async with polling(store, builder) as harness:
        assert builder.called("cancel") == ["handle-1"]
        assert builder.called("release") == []
        await harness.advance(PAUSE_SECONDS)
        assert builder.called("cancel") == ["handle-1"] * 2
        builder.statuses[build.id] = CANCELLED
        await harness.advance(PAUSE_SECONDS)
        assert builder.called("release") == ["handle-1"]
        assert await freed(store)
        now = await store.build(build.id)
        assert (now.state, now.handle, now.detail) == (BuildState.RUNNING, "handle-2", "")
    assert builder.called("cancel") == ["handle-1"] * 2
    first, second = await store.builds.runs(build.id)
    assert (first.state, second.state) == (BuildState.UNKNOWN, BuildState.RUNNING)
    assert [step.what for step in await store.builds.steps(build.id, run=1)][-2:] == ["stop", "stop"]


async def test_the_handle_that_a_lost_run_has_by_now_is_the_one_that_is_ended(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await sent_again(store, await retried(store, BuildState.UNKNOWN))
    builder.statuses = {build.id: Status(state=BuildState.RUNNING, raw="building", handle="build-7")}
    async with polling(store, builder):
        assert builder.called("cancel") == ["build-7"]
    kept = await store.builds.run(build.id)
    assert kept is not None
    assert kept.handle == "build-7"


async def test_a_run_that_the_builder_made_one_of_with_the_newest_is_not_ended(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await sent_again(store, await retried(store, BuildState.UNKNOWN), handle="handle-1")
    builder.statuses = {build.id: RUNNING, f"{build.id}.2": RUNNING}
    async with polling(store, builder) as harness:
        await harness.advance(PAUSE_SECONDS)
        assert builder.called("cancel") == []
        assert not await freed(store)


async def test_a_lost_run_is_left_alone_while_the_trigger_of_the_newest_is_open(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await retried(store, BuildState.UNKNOWN)
    assert await store.builds.transition(build.run_id, BuildState.TRIGGERING, lambda *_: [])
    builder.statuses = {build.id: RUNNING}
    async with polling(store, builder):
        assert builder.called("cancel") == []


async def test_a_trigger_that_begins_while_a_lost_run_is_looked_at_delays_its_end_by_a_round(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await retried(store, BuildState.UNKNOWN)

    async def triggered_meanwhile() -> dict[str, Status]:
        assert await store.builds.transition(build.run_id, BuildState.TRIGGERING, lambda *_: [])
        return {build.id: RUNNING}

    builder.polls.append(triggered_meanwhile)
    builder.statuses = {build.id: RUNNING}
    async with polling(store, builder) as harness:
        assert builder.called("cancel") == []
        await store.builds.transition(build.run_id, BuildState.QUEUED, lambda *_: [], handle="handle-2")
        await harness.settled()
        assert builder.called("cancel") == ["handle-1"]


@pytest.mark.parametrize(
    ("found", "released"),
    [("found-1", ["found-1"]), (None, []), (Search.UNSEARCHABLE, [])],
    ids=["there", "not there", "cannot be searched"],
)
async def test_a_lost_run_without_a_handle_is_searched_for(
    store: Store, builder: ScriptedBuilder, found: str | Search | None, released: list[str]
) -> None:
    build = await store.add_build()
    await move(store, build, BuildState.TRIGGERING, BuildState.UNKNOWN)
    await store.builds.retry(build.id, change_by("ann"), "again")
    builder.finds.extend([Transient("503"), found])
    builder.statuses = {build.id: CANCELLED}
    async with polling(store, builder) as harness:
        assert not await freed(store)
        await harness.advance(PAUSE_SECONDS)
        assert await freed(store)
    assert builder.called("find") == [build.id] * 2
    assert builder.called("release") == released


async def test_a_lost_run_is_searched_for_by_the_one_before_it(
    store: Store, builder: ScriptedBuilder
) -> None:
    second = await retried(store, BuildState.FAILED)
    for state in (BuildState.TRIGGERING, BuildState.UNKNOWN):
        await store.builds.transition(second.run_id, state, lambda *_: [])
    await store.builds.retry(second.id, change_by("ann"), "again")
    async with polling(store, builder):
        assert builder.called("find") == [second.run_id]
    earlier = EarlierRun(handle="handle-1", followed_at=second.enqueued_at)
    assert [request.previous for request in builder.requests] == [earlier]


async def test_a_builder_that_does_not_answer_is_asked_again_and_one_that_ends_nothing_not_for_ever(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await retried(store, BuildState.UNKNOWN)
    builder.statuses = {build.id: RUNNING}
    builder.cancels.append(Transient("503"))
    async with polling(store, builder) as harness:
        for _ in range(2 * STOPS):
            await harness.advance(PAUSE_SECONDS)
        assert builder.called("cancel") == ["handle-1"] * STOPS
        builder.releases.append(Transient("still running"))
        await harness.advance(FORGET_SECONDS)
        assert builder.called("release") == ["handle-1"]
        assert not await freed(store)
        await harness.advance(SLOW_SECONDS)
        assert await freed(store)


async def test_the_builder_is_given_a_trigger_of_its_own_for_each_run(
    tmp_path: Path, builder: ScriptedBuilder
) -> None:
    async with open_store(tmp_path) as store:
        build = await retried(store, BuildState.FAILED)
        builder.triggers.append(Ambiguous("no answer"))
        builder.finds.append(None)
        async with triggering(store, builder):
            assert (await store.build(build.id)).state is BuildState.QUEUED
    assert builder.called("trigger") == [f"{build.id}.2"] * 2
    assert builder.called("find") == [f"{build.id}.2"]
    earlier = EarlierRun(handle="handle-1", followed_at=build.enqueued_at)
    assert [request.previous for request in builder.requests] == [earlier] * 3


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "never sent"])
async def test_a_run_that_may_go_on_or_never_began_is_not_named_to_the_builder(
    tmp_path: Path, builder: ScriptedBuilder, lost: bool
) -> None:
    async with open_store(tmp_path) as store:
        if lost:
            build = await retried(store, BuildState.UNKNOWN)
        else:
            build = await store.add_build()
            await move(store, build, BuildState.FAILED, released=True)
            build = await store.builds.retry(build.id, change_by("ann"), "again")
        async with triggering(store, builder):
            assert (await store.build(build.id)).state is BuildState.QUEUED
    assert [request.previous for request in builder.requests] == [None]


async def test_a_retry_of_an_old_build_is_tried_for_as_long_as_a_new_one(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    await move(store, build, BuildState.FAILED, released=True)
    store.clock.advance(2 * GIVE_UP_SECONDS)
    await store.builds.retry(build.id, change_by("ann"), "again")
    builder.triggers.append(Transient("503"))
    builder.finds.append(Transient("503"))
    async with triggering(store, builder):
        assert (await store.build(build.id)).state is BuildState.TRIGGERING


async def test_what_a_poll_says_of_the_run_before_does_not_end_the_next(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    await move(store, build, BuildState.UNKNOWN)

    async def retried_meanwhile() -> dict[str, Status]:
        await store.builds.retry(build.id, change_by("ann"), "again")
        return {build.id: Status(state=BuildState.FAILED, raw="FAILURE")}

    builder.polls.append(retried_meanwhile)
    builder.logs.append(LogChunk(text="of the first\n", next=13, more=False))
    async with polling(store, builder):
        assert (await store.build(build.id)).state is BuildState.WAITING
    assert await store.builds.log(build.id) == []
    assert [run.state for run in await store.builds.runs(build.id)] == ["unknown", "waiting"]
