"""A builder that is down is reported once, asked seldom, and used again as soon as it is up."""

import pytest
from support.harness import PollerHarness, TriggererHarness
from support.scripted import ScriptedBuilder, Store
from support.services import add_queued, polling, triggering
from support.trail import change_by

from bridge.builders.base import Retry, Status
from bridge.errors import Denied, Permanent, Transient
from bridge.model.build import BuildState
from bridge.model.notice import EventName
from bridge.services import health
from bridge.services.health import BuilderHealth, Caller, Circuit

DAY = 24 * 3600.0
RUNNING = Status(state=BuildState.RUNNING, raw="building")
DENIED = Retry("the token is wrong (401)", denied=True)


@pytest.fixture
def builder() -> ScriptedBuilder:
    return ScriptedBuilder()


async def minutes(harness: PollerHarness | TriggererHarness, count: float) -> None:
    """Time passes, in steps in which the service goes on."""
    for _ in range(int(count * 4)):
        await harness.advance(15)


async def test_builds_wait_for_a_credential_that_is_not_accepted_and_few_calls_are_made(
    store: Store, builder: ScriptedBuilder
) -> None:
    builds = [await store.add_build(key, tags=(key,)) for key in "123"]
    builder.triggers.extend([DENIED] * 100)
    async with triggering(store, builder) as harness:
        await minutes(harness, 60)
        assert 4 <= len(builder.called("trigger")) <= 6
        await harness.advance(3 * DAY)
        states = [await store.build(build.id) for build in builds]
        assert {build.state for build in states} == {BuildState.WAITING}
        assert states[0].detail == DENIED.why
        assert await store.events() == [EventName.DEGRADED]
        builder.triggers.clear()
        before = len(builder.calls)
        await minutes(harness, 40)
    assert sorted(builder.called("trigger")[before:]) == sorted(build.id for build in builds)
    assert {(await store.build(build.id)).state for build in builds} == {BuildState.QUEUED}
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]


async def test_after_a_restart_the_builds_that_wait_are_triggered_at_once(
    store: Store, builder: ScriptedBuilder
) -> None:
    builds = [await store.add_build(key, tags=(key,)) for key in "12"]
    builder.triggers.append(DENIED)
    async with triggering(store, builder) as harness:
        await minutes(harness, 0.5)
    assert len(builder.called("trigger")) == 1
    async with triggering(store, builder):
        assert {(await store.build(build.id)).state for build in builds} == {BuildState.QUEUED}
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]


async def test_a_search_that_is_denied_waits_for_the_operator(store: Store, builder: ScriptedBuilder) -> None:
    build = await store.add_build()
    builder.triggers.append(Transient("lost"))
    builder.finds.extend([Denied("the token is wrong (401)")] * 5)
    async with triggering(store, builder) as harness:
        await harness.advance(2 * DAY)
        assert (await store.build(build.id)).state is BuildState.TRIGGERING
        builder.finds.clear()
        builder.finds.append("found-handle")
        await minutes(harness, 40)
    assert (await store.build(build.id)).state is BuildState.QUEUED
    assert builder.called("trigger") == [build.id]


async def test_polls_that_are_denied_are_few_and_harm_no_build(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    builder.polls.extend([Denied("the token is wrong (401)")] * 5)
    async with polling(store, builder) as harness:
        await minutes(harness, 40)
        assert len(builder.called("poll")) == 4
        assert await store.events() == [EventName.DEGRADED]
        builder.polls.clear()
        builder.statuses[build.id] = RUNNING
        await minutes(harness, 40)
    assert (await store.build(build.id)).state is BuildState.RUNNING
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED, EventName.START]


async def test_a_few_polls_without_an_answer_degrade_a_builder_and_the_next_answer_restores_it(
    store: Store, builder: ScriptedBuilder
) -> None:
    await add_queued(store)
    async with polling(store, builder) as harness:
        for _ in range(2):
            builder.polls.extend([Transient("no route to host"), TimeoutError()])
            for _ in range(4):
                await harness.settled()
            assert await store.events() == [], "an answer in between"
        builder.polls.extend([Transient("no route to host")] * 3)
        for _ in range(10):
            await harness.settled()
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]


async def test_a_builder_that_asks_for_a_pause_is_not_polled_meanwhile(
    store: Store, builder: ScriptedBuilder
) -> None:
    await add_queued(store)
    builder.polls.append(Transient("too many requests", 120.0))
    async with polling(store, builder) as harness:
        assert len(builder.called("poll")) == 1
        await harness.advance(119)
        assert len(builder.called("poll")) == 1
        await harness.advance(1)
        assert len(builder.called("poll")) > 1


class OnThisMachine(ScriptedBuilder):
    on_this_machine = True


@pytest.mark.parametrize(("kind", "renewed"), [(ScriptedBuilder, []), (OnThisMachine, ["handle-1"])])
async def test_what_goes_on_on_this_machine_hears_that_it_is_followed_also_in_a_pause(
    store: Store, kind: type[ScriptedBuilder], renewed: list[str]
) -> None:
    await add_queued(store)
    builder = kind()
    builder.polls.append(Transient("too many requests", 120.0))
    async with polling(store, builder) as harness:
        builder.calls.clear()
        await harness.advance(60)
        assert sorted(set(builder.called("renew"))) == renewed
        assert builder.called("poll") == []


async def test_a_builder_whose_builds_can_be_seen_is_still_down_while_it_takes_no_triggers(
    store: Store, builder: ScriptedBuilder
) -> None:
    health = BuilderHealth(builder.name, store.health, Circuit(store.clock), lambda: None)
    await health.failed("trigger", "may not build (403)", denied=True)
    await health.worked("poll")
    assert await store.events() == [EventName.DEGRADED]
    await health.worked("trigger")
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]


