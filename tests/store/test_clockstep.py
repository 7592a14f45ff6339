"""The clock is set forward or back: nothing is delayed by that, and nothing given up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import pytest
from support.outbox import claim, next_due
from support.scripted import Clock, Rounds, Store, failing
from support.services import move

from bridge.model.build import BuildState
from bridge.model.notice import EventName, Notice, NoticeState, ServiceFacts
from bridge.planning.notice_policy import ServiceNoticePolicy
from bridge.runtime.clock import SteadyClock
from bridge.services.housekeeper import ClockFollower
from bridge.store.sql.notices import add
from bridge.store.sql.store import SqlStore

STEPS = pytest.mark.parametrize("step", [-86_400.0, -600.0, 172_800.0])


class Watched:
    """The wall clock of a store is watched beside one that goes on evenly."""

    def __init__(self, store: Store) -> None:
        self.wall = store.clock
        self.even = Clock(0.0)
        self.clock = SteadyClock(self.wall, self.even)
        self.follower = ClockFollower(store, self.clock, lambda: True)
        self.rounds = Rounds.of(self.follower)
        seen = SqlStore(store.database, self.clock, ServiceNoticePolicy(self.clock))
        self.builds, self.notices, self.health = seen.builds, seen.notices, seen.health

    async def step(self, seconds: float) -> None:
        self.wall.advance(seconds)
        await self.rounds.settled()

    def advance(self, seconds: float) -> None:
        self.wall.advance(seconds)
        self.even.advance(seconds)


@asynccontextmanager
async def watching(store: Store) -> AsyncIterator[Watched]:
    watched = Watched(store)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watched.follower.run)
        await watched.rounds.settled()
        yield watched
        tasks.cancel_scope.cancel()


async def put(store: Store, name: str) -> None:
    facts = ServiceFacts(subject="x", detail="y")
    notice = Notice(id=name, channel="team", event=EventName.FAIL, facts=facts, created_at=store.clock())
    await store.database.write(partial(add, notice=notice, dedupe=name))


@pytest.mark.sqlite
@STEPS
async def test_a_build_that_waits_is_due_when_it_was_to_be(store: Store, step: float) -> None:
    waiting, later = await store.add_build("1"), await store.add_build("2", tags=("2",))
    async with watching(store) as watched:
        await watched.builds.update(later.id, next_at=watched.clock() + 60)
        await watched.step(step)
        assert watched.clock() == store.clock()
        assert [build.id for build in await store.due("here")] == [waiting.id]
        watched.advance(60)
        assert [build.id for build in await store.due("here")] == [waiting.id, later.id]
    assert (await store.build(waiting.id)).created_at == waiting.created_at + step


@pytest.mark.sqlite
@STEPS
async def test_a_notice_keeps_its_age_and_its_channel_the_pause_and_the_rate(
    store: Store, step: float
) -> None:
    await put(store, "a")
    async with watching(store) as watched:
        await claim(watched, "team")
        until = watched.clock() + 60
        await watched.notices.end("a", NoticeState.PENDING, "busy", next_at=until)
        await watched.health.pause("channel:team", until, "busy")
        await watched.step(step)
        assert await next_due(watched, "team") == until + step
        assert (await watched.health.get("channel:team")).paused_until == until + step
        assert await watched.notices.sends_since("team", watched.clock() - 1) == [watched.clock()]
        watched.advance(60)
        row = await claim(watched, "team")
        assert row is not None
        assert watched.clock() - row.notice.created_at == 60


@pytest.mark.sqlite
@STEPS
async def test_what_is_open_lasts_no_longer_and_what_has_ended_stays_where_it_was(
    store: Store, step: float
) -> None:
    running, ended = await store.add_build("1"), await store.add_build("2")
    begun = {"triggered_at": store.clock(), "started_at": store.clock()}
    for build in (running, ended):
        await move(store, build, BuildState.TRIGGERING, BuildState.RUNNING, **begun)
    ended = await move(store, ended, BuildState.SUCCEEDED, ended_at=store.clock())
    await put(store, "a")
    await store.notices.end("a", NoticeState.SENT, "")
    sent = await store.notices.get("a")
    await store.health.degrade("channel:team", "no answer", pause=60)
    await store.health.degrade("builder:here", "no answer")
    async with watching(store) as watched:
        await watched.step(step)
    now = await store.build(running.id)
    assert (now.created_at, now.triggered_at, now.started_at) == (store.clock(),) * 3
    assert await store.build(ended.id) == ended
    assert await store.notices.get("a") == sent
    for name, until in (("channel:team", store.clock() + 60), ("builder:here", 0.0)):
        record = await store.health.get(name)
        assert (record.down_since, record.paused_until) == (store.clock(), until)


@pytest.mark.sqlite
async def test_no_service_sees_a_step_before_the_store_has_followed(store: Store) -> None:
    build = await store.add_build()
    async with watching(store) as watched:
        before = watched.clock()
        async with failing(store):
            await watched.step(172_800)
            assert watched.clock() == before
        await watched.rounds.settled()
        assert watched.clock() == before + 172_800
        assert (await store.build(build.id)).created_at == before + 172_800


@pytest.mark.sqlite
async def test_a_clock_that_only_drifts_moves_no_row(store: Store) -> None:
    build = await store.add_build()
    async with watching(store) as watched:
        await watched.step(0.5)
        assert watched.clock() == store.clock()
    assert (await store.build(build.id)).created_at == build.created_at


async def test_what_is_put_off_for_as_long_as_can_be_stays_so(store: Store) -> None:
    build = await store.add_build()
    later = store.clock() + 2 * 3600
    await store.builds.update(build.id, next_at=later)
    await store.health.pause("channel:team", later, "busy")
    assert await store.waits.limit() == 0
    assert (await store.build(build.id)).next_at == later
    assert (await store.health.get("channel:team")).paused_until == later


async def test_a_clock_that_was_set_back_while_no_daemon_ran_holds_nothing_up(store: Store) -> None:
    build = await store.add_build()
    await put(store, "a")
    await store.health.pause("channel:team", store.clock(), "busy")
    store.clock.advance(-86_400)
    assert await store.due("here") == []
    assert await store.waits.limit() == 3
    assert [found.id for found in await store.due("here")] == [build.id]
    assert await claim(store, "team") is not None
    assert (await store.health.get("channel:team")).paused_until == store.clock()
