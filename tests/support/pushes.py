"""A dispatcher on pushes of letters, and a builder with a registry that a test drives by hand."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.harness import DispatcherHarness
from support.rules import rules_of
from support.scripted import Store, delivery_of
from support.trail import change_by

from bridge.forges.base import Forge
from bridge.model.build import Build, BuildState
from bridge.model.delivery import Delivery
from bridge.planning.notice_policy import NoticePolicy
from bridge.registry import FORGES
from bridge.rules.match import RuleSet
from bridge.store.values import BuildChange, DeliveryRow

URL = "https://git.example.com/shop.git"
RULE = f"""
namespace: acme
repo_name: shop
notices: [{{channel: team, enabled_event_type_names: [buildJobFail], only: changes}}]
build_config:
  code_repo_client: Simple
  code_repo_clone_url: {URL}
  on_newer: ON_NEWER
  concurrency: CONCURRENCY
  builder: BUILDER
  parameters: {{SIDE: left}}
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "*", docker_repo_tag: "{{branch}}", version_tagging: 1}}
    - {{code_repo_type: branch, code_repo_type_value: "paths/*", docker_repo_tag: "{{1}}", paths: ["src/**"]}}
    - {{code_repo_type: branch, code_repo_type_value: "both/*", docker_repo_tag: "{{1}}", version_tagging: 2}}
    - {{code_repo_type: branch, code_repo_type_value: "both/*", docker_repo_tag: "{{1}}-{{short_sha}}"}}
    - {{code_repo_type: branch, code_repo_type_value: "each/*", docker_repo_tag: "{{sha}}"}}
    - {{code_repo_type: branch, code_repo_type_value: "name/**", docker_repo_tag: "{{1}}"}}
    - {{code_repo_type: branch, code_repo_type_value: "app/*", docker_repo_tag: "{{1}}", version_tagging: 2,
       build_context_path: /app, dockerfile_location: /app/Dockerfile}}
    - {{code_repo_type: tag, code_repo_type_value: "*", docker_repo_tag: "{{tag}}"}}
"""
NONE = "0" * 40


def sha(letter: str) -> str:
    """The commit of a letter, `-` is none."""
    return NONE if letter == "-" else f"{ord(letter):040x}"


class PushHarness(DispatcherHarness):
    """A dispatcher, a builder that does what the test says, and what is in its registry."""

    def __init__(self, store: Store, rules: RuleSet, forges: Mapping[str, Forge]) -> None:
        super().__init__(store, rules, forges)
        self.registry: dict[str, str] = {}
        self.sent = 0

    async def push(self, move: str, ref: str = "refs/heads/main", **data: Any) -> DeliveryRow:
        """Of a ref, from one letter's commit to another's."""
        (row,) = await self.put(self.delivery(move, ref, **data))
        return row

    def delivery(self, move: str, ref: str = "refs/heads/main", **data: Any) -> Delivery:
        """The same, which has not arrived yet."""
        self.sent += 1
        said = {"repository": {"full_name": "acme/shop", "clone_url": URL}, "ref": ref}
        said |= {"before": sha(move[0]), "after": sha(move[1])} | data
        body = json.dumps({"type": "push", "data": said}).encode()
        self.store.clock.advance(1)
        return delivery_of(str(self.sent), self.store.clock(), body=body)

    async def again(self, row: DeliveryRow) -> DeliveryRow:
        """The redelivery that a person asked for."""
        self.store.clock.advance(1)
        again = await self.store.deliveries.redeliver(row.delivery.id, change_by())
        await self.settled()
        return await self.row(again)

    async def builds(self) -> list[Build]:
        """All, oldest first."""
        states = list(BuildState)
        return await self.store.builds.in_state("jenkins", *states)

    async def start(self) -> list[Build]:
        """Every build that is eligible goes to the builder."""
        due = await self.store.due("jenkins")
        for build in due:
            for state in (BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING):
                change = BuildChange(triggered_at=self.store.clock(), handle=build.run_id)
                assert await self.store.builds.transition(
                    build.run_id, state, NoticePolicy(self.store.clock), **change
                )
        return due

    async def finish(self) -> None:
        """Every build that runs ends, the newest first."""
        for build in reversed(await self.store.builds.in_state("jenkins", BuildState.RUNNING)):
            self.registry |= dict.fromkeys(build.request.tags, build.request.commit)
            notice_policy = NoticePolicy(self.store.clock)
            assert await self.store.builds.transition(build.run_id, BuildState.SUCCEEDED, notice_policy)

    async def drain(self) -> None:
        while await self.start():
            await self.finish()


@asynccontextmanager
async def pushing(
    store: Store,
    folder: Path,
    on_newer: str = "queue",
    *,
    concurrency: int = 1000,
    name: str = "shop",
    builder: str = "jenkins",
) -> AsyncIterator[PushHarness]:
    """On rules for the branches `NAME`, `paths/NAME`, `both/NAME`, `each/NAME`, `app/NAME`, and every tag."""
    rule = RULE.replace("ON_NEWER", on_newer).replace("CONCURRENCY", str(concurrency))
    rule = rule.replace("BUILDER", builder)
    rule = rule.replace("repo_name: shop", f"repo_name: {name}")
    harness = PushHarness(store, rules_of(folder, rule), {"Simple": FORGES["Simple"]})
    async with harness.running():
        yield harness
