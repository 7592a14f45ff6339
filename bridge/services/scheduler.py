"""The scheduler: what is due at a fixed time becomes a delivery, once for each time.

The store keeps when each schedule is due next. Times that passed while the bridge did not run are reported.
The last of them is built late if it is at most an hour old; the others are skipped, so that a start after a
long stop does not begin with a burst of old nightly builds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from bridge.model.notice import EventName, ServiceFacts
from bridge.planning.ref_history import head
from bridge.rules.cron import Cron, compile_cron
from bridge.rules.match import RuleSet
from bridge.rules.scheduled import ScheduledPush
from bridge.rules.schema import BuildRepository, Schedule
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.services.base import Service
from bridge.store.base import Schedules
from bridge.store.values import ServiceNoticesFor

log = structlog.get_logger()

LATE_SECONDS: Final = 3600.0
"""A time that passed longer ago is skipped."""
MAX_MISSED: Final = 1000


@dataclass(frozen=True, slots=True)
class _Plan:
    repository: BuildRepository
    schedule: Schedule
    cron: Cron

    @property
    def name(self) -> str:
        schedule = self.schedule
        return f"{self.repository.path} {schedule.branch}: {schedule.cron} {schedule.timezone}"


class Scheduler(Service):
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
        self._planned: RuleSet | None = None
        self._plans: dict[str, _Plan] = {}

    async def round(self) -> float | None:
        """Ask for the builds that are due; how long none will be."""
        await self._plan()
        for name, due_at in await self._schedules.due(self._clock()):
            await self._ask(self._plans[name], due_at)
        next_at = await self._schedules.next_due()
        return None if next_at is None else next_at - self._clock()

    async def _plan(self) -> None:
        rules, now = self._rules(), self._clock()
        if rules is self._planned:
            return
        self._plans = {plan.name: plan for plan in _plans(rules)}
        await self._schedules.sync({name: plan.cron.next(now) for name, plan in self._plans.items()})
        self._planned = rules

    async def _ask(self, plan: _Plan, due_at: float) -> None:
        now = self._clock()
        last, missed = due_at, 0
        while (following := plan.cron.next(last)) <= now and missed < MAX_MISSED:
            last, missed = following, missed + 1
        in_time = now - last <= LATE_SECONDS
        delivery = (await self._push(plan, last)).delivery(now) if in_time else None
        missed += not in_time
        notices = self._notices_for(EventName.DEGRADED, _missed(plan, missed, last)) if missed else []
        if not await self._schedules.claim(plan.name, due_at, plan.cron.next(now), delivery, notices):
            return
        log.info(LogEvent.CRON_DUE, schedule=plan.name, at=_moment(last), missed=missed or None)
        if delivery is not None:
            self._on_due()
        if notices:
            self._wake_notifiers()

    async def _push(self, plan: _Plan, due_at: float) -> ScheduledPush:
        repository, branch = plan.repository, plan.schedule.branch
        config = repository.build_config
        known = await self._schedules.branch(
            config.code_repository, branch, repository.namespace, repository.repo_name
        )
        return ScheduledPush(
            name=plan.name,
            due=_moment(due_at),
            namespace=repository.namespace,
            repo_name=repository.repo_name,
            full_name=config.code,
            branch=branch,
            clone_url=config.code_repo_clone_url or known.clone_url,
            sha=head(known),
        )


def _plans(rules: RuleSet) -> Iterator[_Plan]:
    for repository in rules.repositories.values():
        for schedule in repository.build_config.schedule:
            yield _Plan(repository, schedule, compile_cron(schedule.cron, schedule.timezone))


def _missed(plan: _Plan, count: int, last: float) -> ServiceFacts:
    often = "once" if count == 1 else f"over {count - 1} times" if count > MAX_MISSED else f"{count} times"
    detail = f"{plan.name}: missed {often} until {_moment(last)}, since the bridge was not running"
    return ServiceFacts(subject=f"schedule of {plan.repository.path}", detail=detail)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
