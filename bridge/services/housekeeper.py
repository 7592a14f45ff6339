"""Upkeep: old rows go, notices without a channel end, steps of the clock do no harm, systemd is informed."""

import math
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final

import anyio
import structlog

from bridge.config.settings import RetentionSettings
from bridge.errors import StoreError
from bridge.model.build import BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime.clock import SteadyClock
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import LOOP_LAG_SECONDS
from bridge.runtime.systemd import is_heard, notify, watchdog_seconds
from bridge.services.base import Service
from bridge.services.health import (
    CONFIGURATION,
    CONFIGURATION_RESTORED,
    DISK,
    RULES,
    RULES_RESTORED,
)
from bridge.services.leftovers import Names, end_orphans, explain_orphans
from bridge.store.activity import Activity
from bridge.store.base import Store
from bridge.store.waits import Waits

log = structlog.get_logger()

STEP_SECONDS: Final = 5.0
"""A clock that drifts this far from one second to the next was set."""
SERVER_CLOCK_SECONDS: Final = 10.0
"""How often the server of a shared store is asked for its time."""
LAG_PAUSE_SECONDS: Final = 0.5
"""Often enough to meet what blocks the loop, and no load at rest."""
_MAX_NAMES: Final = 5
_NO_CHANNEL: Final = "their channel is not configured"


async def recover(
    store: Store,
    builders: Collection[str],
    channels: Collection[str],
    sources: Collection[str],
    notice_policy: NoticePolicy,
) -> None:
    """Take up what an earlier process left: what needs a builder or channel that is gone ends.

    Faulty rules are no more, since a daemon starts with good ones only, and nothing waits for a restart. To
    be called once, before the services of what the others did run. Raises StoreError.
    """
    of_builders = [f"{part}:{name}" for name in builders for part in ("builder", DISK)]
    await store.health.restore(RULES, RULES_RESTORED)
    await store.health.restore(CONFIGURATION, CONFIGURATION_RESTORED)
    of_others = [*(f"channel:{name}" for name in channels), *(f"source:{name}" for name in sources)]
    monitored = [DISK, *of_builders, *of_others]
    notices = await store.recover(channels, monitored)
    await end_orphans(store.builds, lambda: builders, notice_policy)
    for name in builders:
        await explain_orphans(store.builds, name, None)
    if notices:
        log.warning(LogEvent.NOTICE_ABANDONED, notices=notices, reason=_NO_CHANNEL)


class Pruner(Service):
    """Removes deliveries and ended builds that are older than their retention."""

    tick = 3600.0

    def __init__(self, store: Store, retention: Callable[[], RetentionSettings]) -> None:
        super().__init__("pruner")
        self._store = store
        self._retention = retention

    async def round(self) -> None:
        kept = self._retention()
        if rows := await self._store.prune(deliveries=kept.deliveries, builds=kept.builds):
            log.info(LogEvent.STORE_PRUNED, rows=rows)


class Unserved(Service):
    """Gives up notices and builds for channels and builders that there are not, or not any more.

    Builds that are retried may name a builder of long ago. One that was there until now is waited for.
    """

    tick = 60.0

    def __init__(
        self,
        store: Store,
        builders: Callable[[], Collection[str]],
        channels: Callable[[], Collection[str]],
        notice_policy: NoticePolicy,
    ) -> None:
        super().__init__("unserved")
        self._store = store
        self._builders = Names(builders, notice_policy.clock)
        self._channels = Names(channels, notice_policy.clock)
        self._notice_policy = notice_policy
        self._explained: set[str] = set()

    async def round(self) -> None:
        if count := await self._store.notices.end_orphans(self._channels.kept()):
            log.warning(LogEvent.NOTICE_ABANDONED, notices=count, reason=_NO_CHANNEL)
        await end_orphans(self._store.builds, self._builders.kept, self._notice_policy)
        absent = self._builders.absent()
        for name in self._explained | absent.keys():
            await explain_orphans(self._store.builds, name, absent.get(name))
        self._explained = set(absent)


