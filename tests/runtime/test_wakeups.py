"""Wake-ups by a tick or by a hand-over: any number of them end one wait."""

import time

import anyio
import pytest
from support.scripted import eventually

from bridge.runtime.wakeups import Ticks, Wakeup


async def test_a_wake_up_before_the_wait_ends_it_at_once() -> None:
    wakeup = Wakeup()
    wakeup.wake()
    wakeup.wake()
    with anyio.fail_after(5):
        await wakeup.wait()
    with anyio.move_on_after(0.01) as scope:
        await wakeup.wait()
    assert scope.cancelled_caught, "two wake-ups end one wait"


async def test_a_wait_ends_by_itself_when_it_may_not_last() -> None:
    with anyio.fail_after(5):
        await Wakeup().wait(0.01)


async def test_a_wake_up_after_a_cancelled_wait_is_not_lost() -> None:
    wakeup = Wakeup()
    with anyio.move_on_after(0.01):
        await wakeup.wait()
    wakeup.wake()
    with anyio.fail_after(5):
        await wakeup.wait()


async def test_each_wakeup_ticks_at_its_own_pace_until_the_block_ends() -> None:
    fast, slow = Wakeup(), Wakeup()
    ended = {"fast": 0, "slow": 0}

    async def count(name: str, wakeup: Wakeup) -> None:
        while True:
            await wakeup.wait()
            ended[name] += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count, "fast", fast)
        tasks.start_soon(count, "slow", slow)
        ticks = Ticks()
        ticks.add(slow, 3600)
        with ticks.running():
            ticks.add(fast, 0.02)
            await eventually(lambda: ended["fast"] >= 3)
        await anyio.wait_all_tasks_blocked()
        after = ended["fast"]
        with anyio.move_on_after(0.1):
            await anyio.sleep_forever()
        assert ended == {"fast": after, "slow": 0}
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("turns", range(6))
async def test_a_tick_that_is_due_when_the_block_ends_is_no_error(
    turns: int, caplog: pytest.LogCaptureFixture
) -> None:
    ticks = Ticks()
    ticks.add(Wakeup(), 0.01)
    with ticks.running():
        await anyio.wait_all_tasks_blocked()
        time.sleep(0.05)  # noqa: ASYNC251  # holds the loop up until the tick is late, as a busy machine does
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
    await anyio.wait_all_tasks_blocked()
    assert not [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
