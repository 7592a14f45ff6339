"""A dispatcher at work on pushes of letters, and a builder with a registry that a test drives by hand."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from support.rules import rules_of
from support.scripted import Bell, Store, delivery_of

from bridge.model.build import Build, BuildState
from bridge.model.delivery import Delivery, DeliveryState
from bridge.planning.notice_policy import NoticePolicy
from bridge.registry import FORGES
from bridge.services.dispatcher import Dispatcher
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


@dataclass
class World:
    """A dispatcher at work, a builder that does what the test says, and what is in its registry."""

    store: Store
    bell: Bell
    registry: dict[str, str] = field(default_factory=dict)
    sent: int = 0

    async def judged(self, delivery: Delivery) -> DeliveryRow:
        receipt = await self.store.deliveries.put(delivery)
        return await self.row(receipt.id)

    async def row(self, delivery_id: str) -> DeliveryRow:
        await self.bell.settled()
        found = await self.store.deliveries.get(delivery_id)
        assert found is not None
        assert found[0].state is not DeliveryState.STORED
        return found[0]

    async def push(self, move: str, ref: str = "refs/heads/main", **data: Any) -> DeliveryRow:
        """Of a ref, from one letter's commit to another's."""
        self.sent += 1
        said = {"repository": {"full_name": "acme/shop", "clone_url": URL}, "ref": ref}
        said |= {"before": sha(move[0]), "after": sha(move[1])} | data
        body = json.dumps({"type": "push", "data": said}).encode()
        self.store.clock.turn(1)
        return await self.judged(delivery_of(str(self.sent), self.store.clock(), body=body))

    async def again(self, row: DeliveryRow) -> DeliveryRow:
        """The redelivery that a person asked for."""
        self.store.clock.turn(1)
        return await self.row(await self.store.deliveries.redeliver(row.delivery.id))

    async def builds(self) -> list[Build]:
        """All, oldest first."""
        states = list(BuildState)
        return await self.store.builds.in_state("jenkins", *states)

    async def start(self) -> list[Build]:
        """Every build whose turn it is goes to the builder."""
        due = await self.store.builds.due("jenkins", 100)
        for build in due:
            for state in (BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING):
                change = BuildChange(triggered_at=self.store.clock(), handle=build.id)
                assert await self.store.builds.transition(
                    build.id, state, NoticePolicy(self.store.clock, None), **change
                )
        return due

    async def finish(self) -> None:
        """Every build that runs ends, the newest first."""
        for build in reversed(await self.store.builds.in_state("jenkins", BuildState.RUNNING)):
            self.registry |= dict.fromkeys(build.request.tags, build.request.commit)
            notice_policy = NoticePolicy(self.store.clock, None)
            assert await self.store.builds.transition(build.id, BuildState.SUCCEEDED, notice_policy)

    async def drain(self) -> None:
        while await self.start():
            await self.finish()


@asynccontextmanager
async def world(
    store: Store,
    folder: Path,
    on_newer: str = "queue",
    *,
    concurrency: int = 1000,
    name: str = "shop",
    builder: str = "jenkins",
) -> AsyncIterator[World]:
    """On rules for the branches `NAME`, `paths/NAME`, `both/NAME`, `each/NAME`, `app/NAME`, and every tag."""
    rule = RULE.replace("ON_NEWER", on_newer).replace("CONCURRENCY", str(concurrency))
    rule = rule.replace("BUILDER", builder)
    rule = rule.replace("repo_name: shop", f"repo_name: {name}")
    found = rules_of(folder, rule)
    dispatcher = Dispatcher(
        {"Simple": FORGES["Simple"]},
        lambda: found,
        store.deliveries,
        default_notices=(),
        notice_policy=NoticePolicy(store.clock, None),
        on_dispatched=lambda: None,
    )
    bell = Bell.of(dispatcher)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(dispatcher.run)
        yield World(store, bell)
        tasks.cancel_scope.cancel()
