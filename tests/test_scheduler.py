"""Builds at fixed times: once for each time, across restarts, and told where a time was missed."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.rules import rules_of
from support.scripted import Bell, Store, delivery_of

from bridge.dispatcher import Dispatcher
from bridge.forges.github import GitHub
from bridge.model.build import Build, BuildState
from bridge.model.delivery import Delivery, DeliveryState
from bridge.model.notice import ServiceFacts
from bridge.rules.announce import Announcer
from bridge.rules.match import RuleSet
from bridge.scheduler import Scheduler
from bridge.store.schedules import Schedules

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
        await self.store.inbox.put(Delivery(**fields | changes))
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
        rows = await self.store.inbox.newest(100)
        return [(row.state, row.detail) for row in reversed(rows) if row.delivery.source == "schedule"]

    async def told(self) -> list[str]:
        rows = await self.store.outbox.newest(100, channel="message")
        return [row.notice.facts.detail for row in rows if isinstance(row.notice.facts, ServiceFacts)]


def rule(schedule: str = NIGHTLY, active: str = "true") -> str:
    return RULE.replace("SCHEDULE", schedule).replace("ACTIVE", active)


@asynccontextmanager
async def scheduling(store: Store, folder: Path, text: str) -> AsyncIterator[Line]:
    """From the day before it is due, at noon."""
    line = Line(store, rules_of(folder, text), Bell(), Bell())
    dispatcher = Dispatcher(
        {"GitHub": GitHub()},
        lambda: line.rules,
        store.inbox,
        default_notices=(),
        announcer=Announcer(store.clock, None),
        alarm=line.judging,
        dispatched=lambda: None,
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(dispatcher.run)
        tasks.start_soon(scheduler(line, line.ticking).run)
        await line.ticking.settled()
        yield line
        tasks.cancel_scope.cancel()


def scheduler(line: Line, bell: Bell) -> Scheduler:
    store = line.store
    return Scheduler(
        lambda: line.rules,
        Schedules(store.database),
        store.outbox,
        store.clock,
        alarm=bell,
        asked=line.judging.ring,
        told=lambda: None,
    )


@pytest.fixture
def noon(store: Store) -> Store:
    store.clock.turn(DUE - 15 * 3600 - store.clock())
    return store


async def test_the_newest_commit_is_built_once_when_it_is_due(noon: Store, tmp_path: Path) -> None:
    async with scheduling(noon, tmp_path, rule()) as line:
        await line.push(FIRST, SECOND)
        await line.push(NONE, FIRST)  # late
        await line.at(DUE - 1)
        assert len(await line.builds()) == 1
        for later in (0, 1, 60, 3600):
            await line.at(DUE + later)
        pushed, nightly = await line.builds()
        assert (nightly.request.commit, nightly.request.repo_url) == (SECOND, URL)
        assert (nightly.origin.cause, nightly.request.tags) == ("schedule", ("nightly",))
        assert pushed.origin.cause == "push"
        await line.at(DUE + DAY)
        assert len(await line.builds()) == 3
        assert await line.told() == []


async def test_what_pushes_do_not_build_a_schedule_may(noon: Store, tmp_path: Path) -> None:
    async with scheduling(noon, tmp_path, rule(active="false")) as line:
        await line.push(NONE, FIRST)
        assert await line.builds() == []
        await line.at(DUE)
        (nightly,) = await line.builds()
        assert (nightly.request.commit, nightly.request.repo_url) == (FIRST, URL)


async def test_a_branch_that_nobody_pushed_or_that_is_gone_is_not_built(noon: Store, tmp_path: Path) -> None:
    async with scheduling(noon, tmp_path, rule()) as line:
        await line.at(DUE)
        await line.push(FIRST, NONE)
        await line.at(DUE + DAY)
        assert await line.builds() == []
        why = "due at 2026-11-2{}T19:00:00Z, but no push has told yet what main is"
        assert await line.asked() == [(DeliveryState.IGNORED, why.format(day)) for day in (1, 2)]


async def test_two_that_look_at_once_ask_once(noon: Store, tmp_path: Path) -> None:
    async with scheduling(noon, tmp_path, rule()) as line, anyio.create_task_group() as tasks:
        other = Bell()
        tasks.start_soon(scheduler(line, other).run)
        await line.push(NONE, FIRST)
        for day in range(5):
            noon.clock.turn(DUE + day * DAY - noon.clock())
            other.ring()
            line.ticking.ring()
            await other.settled()
            await line.at(DUE + day * DAY)
        assert len(await line.asked()) == 5
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("away", "asked", "missed"),
    [
        (1800.0, 1, None),
        (7200.0, 0, "missed once until 2026-11-21T19:00:00Z"),
        (3 * DAY + 1800, 1, "missed 3 times until 2026-11-24T19:00:00Z"),
        (3 * DAY + 7200, 0, "missed 4 times until 2026-11-24T19:00:00Z"),
    ],
)
async def test_times_that_passed_while_nobody_looked_are_told_and_not_made_up_for_in_a_burst(
    noon: Store, tmp_path: Path, away: float, asked: int, missed: str | None
) -> None:
    async with scheduling(noon, tmp_path, rule()) as line:
        await line.push(NONE, FIRST)
    noon.clock.turn(DUE + away - noon.clock())
    async with scheduling(noon, tmp_path, rule()) as line:
        await line.at(DUE + away + 1)
        assert len(await line.asked()) == asked
        told = await line.told()
        assert len(told) == (missed is not None)
        assert (missed or "") in "".join(told)


async def test_far_too_many_missed_times_are_counted_no_further(noon: Store, tmp_path: Path) -> None:
    every_minute = NIGHTLY.replace("0 3 * * *", "* * * * *")
    async with scheduling(noon, tmp_path, rule(every_minute)):
        pass
    noon.clock.turn(30 * DAY)
    async with scheduling(noon, tmp_path, rule(every_minute)) as line:
        await line.at(noon.clock() + 1)
        assert "missed over 1000 times" in "".join(await line.told())
        assert await line.asked() == []
        await line.at(noon.clock() + 61)
        assert len(await line.asked()) == 1


async def test_a_schedule_that_is_new_is_not_late_and_one_that_is_gone_is_not_due(
    noon: Store, tmp_path: Path
) -> None:
    async with scheduling(noon, tmp_path, rule("")) as line:
        await line.at(DUE - DAY / 2)
        line.rules = rules_of(tmp_path, rule())
        await line.at(DUE - 100)
        line.rules = rules_of(tmp_path, rule(""))
        await line.at(DUE + 100)
        line.rules = rules_of(tmp_path, rule())
        await line.at(DUE + 200)
        assert (await line.asked(), await line.told()) == ([], [])
        await line.at(DUE + DAY)
        assert len(await line.asked()) == 1


def test_a_schedule_of_a_branch_that_nothing_builds_is_warned_about(tmp_path: Path) -> None:
    def warnings(schedule: str) -> list[str]:
        found = rules_of(tmp_path, rule(schedule)).warnings
        return [str(fault) for fault in found if fault.path.startswith("build_config.schedule")]

    assert warnings(NIGHTLY) == []
    (warning,) = warnings(NIGHTLY.replace("main", "dev"))
    assert warning.endswith(
        "build_config.schedule[0].branch: nothing will be built: no tag_config is for the branch dev"
    )
