"""Signals: SIGTERM and SIGINT stop the daemon, SIGHUP reloads what is on disk."""

import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio

from bridge.errors import ConfigError, StoreError


async def obey_signals(stop: Callable[[], None], reload: Callable[[], Awaitable[object]]) -> None:
    """Call `stop` or `reload` for each signal, until cancelled. `reload` reports its faults itself."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for received in signals:
            if received != signal.SIGHUP:
                stop()
                continue
            with suppress(ConfigError, StoreError):
                await reload()