async def test_after_a_restart_a_poll_that_works_ends_an_outage_that_polls_had_found(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    builder.polls.extend([Transient("no route to host")] * 100)
    async with polling(store, builder) as harness:
        await minutes(harness, 1)
        assert await store.events() == [EventName.DEGRADED]
    builder.polls.clear()
    builder.statuses[build.id] = RUNNING
    async with polling(store, builder) as harness:
        await harness.settled()
    assert builder.called("test") == []
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED, EventName.START]


@pytest.mark.parametrize("found_by", [("trigger",), ("poll", "trigger")])
async def test_after_a_restart_a_poll_that_works_says_nothing_of_triggers_that_had_failed(
    store: Store, builder: ScriptedBuilder, found_by: tuple[Caller, ...]
) -> None:
    before = BuilderHealth(builder.name, store.health, Circuit(store.clock), lambda: None)
    for caller in found_by:
        await before.failed(caller, "may not build (403)", denied=True)
    after = BuilderHealth(builder.name, store.health, Circuit(store.clock), lambda: None)
    await after.worked("poll")
    assert await store.events() == [EventName.DEGRADED]
    await after.worked("trigger")
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]


async def test_a_recovery_is_noticed_without_any_push(store: Store, builder: ScriptedBuilder) -> None:
    build = await store.add_build()
    builder.triggers.append(Retry("no route to host"))
    async with triggering(store, builder) as triggers:
        assert await triggers.down()
    await store.builds.request_cancel(build.id, "cancelled by ann", change_by())
    async with triggering(store, builder):
        assert (await store.build(build.id)).state is BuildState.CANCELLED
    async with polling(store, builder) as harness:
        await minutes(harness, 2)
    assert (await store.events())[-1] is EventName.RESTORED


@pytest.mark.parametrize("error", [Transient("no route to host"), Permanent("it is no Jenkins")])
async def test_while_the_outage_lasts_a_builder_is_probed_now_and_then(
    store: Store, builder: ScriptedBuilder, error: Exception
) -> None:
    builder.tests.extend([error] * 3)
    await BuilderHealth(builder.name, store.health, Circuit(store.clock), lambda: None).failed("poll", "away")
    async with polling(store, builder) as harness:
        await minutes(harness, 2.5)
        assert len(builder.called("test")) == 3
        assert await store.events() == [EventName.DEGRADED]
        await minutes(harness, 1)
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]


async def test_what_one_job_of_a_server_is_denied_holds_back_all_of_them_once(
    store: Store,
) -> None:
    circuit = Circuit(store.clock)
    jobs = [BuilderHealth(name, store.health, circuit, lambda: None) for name in ("ci", "docs")]
    for expected in health.DENIED.waits[:3]:
        for job in jobs:
            await job.failed("trigger", "not accepted (401)", denied=True)
        assert circuit.pause == pytest.approx(expected, rel=health.DENIED.jitter)
        store.clock.advance(circuit.pause)
    for job in jobs:
        await job.worked("trigger")
    await jobs[0].failed("trigger", "not accepted (401)", denied=True)
    assert circuit.pause == pytest.approx(health.DENIED.waits[0], rel=health.DENIED.jitter)


async def test_a_job_that_is_denied_what_others_are_not_holds_back_itself_alone(store: Store) -> None:
    circuit = Circuit(store.clock)
    wrong, good = (BuilderHealth(name, store.health, circuit, lambda: None) for name in ("ci", "docs"))
    await wrong.failed("trigger", "there is no such job (404)", denied=True)
    assert wrong.pause == good.pause > 0, "it may be the credential"
    store.clock.advance(good.pause)
    await good.worked("poll")
    await wrong.failed("trigger", "there is no such job (404)", denied=True)
    assert wrong.pause == good.pause > 0, "who may look may not start builds"
    store.clock.advance(good.pause)
    await good.worked("trigger")
    for expected in health.DENIED.waits[:3]:
        await wrong.failed("trigger", "there is no such job (404)", denied=True)
        assert good.pause == 0
        assert wrong.pause == pytest.approx(expected, rel=health.DENIED.jitter)
        store.clock.advance(wrong.pause)
    await wrong.worked("trigger")
    await wrong.failed("trigger", "not accepted (401)", denied=True)
    assert good.pause > 0


async def test_a_pause_that_a_trigger_is_asked_for_holds_back_all_that_calls_the_server(
    store: Store, builder: ScriptedBuilder
) -> None:
    await store.add_build()
    builder.triggers.append(Retry("too many requests (429)", after=120))
    async with triggering(store, builder) as harness:
        harness.circuit.rest(5.0)
        assert harness.circuit.pause == 120, "a shorter one ends it no sooner"
        await harness.advance(119)
        assert len(builder.called("trigger")) == 1
        await harness.advance(1)
        assert len(builder.called("trigger")) == 2


async def test_a_pause_that_the_log_of_one_build_is_asked_for_holds_back_polls(
    store: Store, builder: ScriptedBuilder
) -> None:
    build = await add_queued(store)
    builder.statuses[build.id] = RUNNING
    builder.logs.append(Transient("too many requests (429)", after=120))
    async with polling(store, builder) as harness:
        assert harness.circuit.pause == 120
        polls = len(builder.called("poll"))
        await harness.advance(119)
        assert len(builder.called("poll")) == polls
        await harness.advance(1)
        assert len(builder.called("poll")) > polls
