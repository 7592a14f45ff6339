"""What a newer push does to older builds of its ref, and how many builds go on at once."""

from pathlib import Path

import pytest
from support.pushes import pushing, sha
from support.scripted import ScriptedBuilder, Store, open_store
from support.services import polling, triggering

from bridge.builders.base import Ambiguous, Retry, Status
from bridge.errors import Transient
from bridge.model.build import BuildState
from bridge.model.notice import EventName
from bridge.planning.notice_policy import NoticePolicy

CANCELLED = Status(state=BuildState.CANCELLED, raw="ABORTED")


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder("jenkins")


@pytest.mark.parametrize(
    ("on_newer", "states", "asked"),
    [
        ("queue", ["running", "waiting", "waiting"], False),
        ("skip_waiting", ["running", "superseded", "waiting"], False),
        ("cancel", ["running", "superseded", "waiting"], True),
    ],
)
async def test_a_newer_push_ends_what_the_rule_says(
    store: Store, tmp_path: Path, on_newer: str, states: list[str], asked: bool
) -> None:
    async with pushing(store, tmp_path, on_newer) as here:
        await here.push("-a")
        await here.start()
        await here.push("ab")
        await here.push("bc")
        builds = await here.builds()
        await here.push("-a", "refs/heads/other")
        beside = (await here.builds())[-1]
    assert [build.state for build in builds] == states
    assert (builds[0].cancel_reason is not None) == asked
    if states[1] == "superseded":
        assert builds[1].detail == f"superseded by #3: {sha('c')} was pushed"
        assert await store.events() == [EventName.START, EventName.STOP]
    assert beside.state is BuildState.WAITING, "another ref does not count"


async def test_tags_are_never_cancelled(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path, "cancel") as here:
        for move in ("-a", "ab"):
            await here.push(move, "refs/tags/v1")
        states = [build.state for build in await here.builds()]
    assert states == [BuildState.WAITING, BuildState.WAITING]


async def test_a_build_by_hand_or_an_older_one_ends_nothing(store: Store, tmp_path: Path) -> None:
    async with pushing(store, tmp_path, "cancel") as here:
        first = await here.push("ab")
        await here.push("bc")
        await here.again(first)
        states = [build.state for build in await here.builds()]
    assert states == [BuildState.SUPERSEDED, BuildState.WAITING, BuildState.WAITING]


async def test_a_running_build_is_cancelled_at_its_builder_even_after_a_restart(
    tmp_path: Path, builder: ScriptedBuilder
) -> None:
    async with open_store(tmp_path / "store") as store, pushing(store, tmp_path, "cancel") as here:
        await here.push("-a")
        await here.start()
        await here.push("ab")
        old, new = await here.builds()
        assert await store.due("jenkins") == [], "they would write the same tag"
    async with open_store(tmp_path / "store", store.clock) as store, polling(store, builder) as harness:
        assert set(builder.called("cancel")) == {old.id}
        ended = await harness.polled(old, CANCELLED)
        due = await store.due("jenkins")
        events = await store.events()
    assert (ended.state, ended.detail) == (BuildState.SUPERSEDED, f"superseded by #2: {sha('b')} was pushed")
    assert [build.id for build in due] == [new.id]
    assert events == [EventName.START, EventName.STOP]


async def test_a_build_that_was_done_before_it_could_be_cancelled_is_what_it_is(
    store: Store, tmp_path: Path, builder: ScriptedBuilder
) -> None:
    async with pushing(store, tmp_path, "cancel") as here, polling(store, builder) as harness:
        await here.push("-a")
        await here.start()
        await here.push("ab")
        (old, _) = await here.builds()
        ended = await harness.polled(old, Status(state=BuildState.SUCCEEDED, raw="SUCCESS"))
    assert ended.state is BuildState.SUCCEEDED


@pytest.mark.parametrize("on_newer", ["skip_waiting", "cancel"])
@pytest.mark.parametrize("found", [None, Transient("no route to host")])
async def test_a_build_superseded_before_it_reached_its_builder_is_never_triggered_again(
    store: Store, tmp_path: Path, builder: ScriptedBuilder, on_newer: str, found: Exception | None
) -> None:
    builder.triggers.append(Ambiguous("the answer was lost") if found else Retry("busy"))
    builder.finds.append(found)
    async with pushing(store, tmp_path, on_newer) as here:
        await here.push("-a")
        (old,) = await here.builds()
        notice_policy = NoticePolicy(store.clock)
        if found is not None:
            moved = await store.builds.transition(
                old.id, BuildState.TRIGGERING, notice_policy, attempts=1, triggered_at=store.clock()
            )
            assert moved
        else:
            async with triggering(store, builder):
                assert builder.called("trigger") == [old.id]
        await here.push("ab")
        (old, new) = await here.builds()
        async with triggering(store, builder) as harness:
            for _ in range(5):
                await harness.advance(600)
        states = [build.state for build in await here.builds()]
    assert states == [BuildState.SUPERSEDED, BuildState.QUEUED]
    assert builder.called("trigger")[-1] == new.id
    assert builder.called("trigger").count(old.id) == (found is None)


async def test_no_more_builds_of_a_repository_are_with_the_builder_than_its_rule_says(
    store: Store, tmp_path: Path, builder: ScriptedBuilder
) -> None:
    async with pushing(store, tmp_path, concurrency=2) as here, triggering(store, builder) as harness:
        for number in range(4):
            await here.push("-a", f"refs/heads/b{number}")
        other = await store.add_build("other", repo_name="other", builder="jenkins")
        await harness.settled()
        builds = [build for build in await here.builds() if build.id != other.id]
        assert builder.called("trigger") == [builds[0].id, builds[1].id, other.id]
        for state in (BuildState.RUNNING, BuildState.FAILED):
            await store.builds.transition(builds[1].id, state, NoticePolicy(store.clock))
        await harness.settled()
        assert builder.called("trigger")[3:] == [builds[2].id]


async def test_slots_of_the_builder_and_concurrency_of_the_rule_both_bound(
    store: Store, tmp_path: Path, builder: ScriptedBuilder
) -> None:
    builder.slots = 1
    async with pushing(store, tmp_path, concurrency=2) as here, triggering(store, builder) as harness:
        for number in range(3):
            await here.push("-a", f"refs/heads/b{number}")
        await harness.settled()
        assert len(builder.called("trigger")) == 1
        builder.slots = 5
        await harness.settled()
        assert len(builder.called("trigger")) == 2


async def test_many_builds_that_wait_for_their_turn_cost_little(store: Store) -> None:
    first = await store.add_build("0")
    for number in range(1, 200):
        await store.add_build(str(number), tags=("latest", f"v{number}"))
    assert [build.id for build in await store.due("here")] == [first.id]
    await store.builds.transition(first.id, BuildState.FAILED, NoticePolicy(store.clock))
    (second,) = await store.due("here")
    assert second.number == 2
