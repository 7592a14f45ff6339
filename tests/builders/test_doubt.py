"""A trigger that a build system carries out late is not sent again, by whichever process."""

import os
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskGroup
from support.builder_contract import Failure, RemoteSite
from support.builder_sites import REMOTE, SITES
from support.scripted import RunningClock, Store, open_store

from bridge.model.build import Build, BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.services.health import BuilderHealth, Circuit
from bridge.services.triggerer import Triggerer

BUILDS = int(os.environ.get("DOUBTS", "15"))
TIMEOUT = 1.0
SETTLE_SECONDS = 4 * TIMEOUT
"""A request that was given up arrives within this time here; the kinds themselves wait longer."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "store", RunningClock()) as opened:
        yield opened


class Group:
    """Builds of one builder each, whose triggers are carried out late, and whether the builder has them."""

    def __init__(self, store: Store, site: RemoteSite) -> None:
        self._store = store
        self._site = site
        self._builds: list[Build] = []
        self._queued: set[str] = set()
        self._all_queued = anyio.Event()

    async def run(self, take: Callable[["Group", Build, TaskGroup], Coroutine[None, None, None]]) -> None:
        """Let triggerers `take` the builds, all at once, until the builder has every one of them."""
        for number in range(BUILDS):
            key = f"{take.__name__} {number}"
            self._builds.append(await self._store.add_build(key, tags=(key,), builder=key))
        for build in self._builds:
            self._site.fail_trigger(Failure("late", seconds=random.uniform(0, 2 * TIMEOUT)))
            self._site.request(build.id)
        async with anyio.create_task_group() as tasks:
            for build in self._builds:
                tasks.start_soon(take, self, build, tasks)
            with anyio.fail_after(60):
                await self._all_queued.wait()
            tasks.cancel_scope.cancel()
        states = {(await self._store.build(build.id)).state for build in self._builds}
        assert states == {BuildState.QUEUED}
        assert [self._site.count(build.id) for build in self._builds] == [1] * BUILDS

    async def trigger(self, build: Build) -> None:
        """A triggerer as in a process of its own."""
        name, store = build.builder, self._store
        async with self._site.builder(timeout=f"{TIMEOUT:.0f}s") as builder:
            builder.settle_seconds = SETTLE_SECONDS
            triggerer = Triggerer(
                name,
                builder,
                builds=store.builds,
                jobs=store.jobs,
                health=BuilderHealth(name, store.health, Circuit(store.clock), lambda: None),
                rooms=(),
                notice_policy=NoticePolicy(store.clock),
                clock=store.clock,
                on_triggered=lambda: self._is_queued(name),
                wake_notifiers=lambda: None,
            )
            # A look that is due is not left for a whole second.
            triggerer.tick = 0.55 * TIMEOUT
            await triggerer.run()

    def _is_queued(self, name: str) -> None:
        self._queued.add(name)
        if len(self._queued) == BUILDS:
            self._all_queued.set()


async def one_process(group: Group, build: Build, _tasks: TaskGroup) -> None:
    await group.trigger(build)


async def two_processes(group: Group, build: Build, tasks: TaskGroup) -> None:
    """The first one ends at any moment."""
    with anyio.move_on_after(random.uniform(0, TIMEOUT)):
        await group.trigger(build)
    tasks.start_soon(one_process, group, build, tasks)


@pytest.mark.parametrize("kind", [kind for kind in REMOTE if SITES[kind].ABSENT is None])
async def test_a_trigger_that_takes_longer_than_its_call_or_its_process_is_sent_once(
    kind: str, store: Store, tmp_path: Path
) -> None:
    """Both at once, since most of the time is waiting."""
    async with AsyncExitStack() as stack, anyio.create_task_group() as groups:
        for take in (one_process, two_processes):
            site = await stack.enter_async_context(SITES[kind].open(tmp_path / take.__name__))
            assert isinstance(site, RemoteSite)
            groups.start_soon(Group(store, site).run, take)
