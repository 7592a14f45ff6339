"""Builds as far as a test wants them, and the services that take them further."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from support.harness import PollerHarness, TriggererHarness
from support.scripted import ScriptedBuilder, Store

from bridge.builders.jenkins.builder import JenkinsBuilder
from bridge.model.build import Build, BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.services.room import Room


async def move(store: Store, build: Build, *states: BuildState, **fields: Any) -> Build:
    """The build, moved through these states."""
    for state in states:
        assert await store.builds.transition(build.id, state, NoticePolicy(store.clock), **fields)
    return await store.build(build.id)


async def add_queued(store: Store, key: str = "1", **changes: Any) -> Build:
    """A build that the builder has."""
    build = await store.add_build(key, **changes)
    return await move(store, build, BuildState.TRIGGERING, BuildState.QUEUED, handle=f"handle-{key}")


def triggering(
    store: Store, builder: ScriptedBuilder | JenkinsBuilder, *rooms: Room
) -> AbstractAsyncContextManager[TriggererHarness]:
    return TriggererHarness(store, builder, *rooms).running()


def polling(store: Store, builder: ScriptedBuilder) -> AbstractAsyncContextManager[PollerHarness]:
    return PollerHarness(store, builder).running()