class ClockFollower(Service):
    """When the wall clock is set, moves what is open in the store by as much, and then the bridge's clock.

    Nodes that share a store all go by the clock of its server, whatever those of their machines say. Where
    that is set, what other nodes have written too stays.
    """

    def __init__(self, store: Store, clock: SteadyClock, is_alone: Callable[[], bool]) -> None:
        super().__init__("clock follower")
        self._store = store
        self._clock = clock
        self._is_alone = is_alone
        self._is_wrong = False
        if store.nodes.is_shared:
            self.tick = SERVER_CLOCK_SECONDS

    async def round(self) -> None:
        step = await self._behind_server() if self._store.nodes.is_shared else self._clock.behind
        if abs(step) > STEP_SECONDS:
            if self._is_alone():
                await self._store.shift_clock(step)
            log.warning(LogEvent.CLOCK_STEPPED, seconds=round(step))
        self._clock.follow(step)

    async def _behind_server(self) -> float:
        asked_at = self._clock()
        said = await self._store.monitoring.server_time()
        step = self._clock.behind_server(said or asked_at, asked_at)
        was_wrong, ahead = self._is_wrong, self._clock.behind - step
        self._is_wrong = abs(ahead) > STEP_SECONDS
        if self._is_wrong and not was_wrong:
            log.warning(LogEvent.CLOCK_WRONG, seconds=round(ahead))
        return step


class WaitLimiter(Service):
    """Has what a wrong clock has put off for longer than anything waits be due now."""

    tick = 60.0

    def __init__(self, waits: Waits) -> None:
        super().__init__("wait limiter")
        self._waits = waits

    async def round(self) -> None:
        if rows := await self._waits.limit():
            log.warning(LogEvent.CLOCK_WAITS_LIMITED, rows=rows)


class RejectionKeeper(Service):
    """Writes every few seconds which requests were rejected; a process that is killed loses these."""

    tick = 5.0

    def __init__(self, activity: Activity) -> None:
        super().__init__("rejection keeper")
        self._activity = activity

    async def round(self) -> None:
        await self._activity.keep_rejections()

    async def finish(self) -> None:
        with suppress(StoreError):  # they are counted for a look at the last hour, and no more
            await self._activity.keep_rejections()


class Liveness(Service):
    """Tells systemd that the daemon lives, as long as the loop and the store's writer do."""

    def __init__(self, store: Store) -> None:
        super().__init__("liveness")
        self._store = store
        seconds = watchdog_seconds()
        self._watched = seconds is not None
        self.tick = min(self.tick, seconds or self.tick)

    async def round(self) -> None:
        """Raises StoreDied once nothing can be written: then only a new start helps."""
        if (death := self._store.death) is not None:
            raise death
        if self._watched and self._store.beating:
            notify("WATCHDOG=1")


class LoopLag(Service):
    """Measures how late the event loop is: everything that waits for it waits as long."""

    tick = 3600.0

    def __init__(self) -> None:
        super().__init__("loop lag")
        self._due = math.inf

    async def round(self) -> float:
        now = anyio.current_time()
        LOOP_LAG_SECONDS.observe(max(0.0, now - self._due))
        self._due = now + LAG_PAUSE_SECONDS
        return LAG_PAUSE_SECONDS


class Overview(Service):
    """Says in one line what the daemon does, where systemd runs it: `systemctl status` shows it.

    At rest it only looks whether something has happened.
    """

    tick = 5.0

    def __init__(self, store: Store, builders: Callable[[], Collection[str]]) -> None:
        super().__init__("overview")
        self._store = store
        self._builders = builders
        self._seen: tuple[object, ...] = ()
        self._line = ""
        if not is_heard():
            self.tick = 3600.0

    async def run(self) -> None:
        """As `Service.run`, once the line that comes with READY=1 has stood for a tick."""
        await self.wakeup.wait(self.tick)
        await super().run()

    async def round(self) -> None:
        if not is_heard():
            return
        down = [part.name for part in await self._store.health.all() if part.down_since is not None]
        seen = (await self._store.feed.newest(), down)
        if seen == self._seen:
            return
        line = "; ".join([await self._work(), *_degraded(down)])
        if line != self._line:
            notify(f"STATUS={line}")
        self._seen, self._line = seen, line

    async def _work(self) -> str:
        backlog = await self._store.monitoring.backlog((), self._builders(), ())
        running = waiting = 0
        for (_, state), queue in backlog.builds.items():
            if state is BuildState.WAITING:
                waiting += queue.count
            else:
                running += queue.count
        return f"builds: {running} with a builder, {waiting} waiting" if running or waiting else "idle"


def _degraded(down: Sequence[str]) -> list[str]:
    names = [name.replace(":", " ", 1) for name in down[:_MAX_NAMES]]
    more = [f"and {len(down) - _MAX_NAMES} more"] if len(down) > _MAX_NAMES else []
    return [f"degraded: {', '.join([*names, *more])} down"] if down else []


def watchers(store: Store, builders: Callable[[], Collection[str]]) -> list[Service]:
    """The services that say how the daemon is."""
    return [Liveness(store), LoopLag(), RejectionKeeper(store.activity), Overview(store, builders)]
