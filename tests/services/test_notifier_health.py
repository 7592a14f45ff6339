"""A channel that fails now and then is not out of order; an answer that came is kept."""

from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs
from support.harness import NotifierHarness
from support.notifying import notifying, put, states
from support.scripted import Clock, ScriptedChannel, Store, open_store

from bridge.channels.base import Dead, Ok, Outcome, RateLimited, Retry
from bridge.services.notifier import FAILURES


async def test_a_channel_that_takes_a_notice_now_and_then_is_not_out_of_order(store: Store) -> None:
    channel = ScriptedChannel()
    names = [f"n{number:02}" for number in range(2 * FAILURES)]
    for name in names:
        await put(store, name, job=name)
    channel.answers.extend([Retry("503")] * (FAILURES - 1))
    channel.answers.append(Ok())
    channel.answers.extend([Retry("503")] * (FAILURES - 1))
    async with notifying(store, channel) as harness:
        assert not channel.answers
        assert await harness.health() == (False, 0)


@pytest.mark.parametrize(
    ("answer", "pause", "state"),
    [
        (RateLimited("too fast", 600.0), (False, 600), "pending"),
        (Dead("config", "the token is wrong"), (True, 900), "pending"),
        (Ok(), (False, 0), "sent"),
    ],
)
async def test_an_answer_that_came_is_recorded_although_the_service_is_cancelled(
    tmp_path: Path, answer: Outcome, pause: tuple[bool, float], state: str
) -> None:
    """To the last word: a second send in the pause of a vendor is what gets a robot blocked."""
    clock, channel = Clock(), ScriptedChannel()
    async with open_store(tmp_path, clock) as store:
        await put(store, "a")
        if isinstance(answer, Ok):
            await store.health.degrade("channel:team", "503")
        async with anyio.create_task_group() as tasks:

            async def stop() -> Outcome:
                tasks.cancel_scope.cancel()
                return answer

            channel.answers.append(stop)
            tasks.start_soon(NotifierHarness(store, channel).notifier.run)
    async with open_store(tmp_path, clock) as store:
        assert await states(store, "a") == state
        assert await NotifierHarness(store, channel).health() == pause


async def test_a_channel_that_goes_down_and_up_is_logged_once_and_wakes_the_other_channels(
    store: Store,
) -> None:
    """The notice about it goes to them."""
    channel = ScriptedChannel()
    await put(store, "a")
    channel.answers.extend([Dead("config", "the token is wrong")] * 2)
    with capture_logs() as lines:
        async with notifying(store, channel) as harness:
            assert harness.calls == ["wake_notifiers"]
            await harness.advance(900)
            assert harness.calls == ["wake_notifiers"], "it is still down"
            await harness.advance(900)
            assert harness.calls == ["wake_notifiers"] * 2
    assert [line for line in lines if line["event"].startswith("service.")] == [
        {
            "event": "service.degraded",
            "log_level": "warning",
            "service": "channel:team",
            "reason": "the token is wrong",
        },
        {"event": "service.restored", "log_level": "info", "service": "channel:team"},
    ]


async def test_a_channel_that_takes_nothing_is_logged_once(store: Store) -> None:
    channel = ScriptedChannel()
    for number in range(FAILURES + 1):
        await put(store, f"n{number}", job=f"job-{number}")
    channel.answers.extend([Retry("503")] * (FAILURES + 1))
    with capture_logs() as lines:
        async with notifying(store, channel) as harness:
            await harness.advance(61)
            assert len(harness.attempted) > FAILURES
            assert harness.calls[0] == "wake_notifiers"
    assert [line["reason"] for line in lines if line["event"] == "service.degraded"] == ["503"]
