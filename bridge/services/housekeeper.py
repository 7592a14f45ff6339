"""The housekeeper: old rows go, steps of the clock do no harm, and systemd is told that we live."""

from collections.abc import Collection
from datetime import timedelta
from functools import partial
from typing import Final

import anyio
import structlog

from bridge.errors import StoreError
from bridge.runtime.clock import Clock, SteadyClock
from bridge.runtime.systemd import notify, watchdog_seconds
from bridge.runtime.wakeups import Wakeup
from bridge.store.sqlite.clockstep import shift
from bridge.store.sqlite.database import Database
from bridge.store.sqlite.outbox import Outbox
from bridge.store.sqlite.retention import prune

log = structlog.get_logger()

STEP_SECONDS: Final = 5.0
"""A clock that drifts this far from one second to the next was set."""


async def keep_house(
    database: Database, clock: Clock, wakeup: Wakeup, *, deliveries: timedelta, builds: timedelta
) -> None:
    """Remove what is older than the retention, at each wakeup, until cancelled."""
    while True:
        try:
            gone = await prune(database, clock(), deliveries, builds)
            if gone:
                log.info("pruned", rows=gone)
        except StoreError as error:
            log.error("the store fails", why=str(error))  # noqa: TRY400  # the sentence says it all
        await wakeup.wait()


async def give_up_strays(outbox: Outbox, channels: Collection[str], wakeup: Wakeup) -> None:
    """Notices for channels that nobody serves end with the reason, at each wakeup, until cancelled."""
    while True:
        try:
            gone = await outbox.give_up_strays(channels)
            if gone:
                log.warning("left without a channel", notices=gone)
        except StoreError as error:
            log.error("the store fails", why=str(error))  # noqa: TRY400  # the sentence says it all
        await wakeup.wait()


async def watch_clock(database: Database, clock: SteadyClock, wakeup: Wakeup) -> None:
    """When the wall clock is set, what is open in the store moves with it; the services see it after that."""
    while True:
        step = clock.behind
        try:
            if abs(step) > STEP_SECONDS:
                log.warning("the clock was set", seconds=round(step))
                await database.write(partial(shift, seconds=step))
            clock.follow(step)
        except StoreError as error:
            log.error("the store fails", why=str(error))  # noqa: TRY400  # the sentence says it all
        await wakeup.wait()


async def watch_store(database: Database) -> None:
    """Raises StoreError once the writer has died: then only a new start helps."""
    while database.alive:  # noqa: ASYNC110  # a dying thread can promise to set nothing
        await anyio.sleep(1)
    raise StoreError("the store's writer has died: the log says why, and a restart goes on from the disk")


async def feed_watchdog(database: Database) -> None:
    """Tell systemd that we live, as long as both the loop and the writer do."""
    seconds = watchdog_seconds()
    if seconds is None:
        return
    while True:
        if database.beating:
            notify("WATCHDOG=1")
        await anyio.sleep(seconds)
