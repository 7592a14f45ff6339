"""Old rows go at each wakeup; systemd hears from us while the loop and the writer live."""

import socket
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from support.listed import newest_deliveries, newest_notices
from support.scripted import Rounds, Store, delivery_of, eventually, failing, quiet
from support.trail import change_by
from support.wallclock import set_tick_clock_back

from bridge.config.settings import RetentionSettings
from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import EventName, NoticeState, Subscription
from bridge.planning.builds import plan
from bridge.planning.notice_policy import NoticePolicy
from bridge.services.base import Crew
from bridge.services.housekeeper import Liveness, Overview, Pruner, Unserved, WaitLimiter
from bridge.services.leftovers import end_orphans
from bridge.store.sql import database
from bridge.store.values import Decision, NoticeFilter

DAY = timedelta(days=1)


async def add_decided(store: Store, key: str) -> None:
    delivery = delivery_of(key, store.clock())
    await store.deliveries.put(delivery)
    await store.deliveries.record_decision(
        delivery.id, Decision(state=DeliveryState.IGNORED, detail="", explanation=[]), quiet, plan
    )


async def test_what_a_node_of_tomorrow_has_put_off_is_due_today(store: Store) -> None:
    build, other = await store.add_build("1"), await store.add_build("2", tags=("2",))
    await store.builds.update(build.id, next_at=store.clock() + DAY.total_seconds() + 60)
    await store.builds.update(other.id, next_at=store.clock() + 60)
    await store.notices.pause("team", store.clock() + DAY.total_seconds())
    await WaitLimiter(store.waits).round()
    assert [due.id for due in await store.due("here")] == [build.id]
    assert await store.notices.paused_until("team") == store.clock()


async def test_old_rows_go_in_each_round_and_a_failing_store_stops_nothing(store: Store) -> None:
    pruner = Pruner(store, lambda: RetentionSettings(deliveries=DAY, builds=DAY))
    rounds = Rounds.of(pruner)
    await add_decided(store, "old")
    store.clock.advance(2 * DAY.total_seconds())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pruner.run)
        await rounds.settled()
        assert await newest_deliveries(store, 10) == []
        await add_decided(store, "older")
        store.clock.advance(2 * DAY.total_seconds())
        async with failing(store):
            await rounds.settled()
            assert len(await newest_deliveries(store, 10)) == 1
        await rounds.settled()
        assert await newest_deliveries(store, 10) == []
        tasks.cancel_scope.cancel()


async def test_deliveries_and_builds_are_kept_each_for_their_own_time(store: Store) -> None:
    for key in "12":
        build = await store.add_build(key)
        await store.builds.transition(build.id, BuildState.FAILED, NoticePolicy(store.clock))
    store.clock.advance(2 * DAY.total_seconds())

    async def keep(deliveries: timedelta, builds: timedelta) -> tuple[int, int]:
        await Pruner(store, lambda: RetentionSettings(deliveries=deliveries, builds=builds)).round()
        return len(await newest_deliveries(store, 10)), len(await store.builds.in_state("here", *BuildState))

    assert await keep(3 * DAY, 3 * DAY) == (2, 2)
    assert await keep(DAY, 3 * DAY) == (0, 2)
    assert await keep(3 * DAY, DAY) == (0, 1), "the newest of a repository stays, for its number"


async def test_a_notice_for_a_channel_that_was_removed_while_it_built_says_so(
    store: Store,
) -> None:
    notice_policy = NoticePolicy(store.clock)
    unserved = Unserved(store, lambda: ["here"], lambda: ["team", "message"], notice_policy)
    rounds = Rounds.of(unserved)
    subscription = Subscription(channel="gone", events=frozenset({EventName.FAIL}))
    build = await store.add_build(subscriptions=(subscription,))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(unserved.run)
        await rounds.settled()
        await store.builds.transition(build.id, BuildState.FAILED, notice_policy)
        async with failing(store):
            await rounds.settled()
        await rounds.settled()
        tasks.cancel_scope.cancel()
    (notice,) = await newest_notices(store, 10, NoticeFilter(channel="gone"))
    assert (notice.state, notice.reason) == (NoticeState.DEAD, "config")
    assert notice.detail == "there is no channel gone any more"
    (kept,) = await newest_notices(store, 10, NoticeFilter(channel="message"))
    assert kept.state is NoticeState.PENDING


