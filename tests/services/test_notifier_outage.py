"""After an outage nothing trickles, and a channel that was mended opens at once; two names have one limit."""

from functools import partial
from pathlib import Path

import anyio
import pytest
from support.harness import NotifierHarness
from support.notifying import notifying, put, states
from support.scripted import Clock, ScriptedChannel, Store, open_store

from bridge.channels.adapters.dingtalk.channel import DingTalk
from bridge.channels.base import Dead, RateLimited, Retry
from bridge.config.types import Secret
from bridge.runtime.rate import Rate
from bridge.services.notifier import Target
from bridge.store.values import HealthRecord


@pytest.fixture
def channel() -> ScriptedChannel:
    return ScriptedChannel()


async def test_the_first_success_after_an_outage_sends_all_that_waited_the_oldest_first(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a1", "a2", job="a")
    store.clock.advance(1)
    await put(store, "b1", job="b")
    channel.answers.extend([Retry("connection refused", 1800.0)] * 2)
    async with notifying(store, channel) as harness:
        assert harness.attempted == ["a1", "b1"]
        store.clock.advance(60)
        await put(store, "new", job="c")
        await harness.settled()
        assert harness.attempted[2:] == ["new", "a1", "a2", "b1"]


async def test_one_failure_hurries_nothing(store: Store, channel: ScriptedChannel) -> None:
    """It may lie in its notice, which would be tried again after each success of another."""
    await put(store, "a")
    await put(store, "b", job="b")
    channel.answers.append(Retry("503"))
    async with notifying(store, channel) as harness:
        assert harness.attempted == ["a", "b"]


async def test_a_restart_tries_a_channel_out_of_order_at_once(tmp_path: Path) -> None:
    clock, broken = Clock(), ScriptedChannel()
    broken.answers.extend([Dead("config", "the token is wrong")] * 9)
    async with open_store(tmp_path, clock) as store:
        await put(store, "a", "b")
        async with notifying(store, broken) as harness:
            assert await harness.health() == (True, 900)
    async with open_store(tmp_path, clock) as store, notifying(store, ScriptedChannel()) as harness:
        assert harness.attempted == ["a", "b"]
        assert await harness.health() == (False, 0)


async def test_a_reload_tries_a_channel_out_of_order_at_once(store: Store, channel: ScriptedChannel) -> None:
    await put(store, "a")
    channel.answers.append(Dead("config", "the token is wrong"))
    async with notifying(store, channel) as harness:
        assert await states(store, "a") == "pending"
        harness.notifier.reopen()
        await harness.settled()
        assert await states(store, "a") == "sent"


async def test_a_reload_ends_no_pause_that_the_vendor_asked_for(
    store: Store, channel: ScriptedChannel
) -> None:
    await put(store, "a")
    channel.answers.append(RateLimited("too fast", 600.0))
    async with notifying(store, channel) as harness:
        harness.notifier.reopen()
        await harness.advance(599)
        assert len(harness.attempted) == 1
        await harness.advance(1)
        assert await states(store, "a") == "sent"


async def test_two_channels_with_one_robot_share_its_limit(store: Store) -> None:
    target, rate = Target("robot"), Rate(18, 60)
    one, two = ScriptedChannel("one", rate=rate), ScriptedChannel("two", rate=rate)
    for channel in (one, two):
        await put(store, *[f"{channel.name}{number:02}" for number in range(18)], channel=channel.name)
    first, second = NotifierHarness(store, one, target), NotifierHarness(store, two, target)
    async with first.running(), second.running():
        assert len(one.attempts) + len(two.attempts) == 18
        await _advance(store, 59, first, second)
        assert len(one.attempts) + len(two.attempts) == 18
        await _advance(store, 1, first, second)
        assert (len(one.attempts), len(two.attempts)) == (18, 18)


async def test_two_channels_with_one_robot_share_its_pause(store: Store) -> None:
    target = Target("robot", {"one", "two"})
    one, two = ScriptedChannel("one"), ScriptedChannel("two")
    one.answers.append(RateLimited("too fast", 600.0))
    await put(store, "a", channel="one")
    first, second = NotifierHarness(store, one, target), NotifierHarness(store, two, target)
    async with first.running(), second.running():
        await put(store, "b", channel="two")
        paused = HealthRecord(name="channel:two", paused_until=store.clock() + 600, why="too fast")
        assert await store.health.get("channel:two") == paused, "who looks at it sees why it waits"
        await _advance(store, 599, first, second)
        assert (len(one.attempts), len(two.attempts)) == (1, 0)
        await _advance(store, 1, first, second)
        assert await states(store, "a", "b") == "sent sent"


async def test_a_channel_with_another_name_keeps_the_pause_of_its_robot(tmp_path: Path) -> None:
    clock, target = Clock(), partial(Target, "robot")
    limited = ScriptedChannel("old")
    limited.answers.append(RateLimited("too fast", 600.0))
    async with open_store(tmp_path, clock) as store:
        await put(store, "a", channel="old")
        async with NotifierHarness(store, limited, target()).running():
            assert len(limited.attempts) == 1
    renamed = ScriptedChannel("new")
    async with open_store(tmp_path, clock) as store:
        await put(store, "b", channel="new")
        async with NotifierHarness(store, renamed, target()).running() as harness:
            await harness.advance(599)
            assert renamed.attempts == []
            await harness.advance(1)
            assert len(renamed.attempts) == 1


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://oapi.dingtalk.com:443/robot/send?access_token=one", True),
        ("https://OAPI.dingtalk.com/robot/send?a=b&access_token=one", True),
        ("https://oapi.dingtalk.com/robot/send?access_token=two", False),
        ("https://oapi.example.com/robot/send?access_token=one", False),
    ],
)
def test_the_target_of_a_robot_is_its_host_and_token(other: str, same: bool) -> None:
    url = "https://oapi.dingtalk.com/robot/send?access_token=one"
    first, second = (DingTalk.target(DingTalk.Settings(url=Secret(one))) for one in (url, other))
    assert (first == second) is same
    assert "one" not in first


async def _advance(store: Store, seconds: float, *harnesses: NotifierHarness) -> None:
    store.clock.advance(seconds)
    async with anyio.create_task_group() as tasks:
        for harness in harnesses:
            tasks.start_soon(harness.settled)
