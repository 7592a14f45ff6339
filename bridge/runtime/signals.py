"""Signals: SIGTERM and SIGINT stop the daemon, SIGHUP reloads what is on disk."""

import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio

from bridge.errors import ConfigError, StoreError
from bridge.runtime.wakeups import Wakeup


async def obey_signals(stop: Callable[[], None], reload: Callable[[], Awaitable[object]]) -> None:
    """Call `stop` or `reload` for each signal, until cancelled. `reload` reports its faults itself.

    One reload runs at a time; all that is asked for meanwhile is one more. None holds up `stop`.
    """
    asked = Wakeup()
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_reload_when, asked, reload)
            async for received in signals:
                if received == signal.SIGHUP:
                    asked.wake()
                else:
                    stop()


async def _reload_when(asked: Wakeup, reload: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asked.wait()
        with suppress(ConfigError, StoreError):
            await reload()
