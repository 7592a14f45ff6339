"""The services at work on scripted adapters, and the bells they ring."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from support.scripted import Bell, ScriptedBuilder, Store

from bridge.builders.base import Status
from bridge.model.build import Build, BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.services.poller import Poller
from bridge.services.triggerer import Triggerer


async def move(store: Store, build: Build, *states: BuildState, **fields: Any) -> Build:
    """The build, moved through these states."""
    for state in states:
        assert await store.builds.transition(build.id, state, NoticePolicy(store.clock, None), **fields)
    return await store.build(build.id)


async def add_queued(store: Store, key: str = "1", **changes: Any) -> Build:
    """A build that the builder has."""
    build = await store.add_build(key, **changes)
    return await move(store, build, BuildState.TRIGGERING, BuildState.QUEUED, handle=f"handle-{key}")


class TriggerLine:
    """A triggerer at work, and the bells it rings."""

    def __init__(self, store: Store, builder: ScriptedBuilder) -> None:
        self.store = store
        self.builder = builder
        self.rung: list[str] = []
        self.triggerer = Triggerer(
            builder.name,
            builder,
            builds=store.builds,
            health=store.health,
            notice_policy=NoticePolicy(store.clock, None),
            clock=store.clock,
            on_triggered=lambda: self.rung.append("triggered"),
            wake_notifiers=lambda: self.rung.append("told"),
        )
        self.bell = Bell.of(self.triggerer)

    async def turn(self, seconds: float) -> None:
        """Later, when all that is due then has been done."""
        self.store.clock.turn(seconds)
        await self.bell.settled()

    async def down(self) -> bool:
        return (await self.store.health.get(f"builder:{self.builder.name}")).down_since is not None


@asynccontextmanager
async def triggering(store: Store, builder: ScriptedBuilder) -> AsyncIterator[TriggerLine]:
    """A triggerer that has done what was due at its start."""
    line = TriggerLine(store, builder)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(line.triggerer.run)
        await line.bell.settled()
        yield line
        tasks.cancel_scope.cancel()


class PollLine:
    """A poller at work, and the bells it rings."""

    def __init__(self, store: Store, builder: ScriptedBuilder) -> None:
        self.store = store
        self.builder = builder
        self.rung: list[str] = []
        self.poller = Poller(
            builder.name,
            builder,
            builds=store.builds,
            notice_policy=NoticePolicy(store.clock, "https://bridge.example.com/"),
            clock=store.clock,
            on_ended=lambda: self.rung.append("ended"),
            wake_notifiers=lambda: self.rung.append("told"),
        )
        self.bell = Bell.of(self.poller)

    async def turn(self, seconds: float) -> None:
        self.store.clock.turn(seconds)
        await self.bell.settled()

    async def says(self, build: Build, status: Status) -> Build:
        """The build, when the poller has seen this."""
        self.builder.statuses[build.id] = status
        await self.bell.settled()
        return await self.store.build(build.id)


@asynccontextmanager
async def polling(store: Store, builder: ScriptedBuilder) -> AsyncIterator[PollLine]:
    line = PollLine(store, builder)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(line.poller.run)
        await line.bell.settled()
        yield line
        tasks.cancel_scope.cancel()
