"""Notices: sent at least once, in order for each job, whatever the channel answers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from support.harness import NotifierHarness
from support.listed import newest_notices
from support.notifying import notifying, put, row, states
from support.scripted import (
    START,
    Clock,
    Hang,
    ScriptedChannel,
    Store,
    eventually,
    failing,
    open_store,
)

from bridge.channels.adapters.message.channel import MessageSettings
from bridge.channels.base import Dead, Ok, Outcome, RateLimited, Retry, Suppressed, Unknown
from bridge.config.channels import ChannelSettings, QuietHoursSettings, common
from bridge.model.notice import EventName, NoticeState
from bridge.runtime.rate import Rate
from bridge.store.values import NoticeFilter
from bridge.store.waits import Wait

HOUR = 3600.0


@pytest.fixture
def channel() -> ScriptedChannel:
    return ScriptedChannel()


async def service_events(store: Store) -> list[EventName]:
    rows = await newest_notices(store, 100, NoticeFilter(channel="message"))
    return [one.notice.event for one in reversed(rows)]


async def test_a_notice_that_was_taken_is_sent(store: Store, channel: ScriptedChannel) -> None:
    await put(store, "a")
    channel.answers.append(Ok("errcode 0"))
    async with notifying(store, channel):
        found = await store.notices.get("a")
    assert found is not None
    assert (found[0].state, found[0].attempts, found[0].detail) == (NoticeState.SENT, 1, "errcode 0")
    assert found[0].ended_at == START
    assert [step.what for step in found[1]] == ["pending", "sent"]


async def test_notices_of_one_job_are_sent_in_their_order(store: Store, channel: ScriptedChannel) -> None:
    await put(store, "a", "b", "c")
    async with notifying(store, channel) as harness:
        assert harness.attempted == ["a", "b", "c"]


@pytest.mark.parametrize("trouble", [Retry("503"), Unknown("the answer was lost"), ValueError("a bug")])
async def test_a_later_notice_never_overtakes_and_other_jobs_go_on(
    store: Store, channel: ScriptedChannel, trouble: Outcome | Exception
) -> None:
    await put(store, "a", "b")
    await put(store, "other", job="other")
    channel.answers.append(trouble)
    async with notifying(store, channel) as harness:
        assert harness.attempted == ["a", "other"]
        assert await states(store, "a", "b", "other") == "pending pending sent"
        await harness.advance(3)
        assert harness.attempted == ["a", "other", "a", "b"]
        assert [notice.attempt for notice in channel.attempts] == [1, 1, 2, 1]


async def test_a_notice_that_can_never_be_shown_lets_the_next_one_pass(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a", "b")
    channel.answers.append(Dead("content", "a word is forbidden"))
    async with notifying(store, channel) as harness:
        assert await states(store, "a", "b") == "dead sent"
        assert await harness.health() == (False, 0)
    dead = await row(store, "a")
    assert (dead.reason, dead.detail) == ("content", "a word is forbidden")


async def test_pauses_between_attempts_grow_to_an_hour(store: Store, channel: ScriptedChannel) -> None:
    await put(store, "a")
    channel.answers.extend([Retry("503")] * 30)
    async with notifying(store, channel) as harness:
        waits = []
        for _ in range(10):
            waits.append((await row(store, "a")).next_at - store.clock())
            await harness.advance(waits[-1] + 61)
    expected = [2, 10, 30, 120, 300, 900, 1800, 3600, 3600, 3600]
    assert waits == [pytest.approx(wait, rel=0.21) for wait in expected]


async def test_a_channel_that_names_the_pause_gets_just_that(store: Store, channel: ScriptedChannel) -> None:
    await put(store, "a")
    channel.answers.append(Retry("busy", 100.0))
    async with notifying(store, channel) as harness:
        await harness.advance(99)
        assert len(harness.attempted) == 1
        await harness.advance(2)
        assert await states(store, "a") == "sent"


async def test_a_notice_is_given_up_after_a_day(store: Store, channel: ScriptedChannel) -> None:
    await put(store, "a", "b")
    channel.answers.append(Unknown("lost"))
    async with notifying(store, channel) as harness:
        store.clock.advance(24 * HOUR + 1)
        await put(store, "fresh")
        await harness.settled()
        assert await states(store, "a", "b", "fresh") == "dead dead sent"
        assert harness.attempted == ["a", "fresh"]
    tried, untried = await row(store, "a"), await row(store, "b")
    assert (tried.reason, tried.detail, tried.attempts) == ("expired", "perhaps sent: lost", 1)
    assert (untried.reason, untried.detail) == ("expired", "it could not be sent in time")


async def test_a_channel_says_how_long_its_notices_are_worth_telling(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a")
    channel.answers.extend([Retry("503", 1500.0), RateLimited("too fast", 600.0)])
    async with notifying(store, channel, ChannelSettings(ttl=timedelta(minutes=30))) as harness:
        await harness.advance(1500)
        assert await states(store, "a") == "pending"
        await harness.advance(600)
        assert await states(store, "a") == "dead"
    assert len(channel.attempts) == 2


async def test_what_has_nothing_to_show_ends_with_the_reason_and_holds_nothing_up(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a", "b")
    channel.answers.append(Suppressed("no commit is known"))
    async with notifying(store, channel):
        assert await states(store, "a", "b") == "suppressed sent"
    ended = await row(store, "a")
    assert (ended.reason, ended.detail, ended.attempts) == ("", "no commit is known", 1)


async def test_in_quiet_hours_failures_are_sent_and_the_rest_follows_in_one_message(
    store: Store, channel: ScriptedChannel
) -> None:
    channel.digest_size = 10  # type: ignore[misc]  # what this one holds
    now = datetime.fromtimestamp(store.clock(), UTC)
    begin, end = (f"{now + timedelta(minutes=minutes):%H:%M}" for minutes in (-60, 60))
    hours = QuietHoursSettings.model_validate({"from": begin, "to": end, "timezone": "UTC"})
    for name, event in (("a", EventName.SUCCESS), ("b", EventName.FAIL), ("c", EventName.STOP)):
        await put(store, name, job=name, event=event)
    async with notifying(store, channel, ChannelSettings(quiet_hours=hours)) as harness:
        assert harness.attempted == ["b"]
        held = [await row(store, "a"), await row(store, "c")]
        waits = await store.waits.of_notices(held)
        assert {(wait.kind, wait.until) for wait in waits.values()} == {("quiet", store.clock() + 3580)}
        await harness.advance(3500)
        assert await states(store, "a", "b", "c") == "pending sent pending"
        await harness.advance(100)
        assert await states(store, "a", "b", "c") == "merged sent merged"
    assert len(channel.attempts) == 2


async def test_messages_in_the_app_are_told_at_any_age(store: Store) -> None:
    await put(store, "a", channel="message")
    store.clock.advance(90 * 24 * HOUR)
    channel = ScriptedChannel("message")
    async with notifying(store, channel, common(MessageSettings())):
        assert await states(store, "a") == "sent"


async def test_a_channel_that_hangs_is_given_up_and_the_notice_sent_again(
    store: Store, channel: ScriptedChannel
) -> None:
    channel.patience = 0.05
    await put(store, "a")
    channel.answers.append(Hang())
    async with notifying(store, channel) as harness:
        assert (await row(store, "a")).detail.startswith("perhaps sent: no answer")
        await harness.advance(3)
        assert await states(store, "a") == "sent"


async def test_a_channel_that_hangs_delays_no_other(store: Store, channel: ScriptedChannel) -> None:
    channel.answers.append(Hang())
    mail = ScriptedChannel("mail")
    await put(store, "chat")
    await put(store, "letter", channel="mail")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(NotifierHarness(store, channel).notifier.run)
        await eventually(lambda: channel.attempts)
        async with notifying(store, mail):
            assert await states(store, "chat", "letter") == "sending sent"
        tasks.cancel_scope.cancel()


async def test_no_more_is_sent_than_the_rate_allows_also_over_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    names = [f"n{number:02}" for number in range(40)]
    async with open_store(tmp_path, clock) as store:
        await put(store, *names)
        async with notifying(store, ScriptedChannel(rate=Rate(18, 60))) as harness:
            assert len(harness.attempted) == 18
            head = await row(store, names[18])
            wait = Wait(kind="rate", name="team", until=clock() + 60)
            assert await store.waits.of_notices([head]) == {names[18]: wait}
            await harness.advance(30)
            assert len(harness.attempted) == 18
    channel = ScriptedChannel(rate=Rate(18, 60))
    async with open_store(tmp_path, clock) as store, notifying(store, channel) as harness:
        await harness.advance(29)
        assert harness.attempted == []
        await harness.advance(1)
        assert harness.attempted == names[18:36]
        await harness.advance(60)
        assert harness.attempted == names[18:]


async def test_a_pause_that_the_vendor_asks_for_stops_the_channel_and_is_no_attempt(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a")
    await put(store, "other", job="other")
    channel.answers.append(RateLimited("too fast", 600.0))
    async with notifying(store, channel) as harness:
        await harness.advance(599)
        assert len(harness.attempted) == 1
        assert (await row(store, "a")).attempts == 0
        await harness.advance(1)
        assert await states(store, "a", "other") == "sent sent"
    assert await service_events(store) == [], "a pause is no outage"


async def test_a_pause_holds_over_a_restart(tmp_path: Path, channel: ScriptedChannel) -> None:
    clock = Clock()
    channel.answers.append(RateLimited("too fast", 600.0))
    async with open_store(tmp_path, clock) as store:
        await put(store, "a")
        async with notifying(store, channel):
            assert len(channel.attempts) == 1
    async with open_store(tmp_path, clock) as store, notifying(store, channel) as harness:
        await harness.advance(599)
        assert len(channel.attempts) == 1
        await harness.advance(1)
        assert await states(store, "a") == "sent"


@pytest.mark.parametrize("outcome", [RateLimited, Retry])
@pytest.mark.parametrize("after", [0.0, -1.0, float("nan"), 1e300])
async def test_no_channel_can_ask_for_an_endless_or_for_no_pause(
    store: Store, channel: ScriptedChannel, outcome: type[RateLimited | Retry], after: float
) -> None:
    await put(store, "a")
    channel.answers.append(outcome("too fast", after))
    async with notifying(store, channel) as harness:
        assert len(harness.attempted) == 1
        await harness.advance(HOUR)
        assert await states(store, "a") == "sent"


async def test_a_notice_under_an_endless_rate_limit_expires_too(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a")
    channel.answers.extend([RateLimited("too fast", HOUR)] * 2)
    async with notifying(store, channel) as harness:
        await harness.advance(24 * HOUR + 1)
    assert (await row(store, "a")).reason == "expired"


async def test_a_channel_out_of_order_is_probed_each_quarter_of_an_hour_and_loses_nothing(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a", "b")
    channel.answers.extend([Dead("config", "the token is wrong")] * 2)
    async with notifying(store, channel) as harness:
        assert harness.attempted == ["a"]
        assert await harness.health() == (True, 900)
        waiting = await row(store, "a")
        assert (waiting.state, waiting.reason) == (NoticeState.PENDING, "config")
        assert waiting.detail == "the token is wrong"
        await harness.advance(899)
        assert harness.attempted == ["a"]
        await harness.advance(1)
        assert harness.attempted == ["a", "a"]
        await harness.advance(900)
        assert harness.attempted == ["a", "a", "a", "b"]
        assert await harness.health() == (False, 0)
    assert await states(store, "a", "b") == "sent sent"
    assert (await row(store, "a")).reason == ""
    assert await service_events(store) == [EventName.DEGRADED, EventName.RESTORED]


async def test_a_notice_is_given_up_when_no_one_mends_its_channel_for_a_day(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a")
    channel.answers.extend([Dead("config", "the token is wrong")] * 2)
    async with notifying(store, channel) as harness:
        await harness.advance(24 * HOUR + 1)
    dead = await row(store, "a")
    assert (dead.state, dead.reason, dead.detail) == (NoticeState.DEAD, "config", "the token is wrong")


async def test_a_probe_that_alone_is_at_fault_keeps_no_other_job_waiting(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a")
    await put(store, "other", job="other")
    channel.answers.append(Dead("config", "no such recipient"))
    async with notifying(store, channel) as harness:
        await harness.advance(900)
        assert harness.attempted == ["a", "other", "a"]
    assert await states(store, "a", "other") == "sent sent"


async def test_a_channel_that_takes_nothing_for_long_is_reported_of_although_it_names_no_fault(
    store: Store, channel: ScriptedChannel
) -> None:
    for number in range(10):
        await put(store, f"n{number}", job=f"job-{number}")
    channel.answers.extend([Retry("connection refused")] * 8)
    async with notifying(store, channel) as harness:
        assert len(harness.attempted) == 8
        assert (await harness.health())[0]
        await harness.advance(61)
        assert await harness.health() == (False, 0)
        await harness.advance(61)
    assert await states(store, *[f"n{number}" for number in range(10)]) == " ".join(["sent"] * 10)
    assert await service_events(store) == [EventName.DEGRADED, EventName.RESTORED]


async def test_what_was_being_sent_when_the_process_died_is_sent_again(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await put(store, "a", "b")
        hanging = ScriptedChannel()
        hanging.answers.append(Hang())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(NotifierHarness(store, hanging).notifier.run)
            await eventually(lambda: hanging.attempts)
            assert await states(store, "a", "b") == "sending pending"
            tasks.cancel_scope.cancel()
    async with open_store(tmp_path) as store:
        assert await states(store, "a") == "sending"
        assert await store.recover(["team"], []) == 0
        healthy = ScriptedChannel()
        async with notifying(store, healthy) as harness:
            assert harness.attempted == ["a", "b"]
            assert [notice.attempt for notice in healthy.attempts] == [2, 1]


async def test_who_is_to_finish_waits_for_the_answer_in_hand_and_begins_nothing(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a", "b")
    answered = anyio.Event()

    async def slowly() -> Outcome:
        await answered.wait()
        return Ok()

    channel.answers.append(slowly)
    harness = NotifierHarness(store, channel)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(harness.notifier.run)
        await eventually(lambda: channel.attempts)
        async with anyio.create_task_group() as finishing:
            finishing.start_soon(harness.notifier.finish)
            await anyio.wait_all_tasks_blocked()
            assert await states(store, "a", "b") == "sending pending"
            answered.set()
        assert await states(store, "a", "b") == "sent pending"
        await harness.settled()
        assert harness.attempted == ["a"]
        tasks.cancel_scope.cancel()


async def test_notices_of_a_channel_that_is_gone_are_given_up_and_say_so(store: Store) -> None:
    await put(store, "a", channel="gone")
    await put(store, "b")
    assert await store.recover(["team", "message"], []) == 1
    lost = await store.notices.get("a")
    assert lost is not None
    assert (lost[0].state, lost[0].reason) == (NoticeState.DEAD, "config")
    assert lost[1][-1].detail == "config: there is no channel gone any more"
    assert await states(store, "b") == "pending"


async def test_a_store_that_fails_is_tried_again_and_nothing_is_sent_before_it_works(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a")
    harness = NotifierHarness(store, channel)
    async with anyio.create_task_group() as tasks:
        async with failing(store):
            tasks.start_soon(harness.notifier.run)
            await eventually(lambda: harness.rounds(harness.notifier).count)
            assert channel.attempts == []
        store.clock.advance(2)
        await harness.settled()
        assert await states(store, "a") == "sent"
        tasks.cancel_scope.cancel()
    assert harness.attempted == ["a"]
