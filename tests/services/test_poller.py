"""From a build that the builder has to its end: followed, written down with its notices, given back."""

import anyio
import pytest
from support.harness import PollerHarness
from support.listed import newest_notices
from support.scripted import Hang, ScriptedBuilder, Store, eventually, failing
from support.services import add_queued, move, polling

from bridge.builders.base import LogChunk, Status
from bridge.errors import Transient
from bridge.model.build import Build, BuildState
from bridge.model.notice import BuildFacts, EventName, Notice, Streak
from bridge.services import builder_calls, poller
from bridge.store.values import NoticeFilter

HOUR = 3600.0
RUNNING = Status(state=BuildState.RUNNING, raw="building", started_at=1_700_000_010.0)
SUCCESS = Status(state=BuildState.SUCCEEDED, raw="SUCCESS", ended_at=1_700_000_070.0, digest="sha256:1")
FAILURE = Status(state=BuildState.FAILED, raw="FAILURE", detail="exit status 1")


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def log_of(store: Store, build: Build) -> str:
    return "".join(piece.text for piece in await store.builds.log(build.id))


async def facts_of(store: Store) -> BuildFacts:
    (row, *_) = await newest_notices(store, 1, NoticeFilter(channel="message"))
    assert isinstance(row.notice.facts, BuildFacts)
    return row.notice.facts


async def test_a_build_is_followed_from_the_queue_to_its_end(store: Store, builder: ScriptedBuilder) -> None:
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        running = await harness.polled(build, RUNNING)
        ended = await harness.polled(build, SUCCESS)
    assert (running.state, running.raw, running.started_at) == (BuildState.RUNNING, "building", 1_700_000_010)
    assert (ended.state, ended.raw, ended.digest) == (BuildState.SUCCEEDED, "SUCCESS", "sha256:1")
    assert (ended.started_at, ended.ended_at) == (1_700_000_010, 1_700_000_070)
    assert await store.steps(build.id) == ["waiting", "triggering", "queued", "running", "succeeded"]
    assert await store.events() == [EventName.START, EventName.SUCCESS]
    assert (await facts_of(store)).duration == 60
    assert {"on_ended", "wake_notifiers"} <= set(harness.calls), (
        "a slot is free, and there is something to tell"
    )


@pytest.mark.parametrize("first", [BuildState.QUEUED, BuildState.RUNNING])
@pytest.mark.parametrize(
    ("end", "event"),
    [
        (BuildState.SUCCEEDED, EventName.SUCCESS),
        (BuildState.FAILED, EventName.FAIL),
        (BuildState.CANCELLED, EventName.STOP),
        (BuildState.UNKNOWN, EventName.FAIL),
    ],
)
async def test_every_end_may_come_from_the_queue_or_from_running(
    store: Store, builder: ScriptedBuilder, first: BuildState, end: BuildState, event: EventName
) -> None:
    build = await add_queued(store)
    if first is BuildState.RUNNING:
        await move(store, build, BuildState.RUNNING)
    async with polling(store, builder) as harness:
        after = await harness.polled(build, Status(state=end, raw="word"))
    assert (after.state, after.ended_at) == (end, store.clock())
    assert (await store.events())[-1] == event


@pytest.mark.parametrize("word", [BuildState.WAITING, BuildState.TRIGGERING, BuildState.QUEUED])
async def test_a_builder_cannot_send_a_running_build_back(
    store: Store, builder: ScriptedBuilder, word: BuildState
) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    async with polling(store, builder) as harness:
        after = await harness.polled(build, Status(state=word, raw="odd"))
    assert (after.state, after.ended_at) == (BuildState.RUNNING, None)


async def test_a_build_that_the_answer_leaves_out_stays_open(store: Store, builder: ScriptedBuilder) -> None:
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        await harness.polled(build, RUNNING)
        builder.statuses.clear()
        await harness.advance(HOUR)
        assert (await store.build(build.id)).state is BuildState.RUNNING
        assert (await harness.polled(build, SUCCESS)).state is BuildState.SUCCEEDED


async def test_many_builds_are_asked_for_in_one_call(store: Store, builder: ScriptedBuilder) -> None:
    for key in "123":
        await add_queued(store, key)
    async with polling(store, builder):
        assert builder.called("poll")[0] == "handle-1 handle-2 handle-3"


