"""A builder that may or may not have a build is asked before anything is sent again."""

from typing import Any

import pytest
from support.scripted import Hang, ScriptedBuilder, Store
from support.services import triggering

from bridge.builders.base import Ambiguous, Search
from bridge.errors import Permanent, Transient
from bridge.model.build import BuildState
from bridge.model.notice import EventName
from bridge.planning.notice_policy import NoticePolicy
from bridge.services import triggerer

DAY = 24 * 3600.0


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def test_an_ambiguous_build_that_the_builder_has_is_not_sent_again(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.append(Ambiguous("the answer was lost"))
    builder.finds.append("found-handle")
    async with triggering(store, builder) as harness:
        await harness.advance(600)
        after = await store.build(build.id)
    assert (after.state, after.handle) == (BuildState.QUEUED, "found-handle")
    assert builder.called("trigger") == [build.id]
    assert await store.steps(build.id) == ["waiting", "triggering", "ambiguous", "queued"]


async def test_an_ambiguous_build_that_the_builder_does_not_have_is_sent_again(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.append(Ambiguous("the answer was lost"))
    async with triggering(store, builder):
        after = await store.build(build.id)
    assert after.state is BuildState.QUEUED
    assert [name for name, _ in builder.calls] == ["trigger", "find", "trigger"]


async def test_a_builder_that_loses_every_build_is_not_asked_in_a_tight_loop(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.extend([Ambiguous("HTTP 500")] * 100)
    async with triggering(store, builder) as harness:
        assert len(builder.called("trigger")) == 2
        await harness.advance(0.5)
        assert len(builder.called("trigger")) == 2
        assert await harness.down()
        await harness.advance(DAY + 1)
        after = await store.build(build.id)
    assert after.state is BuildState.FAILED
    assert after.detail == "given up after a day: the builder does not have it: HTTP 500"


async def test_an_ambiguous_build_that_no_one_can_ask_for_is_unknown_and_somebody_is_reported(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.append(Ambiguous("the answer was lost"))
    builder.finds.append(Search.UNSEARCHABLE)
    async with triggering(store, builder) as harness:
        await harness.advance(DAY)
        after = await store.build(build.id)
    assert after.state is BuildState.UNKNOWN
    assert "look there" in after.detail
    assert builder.called("trigger") == [build.id], "never a second time"
    assert await store.events() == [EventName.FAIL]


async def test_a_build_that_cannot_be_asked_for_now_is_asked_for_later(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.append(Ambiguous("the answer was lost"))
    builder.finds.extend([Transient("no route to host"), TimeoutError(), "found-handle"])
    async with triggering(store, builder) as harness:
        assert (await store.build(build.id)).state is BuildState.TRIGGERING
        for _ in range(3):
            await harness.advance(300)
        after = await store.build(build.id)
    assert (after.state, after.handle) == (BuildState.QUEUED, "found-handle")
    assert builder.called("trigger") == [build.id]
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]


async def test_a_build_that_no_one_could_be_asked_for_within_a_day_is_unknown(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.triggers.append(Ambiguous("the answer was lost"))
    builder.finds.extend([Transient("no route to host")] * 2)
    async with triggering(store, builder) as harness:
        await harness.advance(DAY + 1)
        after = await store.build(build.id)
    assert (after.state, after.detail) == (
        BuildState.UNKNOWN,
        "the builder could not be asked: no route to host",
    )
    assert builder.called("trigger") == [build.id]
    assert await store.events() == [EventName.DEGRADED, EventName.FAIL]


@pytest.mark.parametrize(
    ("found", "calls", "state"),
    [
        ("handle", ["find"], BuildState.QUEUED),
        (None, ["find", "trigger"], BuildState.QUEUED),
        (Search.UNSEARCHABLE, ["find"], BuildState.UNKNOWN),
    ],
)
async def test_what_a_dead_process_was_sending_is_looked_up_before_anything_is_sent(
    store: Store, builder: ScriptedBuilder, found: Any, calls: list[str], state: BuildState
) -> None:
    build = await store.add_build()
    other = await store.add_build("2", tags=("2",))
    await store.builds.transition(build.id, BuildState.TRIGGERING, NoticePolicy(store.clock), attempts=1)
    builder.finds.append(found)
    async with triggering(store, builder):
        assert (await store.build(build.id)).state is state
        assert (await store.build(other.id)).state is BuildState.QUEUED
    assert [name for name, build_id in builder.calls if build_id == build.id] == calls
    assert builder.calls[0] == ("find", build.id)


@pytest.mark.parametrize("error", [Permanent("403"), Transient("reset"), ValueError("bug"), KeyError("x")])
async def test_whatever_an_adapter_raises_counts_as_ambiguous_and_stops_nothing(
    store: Store, builder: ScriptedBuilder, error: Exception
) -> None:
    builds = [await store.add_build(key, tags=(key,)) for key in "12"]
    builder.triggers.append(error)
    builder.finds.append("found-handle")
    async with triggering(store, builder):
        states = [(await store.build(build.id)).state for build in builds]
    assert states == [BuildState.QUEUED, BuildState.QUEUED]
    assert len(builder.called("trigger")) == 2


async def test_an_adapter_whose_search_breaks_stops_nothing(store: Store, builder: ScriptedBuilder) -> None:
    build = await store.add_build()
    builder.triggers.append(Ambiguous("lost"))
    builder.finds.extend([RuntimeError("a bug"), "found-handle"])
    async with triggering(store, builder) as harness:
        assert (await store.build(build.id)).state is BuildState.TRIGGERING
        await harness.advance(600)
        assert (await store.build(build.id)).state is BuildState.QUEUED


async def test_a_builder_that_hangs_beyond_the_limit_is_ambiguous(
    store: Store, builder: ScriptedBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triggerer, "CALL_SECONDS", 0.05)
    build = await store.add_build()
    builder.triggers.append(Hang())
    builder.finds.extend([Hang(), "found-handle"])
    async with triggering(store, builder) as harness:
        assert (await store.build(build.id)).state is BuildState.TRIGGERING
        await harness.advance(600)
        after = await store.build(build.id)
    assert (after.state, after.handle) == (BuildState.QUEUED, "found-handle")
    assert builder.called("trigger") == [build.id]


async def test_a_build_that_may_still_arrive_is_looked_for_several_times_before_it_is_sent_again(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.settle_seconds = 60.0
    builder.triggers.append(Ambiguous("the answer was lost"))
    async with triggering(store, builder) as harness:
        for look in range(1, 6):
            after = await store.build(build.id)
            assert (after.state, len(builder.called("find"))) == (BuildState.TRIGGERING, look)
            assert after.detail.startswith("making sure that the builder does not have it, until ")
            await harness.advance(11)
            assert len(builder.called("find")) == look
            await harness.advance(1)
        after = await store.build(build.id)
    assert after.state is BuildState.QUEUED
    assert [name for name, _ in builder.calls] == ["trigger", *["find"] * 6, "trigger"]
    assert await store.steps(build.id) == [
        *("waiting", "triggering", "ambiguous", "triggering"),
        *("waiting", "triggering", "queued"),
    ]


async def test_a_build_that_arrives_late_is_found(store: Store, builder: ScriptedBuilder) -> None:
    build = await store.add_build()
    builder.settle_seconds = 60.0
    builder.triggers.append(Ambiguous("the answer was lost"))
    builder.finds.extend([None, None, Transient("no route to host"), None, "found-handle"])
    async with triggering(store, builder) as harness:
        for _ in range(100):
            await harness.advance(12)
        after = await store.build(build.id)
    assert (after.state, after.handle) == (BuildState.QUEUED, "found-handle")
    assert builder.called("trigger") == [build.id]


async def test_a_process_that_dies_while_it_makes_sure_leaves_all_the_looks_to_the_next(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await store.add_build()
    builder.settle_seconds = 60.0
    builder.triggers.append(Ambiguous("the answer was lost"))
    async with triggering(store, builder) as harness:
        for _ in range(4):
            await harness.advance(12)
    builder.finds.extend([None, None, None, "found-handle"])
    async with triggering(store, builder) as harness:
        for _ in range(6):
            await harness.advance(12)
    assert (await store.build(build.id)).state is BuildState.QUEUED
    assert builder.called("trigger") == [build.id]


async def test_a_clock_that_is_set_makes_the_looks_no_fewer(store: Store, builder: ScriptedBuilder) -> None:
    build = await store.add_build()
    builder.settle_seconds = 60.0
    builder.triggers.append(Ambiguous("the answer was lost"))
    async with triggering(store, builder) as harness:
        await harness.advance(3600)
        assert len(builder.called("find")) == 2
        assert (await store.build(build.id)).state is BuildState.TRIGGERING
