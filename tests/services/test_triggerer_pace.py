"""How often a builder is asked: left alone while it is down, forgiven once it answers, never overfilled."""

import pytest
from support.scripted import ScriptedBuilder, Store
from support.services import triggering

from bridge.builders.base import Ambiguous, Rejected, Retry
from bridge.errors import Transient
from bridge.model.build import BuildState
from bridge.planning.notice_policy import NoticePolicy


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def test_a_builder_that_answered_is_asked_as_soon_as_ever_after_its_next_failure(
    store: Store, builder: ScriptedBuilder
) -> None:
    await store.add_build("1", tags=("1",))
    builder.triggers.extend([Retry("no route to host")] * 7)
    async with triggering(store, builder) as harness:
        for _ in range(7):
            await harness.advance(600)
        assert len(builder.called("trigger")) == 8, "the eighth attempt reached it"
        await store.add_build("2", tags=("2",))
        builder.triggers.append(Retry("503"))
        await harness.advance(0)
        assert len(builder.called("trigger")) == 9
        await harness.advance(2.5)
        assert len(builder.called("trigger")) == 10, "the failures of before are forgotten"


async def test_a_builder_that_rejects_is_well(store: Store, builder: ScriptedBuilder) -> None:
    build = await store.add_build()
    builder.triggers.extend([Retry("no route to host"), Rejected("there is no such job")])
    async with triggering(store, builder) as harness:
        assert await harness.down()
        harness.calls.clear()
        await harness.advance(3)
        assert not await harness.down()
        assert harness.calls == ["wake_notifiers"] * 3, "for the attempt, the builder and the rejection"
    assert (await store.build(build.id)).state is BuildState.FAILED


async def test_a_builder_that_cannot_be_asked_is_asked_for_one_doubtful_build_in_each_pause(
    store: Store, builder: ScriptedBuilder
) -> None:
    for key in "123":
        build = await store.add_build(key, tags=(key,))
        await store.builds.transition(build.id, BuildState.TRIGGERING, NoticePolicy(store.clock), attempts=1)
    builder.finds.extend([Transient("no route to host")] * 3)
    async with triggering(store, builder) as harness:
        assert len(builder.called("find")) == 1
        await harness.advance(2.5)
        assert len(builder.called("find")) == 2


async def test_a_doubtful_build_is_asked_for_less_and_less_often_though_the_builder_is_well(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    await store.builds.transition(build.id, BuildState.TRIGGERING, NoticePolicy(store.clock), attempts=6)
    builder.finds.append(Transient("one moment"))
    async with triggering(store, builder) as harness:
        await harness.advance(50)
        assert builder.called("find") == [build.id]
        await harness.advance(110)
        assert builder.called("find") == [build.id] * 2


@pytest.mark.parametrize("state", [BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING])
async def test_a_build_that_the_builder_may_have_takes_a_slot_whatever_its_state(
    store: Store, builder: ScriptedBuilder, state: BuildState
) -> None:
    builder.slots = 1
    build = await store.add_build("1", tags=("1",))
    notice_policy = NoticePolicy(store.clock)
    await store.builds.transition(build.id, BuildState.TRIGGERING, notice_policy, attempts=1)
    if state is BuildState.TRIGGERING:
        await store.builds.update(build.id, next_at=store.clock() + 600)
    else:
        await store.builds.transition(build.id, state, notice_policy, handle="h")
    await store.add_build("2", tags=("2",))
    async with triggering(store, builder) as harness:
        await harness.advance(1)
        assert builder.called("trigger") == []


async def test_a_build_that_the_builder_has_lost_twice_waits_for_its_turn(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.extend([Ambiguous("HTTP 500")] * 2)
    async with triggering(store, builder) as harness:
        assert (await store.build(build.id)).state is BuildState.WAITING
        await harness.advance(5)
        after = await store.build(build.id)
    assert (after.state, after.attempts) == (BuildState.QUEUED, 3)
