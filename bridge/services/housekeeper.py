"""Upkeep: old rows go, notices without a channel end, steps of the clock do no harm, systemd is informed."""

from collections.abc import Collection
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from bridge.errors import StoreDied
from bridge.runtime.clock import Clock, SteadyClock
from bridge.runtime.events import LogEvent
from bridge.runtime.systemd import notify, watchdog_seconds
from bridge.services.base import Service
from bridge.store.sqlite.clockstep import shift
from bridge.store.sqlite.database import Database
from bridge.store.sqlite.outbox import Outbox
from bridge.store.sqlite.retention import prune

log = structlog.get_logger()

STEP_SECONDS: Final = 5.0
"""A clock that drifts this far from one second to the next was set."""


class Pruner(Service):
    """Removes deliveries and ended builds that are older than their retention."""

    tick = 3600.0

    def __init__(self, database: Database, clock: Clock, *, deliveries: timedelta, builds: timedelta) -> None:
        super().__init__("pruner")
        self._database = database
        self._clock = clock
        self._deliveries = deliveries
        self._builds = builds

    async def round(self) -> None:
        if rows := await prune(self._database, self._clock(), self._deliveries, self._builds):
            log.info(LogEvent.STORE_PRUNED, rows=rows)


class UnservedNotices(Service):
    """Gives up notices for channels that this configuration does not have."""

    tick = 60.0

    def __init__(self, outbox: Outbox, channels: Collection[str]) -> None:
        super().__init__("unserved notices")
        self._outbox = outbox
        self._channels = channels

    async def round(self) -> None:
        if count := await self._outbox.give_up_strays(self._channels):
            log.warning(LogEvent.NOTICE_ABANDONED, notices=count, reason="their channel is not configured")


class ClockFollower(Service):
    """When the wall clock is set, moves what is open in the store by as much, and then the bridge's clock."""

    def __init__(self, database: Database, clock: SteadyClock) -> None:
        super().__init__("clock follower")
        self._database = database
        self._clock = clock

    async def round(self) -> None:
        step = self._clock.behind
        if abs(step) > STEP_SECONDS:
            await self._database.write(partial(shift, seconds=step))
            log.warning(LogEvent.CLOCK_STEPPED, seconds=round(step))
        self._clock.follow(step)


class Liveness(Service):
    """Tells systemd that the daemon lives, as long as the loop and the store's writer do."""

    def __init__(self, database: Database) -> None:
        super().__init__("liveness")
        self._database = database
        seconds = watchdog_seconds()
        self._watched = seconds is not None
        self.tick = min(self.tick, seconds or self.tick)

    async def round(self) -> None:
        """Raises StoreDied once the writer is dead: then only a new start helps."""
        if not self._database.alive:
            raise StoreDied(
                "the store's writer has died: the log says why, and a restart goes on from the disk"
            )
        if self._watched and self._database.beating:
            notify("WATCHDOG=1")
