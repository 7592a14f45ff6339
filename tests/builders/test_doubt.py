"""A trigger that a build system carries out late is not sent again, by whichever process."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskGroup
from builders.test_contract import REMOTE, SITES
from support.builder_contract import Failure, RemoteSite
from support.scripted import RunningClock, Store, eventually, open_store

from bridge.builders.base import Builder
from bridge.model.build import Build, BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.services.health import BuilderHealth
from bridge.services.triggerer import Triggerer

BUILDS = 50
TIMEOUT = 1.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "store", RunningClock()) as opened:
        yield opened


@pytest.fixture
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RemoteSite]:
    kind: str = request.getfixturevalue("kind")
    async with SITES[kind].open(tmp_path) as opened:
        assert isinstance(opened, RemoteSite)
        yield opened


def triggerer_of(store: Store, name: str, builder: Builder) -> Triggerer:
    return Triggerer(
        name,
        builder,
        builds=store.builds,
        jobs=store.jobs,
        health=BuilderHealth(name, store.health, store.clock, lambda: None),
        rooms=(),
        notice_policy=NoticePolicy(store.clock, None),
        clock=store.clock,
        on_triggered=lambda: None,
        wake_notifiers=lambda: None,
    )


async def all_queued(store: Store, builds: Sequence[Build]) -> bool:
    states = [(await store.build(build.id)).state for build in builds]
    assert set(states) <= {BuildState.WAITING, BuildState.TRIGGERING, BuildState.QUEUED}
    return set(states) == {BuildState.QUEUED}


async def add_builds(store: Store, site: RemoteSite) -> list[Build]:
    """Builds of one builder each; each will be triggered late."""
    builds = [
        await store.add_build(str(number), tags=(str(number),), builder=f"ci{number}")
        for number in range(BUILDS)
    ]
    for build in builds:
        site.fail_trigger(Failure("late", seconds=random.uniform(0, 2 * TIMEOUT)))
        site.request(build.id)
    return builds


def check_triggered_once(site: RemoteSite, builds: Sequence[Build]) -> None:
    assert [site.count(build.id) for build in builds] == [1] * BUILDS


@pytest.mark.parametrize("kind", REMOTE)
async def test_a_trigger_that_takes_longer_than_a_call_is_sent_once(
    kind: str, site: RemoteSite, store: Store
) -> None:
    builds = await add_builds(store, site)
    async with AsyncExitStack() as stack, anyio.create_task_group() as tasks:
        for build in builds:
            builder = await stack.enter_async_context(site.builder(timeout=f"{TIMEOUT:.0f}s"))
            tasks.start_soon(triggerer_of(store, build.builder, builder).run)
        await eventually(lambda: all_queued(store, builds), seconds=60)
        tasks.cancel_scope.cancel()
    check_triggered_once(site, builds)


@pytest.mark.parametrize("kind", REMOTE)
async def test_a_trigger_whose_process_ends_before_its_answer_is_sent_once(
    kind: str, site: RemoteSite, store: Store
) -> None:
    builds = await add_builds(store, site)

    async def one_after_the_other(build: Build, tasks: TaskGroup) -> None:
        async with site.builder(timeout=f"{TIMEOUT:.0f}s") as first:
            with anyio.move_on_after(random.uniform(0, TIMEOUT)):
                await triggerer_of(store, build.builder, first).run()
        builder = await stack.enter_async_context(site.builder(timeout=f"{TIMEOUT:.0f}s"))
        tasks.start_soon(triggerer_of(store, build.builder, builder).run)

    async with AsyncExitStack() as stack, anyio.create_task_group() as tasks:
        for build in builds:
            tasks.start_soon(one_after_the_other, build, tasks)
        await eventually(lambda: all_queued(store, builds), seconds=60)
        tasks.cancel_scope.cancel()
    check_triggered_once(site, builds)
