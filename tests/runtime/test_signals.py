"""SIGHUP reloads, one at a time; SIGTERM is seen at once."""

import signal

import anyio
from support.scripted import eventually

from bridge.errors import StoreError
from bridge.runtime.signals import obey_signals


async def test_a_reload_that_hangs_holds_up_no_stop_and_what_is_asked_meanwhile_is_one_more() -> None:
    gate = anyio.Event()
    reloads: list[int] = []
    stops: list[int] = []

    async def reload() -> None:
        reloads.append(len(stops))
        if len(reloads) == 1:
            await gate.wait()
            raise StoreError("disk full")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(obey_signals, lambda: stops.append(1), reload)
        # Only then is a signal ours: before, it would end the tests.
        await eventually(lambda: signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL)
        signal.raise_signal(signal.SIGHUP)
        await eventually(lambda: reloads == [0])
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
        await eventually(lambda: stops == [1])
        assert reloads == [0], "there is one at a time"
        gate.set()
        await eventually(lambda: len(reloads) > 1)
        await anyio.wait_all_tasks_blocked()
        assert reloads == [0, 1]
        tasks.cancel_scope.cancel()
