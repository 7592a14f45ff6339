"""The scheduler: what is due at a fixed time becomes a delivery, once for each time.

The store keeps when each schedule is due next. Times that were missed are reported, with the reason: the
bridge did not run, the clock was set forward (or the machine slept), or the store failed. The last of them is
built late if it is at most an hour old; the others are skipped, so that a start after a long stop does not
begin with a burst of old nightly builds.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.model.notice import EventName, ServiceFacts
from bridge.planning.ref_history import head
from bridge.rules.cron import Cron, compile_cron
from bridge.rules.cron_schedule import Schedule
from bridge.rules.match import RuleSet
from bridge.rules.scheduled import ScheduledPush
from bridge.rules.schema import BuildRepository
from bridge.runtime.clock import Clock, moment
from bridge.runtime.events import LogEvent
from bridge.services.base import StoreFollower
from bridge.store.rules import Schedules
from bridge.store.values import ServiceNoticesFor

log = structlog.get_logger()

LATE_SECONDS: Final = 3600.0
"""A time that passed longer ago is skipped."""
MAX_MISSED: Final = 1000
_JUMP_SECONDS: Final = 60.0
"""From one look to the next the time goes on by far less, unless the clock is set or the machine sleeps."""


@dataclass(frozen=True, slots=True)
class _CronEntry:
    repository: BuildRepository
    schedule: Schedule
    cron: Cron

    @property
    def name(self) -> str:
        schedule = self.schedule
        return f"{self.repository.path} {schedule.branch}: {schedule.cron} {schedule.timezone}"


class Scheduler(StoreFollower):
    """Asks for the builds that the rules in force want at fixed times."""

    def __init__(
        self,
        rules: Callable[[], RuleSet],
        schedules: Schedules,
        notices_for: ServiceNoticesFor,
        clock: Clock,
        *,
        on_due: Callable[[], None],
        wake_notifiers: Callable[[], None],
    ) -> None:
        super().__init__("scheduler")
        self._rules = rules
        self._schedules = schedules
        self._notices_for = notices_for
        self._clock = clock
        self._on_due = on_due
        self._wake_notifiers = wake_notifiers
        self._synced: RuleSet | None = None
        self._begun = math.inf
        self._looked = -math.inf
        """When the last round began."""
        self._entries: dict[str, _CronEntry] = {}

    async def round(self) -> float | None:
        """Ask for the builds that are due; how long none will be."""
        since, now = self._looked, self._clock()
        self._begun, self._looked = min(self._begun, now), now
        if now < since:
            self._synced = None
        await self._sync()
        for name, due_at in await self._schedules.due(self._clock()):
            await self._ask(self._entries[name], due_at, since)
        next_at = await self._schedules.next_due()
        return None if next_at is None else next_at - self._clock()

    async def _sync(self) -> None:
        rules, now = self._rules(), self._clock()
        if rules is self._synced:
            return
        self._entries = {entry.name: entry for entry in _entries(rules)}
        wanted = {name: entry.cron.next(now) for name, entry in self._entries.items()}
        await self._schedules.sync(wanted)
        for name, due_at in await self._schedules.due(math.inf):
            if due_at > wanted[name]:  # it was written under a clock that ran ahead
                await self._schedules.claim(name, due_at, wanted[name], None, [])
        self._synced = rules

    async def _ask(self, entry: _CronEntry, due_at: float, looked: float) -> None:
        """Ask for the last time that has passed; `looked` is when the round before this one began."""
        now = self._clock()
        last, missed = due_at, 0
        while (following := entry.cron.next(last)) <= now and missed < MAX_MISSED:
            last, missed = following, missed + 1
        in_time = now - last <= LATE_SECONDS
        delivery = (await self._push(entry, last)).delivery(now) if in_time else None
        missed += not in_time
        facts = _missed(entry, missed, last, self._why(due_at, looked))
        notices = self._notices_for(EventName.DEGRADED, facts) if missed else []
        if not await self._schedules.claim(entry.name, due_at, entry.cron.next(now), delivery, notices):
            return
        log.info(LogEvent.CRON_DUE, schedule=entry.name, at=moment(last), missed=missed or None)
        if delivery is not None:
            self._on_due()
        if notices:
            self._wake_notifiers()

    def _why(self, due_at: float, looked: float) -> str:
        """Why the time was missed."""
        if due_at < self._begun:
            return "the bridge was not running"
        if due_at > looked and self._looked - looked > _JUMP_SECONDS:
            return f"the clock went from {moment(looked)} to {moment(self._looked)} at once"
        return "the store failed"

    async def _push(self, entry: _CronEntry, due_at: float) -> ScheduledPush:
        repository, branch = entry.repository, entry.schedule.branch
        config = repository.build_config
        known = await self._schedules.branch(
            config.code_repository, branch, repository.namespace, repository.repo_name
        )
        return ScheduledPush(
            name=entry.name,
            due=moment(due_at),
            namespace=repository.namespace,
            repo_name=repository.repo_name,
            full_name=config.code,
            branch=branch,
            clone_url=config.code_repo_clone_url or known.clone_url,
            sha=head(known),
        )


def _entries(rules: RuleSet) -> Iterator[_CronEntry]:
    for repository in rules.repositories.values():
        for schedule in repository.build_config.schedule:
            yield _CronEntry(repository, schedule, compile_cron(schedule.cron, schedule.timezone))


def _missed(entry: _CronEntry, count: int, last: float, why: str) -> ServiceFacts:
    often = "once" if count == 1 else f"over {count - 1} times" if count > MAX_MISSED else f"{count} times"
    detail = f"{entry.name}: missed {often} until {moment(last)}, since {why}"
    return ServiceFacts(subject=f"schedule of {entry.repository.path}", detail=detail)