async def test_an_end_and_its_notices_are_written_together_or_not_at_all(store: Store) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)

    def notices_for(_build: Build, _before: Streak) -> list[Notice]:
        raise RuntimeError("the notices cannot be made")

    with pytest.raises(RuntimeError, match="cannot be made"):
        await store.builds.transition(build.id, BuildState.SUCCEEDED, notices_for)
    assert (await store.build(build.id)).state is BuildState.RUNNING
    assert await store.events() == [EventName.START]
    assert (await store.steps(build.id))[-1] == "running"


async def test_what_the_builder_learns_of_a_build_is_kept(store: Store, builder: ScriptedBuilder) -> None:
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        learned = Status(
            state=BuildState.QUEUED, raw="left", handle="build-9", url="https://ci.example.com/9"
        )
        after = await harness.polled(build, learned)
        assert (after.handle, after.url) == ("build-9", "https://ci.example.com/9")
        await harness.advance(1)
        assert builder.called("poll")[-1] == "build-9"
        ended = await harness.polled(build, SUCCESS)
    assert (ended.handle, ended.url) == ("build-9", "https://ci.example.com/9")
    assert builder.called("release") == ["build-9"]


async def test_the_log_is_kept_piece_by_piece_and_read_to_its_end(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    builder.logs.append(LogChunk(text="one\n", next=4, more=True))
    async with polling(store, builder) as harness:
        await harness.polled(build, RUNNING)
        await eventually(lambda: builder.called("log"))
        builder.logs.extend(
            [LogChunk(text="two\n", next=8, more=True), LogChunk(text="three\n", next=14, more=False)]
        )
        ended = await harness.polled(build, FAILURE)
    assert await log_of(store, build) == "one\ntwo\nthree\n"
    assert ended.log_offset == 14
    assert builder.called("log")[0] == "handle-1@0"
    assert builder.called("log")[-1] == "handle-1@8"
    assert (await facts_of(store)).log_tail == "one\ntwo\nthree\n"


async def test_a_log_that_begins_again_is_marked(store: Store, builder: ScriptedBuilder) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    builder.logs.append(LogChunk(text="one\n", next=4, more=False))
    builder.statuses[build.id] = RUNNING
    async with polling(store, builder) as harness:
        await eventually(lambda: not builder.logs)
        builder.logs.append(LogChunk(text="anew\n", next=5, more=False, restarted=True))
        await harness.polled(build, SUCCESS)
    assert await log_of(store, build) == "one\n\n--- the log starts again ---\nanew\n"


async def test_half_a_character_in_a_log_is_replaced(store: Store) -> None:
    build = await add_queued(store)
    await store.builds.append_log(build.id, "a\udc80b\x00c", 4, restarted=False)
    assert await log_of(store, build) == "a?bc"


@pytest.mark.parametrize("trouble", [Transient("503"), RuntimeError("a bug"), TimeoutError()])
async def test_a_log_that_cannot_be_read_never_holds_the_end_up(
    store: Store, builder: ScriptedBuilder, trouble: Exception
) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    builder.logs.extend([trouble] * 100)
    async with polling(store, builder) as harness:
        after = await harness.polled(build, FAILURE)
    assert after.state is BuildState.FAILED
    assert await store.events() == [EventName.START, EventName.FAIL]


async def test_a_log_is_read_in_each_round_and_for_a_minute_not_after_a_failure(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await move(store, await add_queued(store), BuildState.RUNNING)
    async with polling(store, builder) as harness:
        for number in range(3):
            builder.logs.append(LogChunk(text="line\n", next=5 * number + 5, more=False))
            await harness.polled(build, RUNNING)
            assert len(await store.builds.log(build.id)) == number + 1
        builder.logs.append(Transient("503"))
        await harness.polled(build, RUNNING)
        assert not builder.logs
        builder.logs.append(LogChunk(text="the rest\n", next=24, more=False))
        await harness.advance(59)
        assert builder.logs
        await harness.advance(1)
        assert not builder.logs


async def test_a_log_that_hangs_delays_the_end_of_no_build_for_long(
    store: Store, builder: ScriptedBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause after a failure goes by the clock, so that here it never ends."""
    monkeypatch.setattr(builder_calls, "LOG_SECONDS", 0.05)
    builds = [await move(store, await add_queued(store, key), BuildState.RUNNING) for key in "1234567"]
    builder.logs.extend([Hang()] * 7)
    builder.statuses.update({build.id: RUNNING for build in builds})
    async with polling(store, builder) as harness:
        hanging = len(builder.called("log"))
        await harness.advance(1)
        assert len(builder.called("log")) == hanging, "a log that hung is left alone for a minute"
        assert (await harness.polled(builds[-1], SUCCESS)).state is BuildState.SUCCEEDED


@pytest.mark.parametrize("trouble", [Transient("503"), RuntimeError("a bug"), TimeoutError()])
async def test_a_poll_that_fails_changes_nothing_and_is_repeated(
    store: Store, builder: ScriptedBuilder, trouble: Exception
) -> None:
    build = await add_queued(store)
    builder.polls.extend([trouble, trouble])
    builder.statuses[build.id] = RUNNING
    async with polling(store, builder) as harness:
        await eventually(lambda: not builder.polls)
        await harness.advance(5)
        assert (await store.build(build.id)).state is BuildState.RUNNING


async def test_a_poll_that_hangs_is_given_up(
    store: Store, builder: ScriptedBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "CALL_SECONDS", 0.05)
    build = await add_queued(store)
    builder.polls.append(Hang())
    builder.statuses[build.id] = RUNNING
    async with polling(store, builder) as harness:
        await harness.advance(5)
        assert (await store.build(build.id)).state is BuildState.RUNNING


async def test_an_unknown_build_is_resolved_when_the_builder_knows_it_again(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await move(store, await add_queued(store), BuildState.UNKNOWN)
    async with polling(store, builder) as harness:
        assert (await harness.polled(build, SUCCESS)).state is BuildState.UNKNOWN, "asked only now and then"
        await harness.advance(601)
        after = await store.build(build.id)
    assert after.state is BuildState.SUCCEEDED
    assert await store.events() == [EventName.FAIL, EventName.FIXED], "people were notified that it failed"


async def test_an_unknown_build_that_still_runs_is_open_again(store: Store, builder: ScriptedBuilder) -> None:
    build = await move(store, await add_queued(store), BuildState.UNKNOWN, ended_at=store.clock())
    builder.statuses[build.id] = RUNNING
    async with polling(store, builder) as harness:
        after = await store.build(build.id)
        assert (after.state, after.ended_at) == (BuildState.RUNNING, None)
        assert (await harness.polled(build, FAILURE)).state is BuildState.FAILED


async def test_a_build_without_an_end_is_unknown_after_six_hours_and_stays_so(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        await harness.polled(build, RUNNING)
        await harness.advance(5.9 * HOUR)
        assert (await store.build(build.id)).state is BuildState.RUNNING
        await harness.advance(0.2 * HOUR)
        assert (await store.build(build.id)).state is BuildState.UNKNOWN
        for _ in range(5):
            await harness.advance(700)
        after = await store.build(build.id)
        assert after.detail == "no end within 6 h (last seen: building)"
        assert (await store.steps(build.id)).count("unknown") == 1, "it does not flap"
        await harness.polled(build, SUCCESS)
        await harness.advance(700)
        assert (await store.build(build.id)).state is BuildState.SUCCEEDED
    assert await store.events() == [EventName.START, EventName.FAIL, EventName.FIXED]


async def test_a_build_that_stays_in_the_queue_is_unknown_after_a_day(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        await harness.advance(23.9 * HOUR)
        assert (await store.build(build.id)).state is BuildState.QUEUED
        await harness.advance(0.2 * HOUR)
        assert (await store.build(build.id)).state is BuildState.UNKNOWN


async def test_a_store_that_fails_is_tried_again(store: Store, builder: ScriptedBuilder) -> None:
    build = await add_queued(store)
    builder.statuses[build.id] = SUCCESS
    harness = PollerHarness(store, builder)
    async with anyio.create_task_group() as tasks:
        async with failing(store):
            tasks.start_soon(harness.poller.run)
            await eventually(lambda: harness.rounds(harness.poller).count)
            assert (await store.build(build.id)).state is BuildState.QUEUED
        await harness.settled()
        assert (await store.build(build.id)).state is BuildState.SUCCEEDED
        tasks.cancel_scope.cancel()
    assert await store.events() == [EventName.SUCCESS]


async def test_what_a_builder_says_is_bounded_and_storable(store: Store, builder: ScriptedBuilder) -> None:
    build = await add_queued(store)
    async with polling(store, builder) as harness:
        after = await harness.polled(
            build,
            Status(
                state=BuildState.FAILED,
                raw="r\ud800",
                detail="d" * 100_000,
                stage="Unit\n tests\ud800" + "x" * 999,
            ),
        )
    assert (after.raw, len(after.detail)) == ("r?", 4096)
    assert (after.stage[:12], len(after.stage)) == ("Unit tests?x", 200)
    assert (await facts_of(store)).stage == after.stage
