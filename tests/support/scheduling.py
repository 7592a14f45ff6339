"""A scheduler and a dispatcher at work on one rule."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from support.rules import rules_of
from support.scripted import Bell, Store, delivery_of

from bridge.model.build import Build, BuildState
from bridge.model.delivery import Delivery, DeliveryState
from bridge.model.notice import ServiceFacts
from bridge.planning.notice_policy import NoticePolicy, ServiceNoticePolicy
from bridge.registry import FORGES
from bridge.rules.match import RuleSet
from bridge.services.dispatcher import Dispatcher
from bridge.services.scheduler import Scheduler
from bridge.store.values import NoticeFilter

NIGHTLY = "{cron: '0 3 * * *', timezone: Asia/Shanghai, branch: main}"
RULE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: GitHub
  code_repo_namespace: acme
  code_repo_name: shop-web
  schedule: [SCHEDULE]
  tag_configs:
    - {code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: nightly, is_active: ACTIVE}
"""
URL = "https://github.com/acme/shop-web.git"
FIRST, SECOND = "1" * 40, "2" * 40
DUE = datetime(2026, 11, 21, 19, tzinfo=UTC).timestamp()
"""Three o'clock in Shanghai."""
DAY = 86_400.0
NONE = "0" * 40


@dataclass
class Line:
    """A dispatcher and a scheduler at work on rules that a test may change."""

    store: Store
    rules: RuleSet
    judging: Bell
    ticking: Bell
    sent: int = 0
    rung: list[str] = field(default_factory=list)

    def asked_for(self) -> None:
        self.rung.append("asked")
        self.judging.wake()

    async def push(self, before: str, after: str) -> None:
        self.sent += 1
        said = {"ref": "refs/heads/main", "before": before, "after": after, "deleted": after == NONE}
        said |= {"repository": {"full_name": "acme/shop-web", "clone_url": URL}}
        said |= {"head_commit": None if after == NONE else {"id": after, "message": "a change"}}
        headers = {"x-github-event": "push", "content-type": "application/json"}
        made = delivery_of(str(self.sent), self.store.clock(), source="github", forge="GitHub")
        await self.put(made, headers, said)

    async def put(self, made: Delivery, headers: dict[str, str], said: Any) -> None:
        changes: dict[str, Any] = {"headers": headers, "body": json.dumps(said).encode()}
        fields = {name: getattr(made, name) for name in made.__slots__}
        await self.store.deliveries.put(Delivery(**fields | changes))
        await self.judging.settled()

    async def at(self, moment: float) -> None:
        """Later, when all that is due then has been judged."""
        self.store.clock.turn(moment - self.store.clock())
        await self.ticking.settled()
        await self.judging.settled()

    async def builds(self) -> list[Build]:
        return await self.store.builds.in_state("jenkins", *BuildState)

    async def asked(self) -> list[tuple[DeliveryState, str]]:
        """What became of each delivery of a schedule, oldest first."""
        rows = await self.store.deliveries.newest(100)
        return [(row.state, row.detail) for row in reversed(rows) if row.delivery.source == "schedule"]

    async def told(self) -> list[str]:
        rows = await self.store.notices.newest(100, NoticeFilter(channel="message"))
        return [row.notice.facts.detail for row in rows if isinstance(row.notice.facts, ServiceFacts)]


def rule(schedule: str = NIGHTLY, active: str = "true") -> str:
    return RULE.replace("SCHEDULE", schedule).replace("ACTIVE", active)


@asynccontextmanager
async def scheduling(store: Store, folder: Path, text: str) -> AsyncIterator[Line]:
    """From the day before it is due, at noon."""
    line = Line(store, rules_of(folder, text), Bell(), Bell())
    dispatcher = Dispatcher(
        {"GitHub": FORGES["GitHub"]},
        lambda: line.rules,
        store.deliveries,
        default_notices=(),
        notice_policy=NoticePolicy(store.clock, None),
        on_dispatched=lambda: None,
    )
    dispatcher.wakeup = line.judging
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(dispatcher.run)
        tasks.start_soon(scheduler(line, line.ticking).run)
        await line.ticking.settled()
        yield line
        tasks.cancel_scope.cancel()


def scheduler(line: Line, bell: Bell) -> Scheduler:
    store = line.store
    made = Scheduler(
        lambda: line.rules,
        store.schedules,
        ServiceNoticePolicy(store.clock),
        store.clock,
        on_due=line.asked_for,
        wake_notifiers=lambda: line.rung.append("told"),
    )
    made.wakeup = bell
    return made