async def test_a_retry_that_needs_a_builder_of_long_ago_ends_and_says_so(store: Store) -> None:
    unserved = Unserved(store, lambda: ["here"], lambda: ["message"], NoticePolicy(store.clock))
    rounds = Rounds.of(unserved)
    gone, kept = await store.add_build("1", builder="gone"), await store.add_build("2", ref="other")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(unserved.run)
        await rounds.settled()
        await store.builds.retry(gone.id, change_by("ann"), "again")
        await rounds.settled()
        tasks.cancel_scope.cancel()
    first, second = await store.builds.runs(gone.id)
    assert (first.state, second.state) == (BuildState.FAILED, BuildState.FAILED)
    assert second.detail == "there is no builder gone any more"
    assert (await store.build(kept.id)).state is BuildState.WAITING
    assert await store.events() == [EventName.FAIL, EventName.FAIL]


async def test_a_builder_that_comes_back_while_its_builds_are_being_ended_keeps_the_rest(
    store: Store,
) -> None:
    builds = [await store.add_build(key, builder="gone", tags=(key,)) for key in "ab"]
    named = iter([["here"], ["here"], ["here", "gone"]])
    await end_orphans(store.builds, lambda: next(named), NoticePolicy(store.clock))
    states = [(await store.build(build.id)).state for build in builds]
    assert sorted(states) == [BuildState.FAILED, BuildState.WAITING]


async def test_systemd_hears_from_us_while_the_writer_lives_whatever_the_wall_clock_says(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "10000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    fed: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.bind(str(tmp_path / "notify"))

        def hear() -> int:
            with suppress(BlockingIOError):
                while True:
                    fed.append(manager.recv(100))
            return len(fed)

        liveness = Liveness(store)
        async with Crew().running([liveness]):
            await eventually(lambda: hear() >= 3)
            set_tick_clock_back(monkeypatch, seconds=60)
            before = hear()
            await eventually(lambda: hear() >= before + 3)
        before = hear()
        await liveness.round()
        assert hear() == before + 1
        monkeypatch.setattr(database, "BEAT_SECONDS", -1.0)
        await liveness.round()
        assert hear() == before + 1, "a dead writer is not covered up"
    assert set(fed) == {b"WATCHDOG=1"}


async def test_without_a_watchdog_nothing_is_fed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.bind(str(tmp_path / "notify"))
        await Liveness(store).round()
        with pytest.raises(BlockingIOError):
            manager.recv(100)


async def test_systemd_shows_what_the_daemon_does_and_hears_of_changes_only(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.bind(str(tmp_path / "notify"))
        overview = Overview(store, lambda: ["jenkins"])

        async def said() -> str | None:
            await overview.round()
            with suppress(BlockingIOError):
                return manager.recv(400).decode()
            return None

        assert await said() == "STATUS=idle"
        assert await said() is None
        builds = [await store.add_build(key, builder="jenkins", ref=key) for key in "123"]
        assert await said() == "STATUS=builds: 0 with a builder, 3 waiting"
        for state in (BuildState.TRIGGERING, BuildState.RUNNING):
            assert await store.builds.transition(builds[0].id, state, NoticePolicy(store.clock))
        working = "STATUS=builds: 1 with a builder, 2 waiting"
        assert await said() == working
        await store.health.degrade("builder:jenkins", "connection refused")
        assert await said() == f"{working}; degraded: builder jenkins down"
        await store.builds.add_step(builds[0].id, "stage", "compile")
        assert await said() is None
        for number in range(6):
            await store.health.degrade(f"channel:{number}", "gone")
        names = "builder jenkins, channel 0, channel 1, channel 2, channel 3, and 2 more"
        assert await said() == f"{working}; degraded: {names} down"
