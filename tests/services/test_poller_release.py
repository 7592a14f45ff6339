"""What a builder keeps for us is given back once nothing more is wanted of it."""

from pathlib import Path

import pytest
from support.scripted import ScriptedBuilder, Store, open_store
from support.services import add_queued, move, polling

from bridge.builders.base import Status
from bridge.errors import Transient
from bridge.model.build import BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.services.poller import FORGET_SECONDS, SLOW_SECONDS

HOUR = 3600.0
RUNNING = Status(state=BuildState.RUNNING, raw="building", started_at=1_700_000_010.0)
SUCCESS = Status(state=BuildState.SUCCEEDED, raw="SUCCESS", ended_at=1_700_000_070.0, digest="sha256:1")
FAILURE = Status(state=BuildState.FAILED, raw="FAILURE", detail="exit status 1")


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def test_an_ended_build_is_given_back_once(store: Store, builder: ScriptedBuilder) -> None:
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        await harness.polled(build, SUCCESS)
        await harness.advance(HOUR)
    assert builder.called("release") == ["handle-1"]
    assert await store.builds.unreleased("here", 0.0) == []


async def test_a_builder_looks_for_what_it_keeps_too_long_at_the_start_and_every_ten_minutes(
    store: Store, builder: ScriptedBuilder
) -> None:
    async with polling(store, builder) as harness:
        await harness.advance(SLOW_SECONDS - 1)
        assert builder.called("reclaim") == ["False"]
        await harness.advance(1)
        assert builder.called("reclaim") == ["False", "False"]


@pytest.mark.parametrize("trouble", [Transient("503"), RuntimeError("a bug")])
async def test_a_build_that_could_not_be_given_back_is_given_back_later(
    store: Store, builder: ScriptedBuilder, trouble: Exception
) -> None:
    build = await add_queued(store)
    open_one = await add_queued(store, "2")
    builder.releases.append(trouble)
    builder.statuses[open_one.id] = RUNNING
    async with polling(store, builder) as harness:
        assert (await harness.polled(build, SUCCESS)).state is BuildState.SUCCEEDED
        await harness.advance(601)
    assert builder.called("release") == ["handle-1", "handle-1"]


async def test_a_build_that_ended_just_before_the_stop_is_given_back_after_the_start(
    tmp_path: Path, builder: ScriptedBuilder
) -> None:
    async with open_store(tmp_path) as store:
        await move(store, await add_queued(store), BuildState.SUCCEEDED)
        cancelled = await store.add_build("never sent")
        await move(store, cancelled, BuildState.CANCELLED)
    async with open_store(tmp_path) as store, polling(store, builder):
        assert await store.builds.unreleased("here", 0.0) == []
    assert builder.called("release") == ["handle-1"]


async def test_a_builder_that_does_not_answer_a_release_holds_up_no_poll(
    store: Store, builder: ScriptedBuilder
) -> None:
    for key in "123":
        await move(store, await add_queued(store, key), BuildState.SUCCEEDED)
    builder.releases.extend([Transient("503")] * 3)
    build = await add_queued(store, "4")
    builder.statuses[build.id] = SUCCESS
    async with polling(store, builder):
        assert (await store.build(build.id)).state is BuildState.SUCCEEDED
    asked = builder.called("release")
    assert len(asked) == 2, "after the first failure it is left alone"
    assert asked[-1] == "handle-4"


async def test_a_build_that_the_builder_calls_unknown_is_not_given_back_before_its_end_is_known(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        assert (await harness.polled(build, Status(state=BuildState.UNKNOWN, raw="gone"))).state == "unknown"
        await harness.advance(HOUR)
        assert builder.called("release") == []
        await harness.polled(build, SUCCESS)
        await harness.advance(HOUR)
    assert builder.called("release") == ["handle-1"]


async def test_a_build_that_can_never_be_given_back_stands_before_the_others_not_for_good(
    store: Store,
) -> None:
    class Stubborn(ScriptedBuilder):
        async def release(self, handle: str) -> None:
            await super().release(handle)
            if handle == "handle-1":
                raise Transient("503")

    builder = Stubborn()
    for key in "123":
        await move(store, await add_queued(store, key), BuildState.SUCCEEDED)
    async with polling(store, builder) as harness:
        for _ in range(50):
            await harness.advance(SLOW_SECONDS)
    assert {"handle-2", "handle-3"} <= set(builder.called("release"))


async def test_a_build_of_which_nothing_was_ever_learned_is_given_back_after_a_week(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    await store.builds.transition(build.id, BuildState.UNKNOWN, NoticePolicy(store.clock))
    async with polling(store, builder) as harness:
        await harness.advance(FORGET_SECONDS - 1)
        assert builder.called("release") == []
        await harness.advance(SLOW_SECONDS + 1)
        await harness.advance(SLOW_SECONDS + 1)
    assert builder.called("release") == ["handle-1"]
    assert (await store.build(build.id)).state is BuildState.UNKNOWN
