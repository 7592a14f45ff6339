"""Alarms: rung by a tick or by a hand-over, however often, heard once."""

import anyio
from support.scripted import eventually

from bridge.runtime.wakeups import Wakeup, ticking


async def test_an_alarm_that_rang_before_anybody_waited_is_heard() -> None:
    wakeup = Wakeup()
    wakeup.wake()
    wakeup.wake()
    with anyio.fail_after(5):
        await wakeup.wait()
    with anyio.move_on_after(0.01) as scope:
        await wakeup.wait()
    assert scope.cancelled_caught, "however often it rang, it is heard once"


async def test_a_wait_ends_by_itself_when_it_may_not_last() -> None:
    with anyio.fail_after(5):
        await Wakeup().wait(0.01)


async def test_a_ring_is_not_lost_when_a_wait_is_given_up() -> None:
    wakeup = Wakeup()
    with anyio.move_on_after(0.01):
        await wakeup.wait()
    wakeup.wake()
    with anyio.fail_after(5):
        await wakeup.wait()


async def test_alarms_tick_at_their_own_pace_until_the_block_ends() -> None:
    fast, slow = Wakeup(), Wakeup()
    heard = {"fast": 0, "slow": 0}

    async def listen(name: str, wakeup: Wakeup) -> None:
        while True:
            await wakeup.wait()
            heard[name] += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen, "fast", fast)
        tasks.start_soon(listen, "slow", slow)
        with ticking({fast: 0.02, slow: 3600}):
            await eventually(lambda: heard["fast"] >= 3)
        await anyio.wait_all_tasks_blocked()
        after = heard["fast"]
        with anyio.move_on_after(0.1):
            await anyio.sleep_forever()
        assert heard == {"fast": after, "slow": 0}
        tasks.cancel_scope.cancel()
