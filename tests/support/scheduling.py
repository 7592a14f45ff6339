"""A scheduler and the dispatcher that it wakes, on one rule."""

import json
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

from support.harness import SchedulerHarness
from support.listed import newest_deliveries
from support.rules import rules_of
from support.scripted import Store, delivery_of

from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.registry import FORGES

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


class CronHarness(SchedulerHarness):
    """A scheduler on a rule of GitHub, and pushes for it."""

    _sent = 0

    async def push(self, before: str, after: str) -> None:
        self._sent += 1
        body = {
            "ref": "refs/heads/main",
            "before": before,
            "after": after,
            "deleted": after == NONE,
            "repository": {"full_name": "acme/shop-web", "clone_url": URL},
            "head_commit": None if after == NONE else {"id": after, "message": "a change"},
        }
        delivery = delivery_of(
            str(self._sent),
            self.store.clock(),
            source="github",
            forge="GitHub",
            headers={"x-github-event": "push", "content-type": "application/json"},
            body=json.dumps(body).encode(),
        )
        await self.put(delivery)

    @property
    def scheduler_calls(self) -> list[str]:
        """The hand-overs of the scheduler alone."""
        return [name for name in self.calls if name != "on_dispatched"]

    async def builds(self) -> list[Build]:
        return await self.store.builds.in_state("jenkins", *BuildState)

    async def requests(self) -> list[tuple[DeliveryState, str]]:
        """What became of each delivery of a schedule, oldest first."""
        rows = await newest_deliveries(self.store, 100)
        return [(row.state, row.detail) for row in reversed(rows) if row.source == "schedule"]

    async def details(self) -> list[str]:
        """What the messages say that are not about a build."""
        return [detail for _, _, detail in await self.service_notices("message")]


def rule(schedule: str = NIGHTLY, active: str = "true") -> str:
    return RULE.replace("SCHEDULE", schedule).replace("ACTIVE", active)


def scheduling(store: Store, folder: Path, text: str) -> AbstractAsyncContextManager[CronHarness]:
    return CronHarness(store, rules_of(folder, text), {"GitHub": FORGES["GitHub"]}).running()
