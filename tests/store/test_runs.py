"""A retry is another run of the same build: it waits anew, and what the run before had stays as it was."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Select, func, select
from support.engines import indexes
from support.listed import newest_notices
from support.scripted import START, Store, quiet
from support.trail import change_by

from bridge.errors import CannotRetry
from bridge.model.build import Build, BuildState
from bridge.model.notice import BuildFacts, EventName, Subscription
from bridge.planning.notice_policy import NoticePolicy
from bridge.store.schema import build, build_log, earlier_run, step, tip
from bridge.store.sql.logs import RunLog
from bridge.store.sql.runs import kept_by
from bridge.store.sql.turns import next_turn
from bridge.store.values import NoticeFilter

DAY = timedelta(days=1)
ENDS = [state for state in BuildState if state.terminal]
OTHER_SHA = "f" * 40


async def ended(store: Store, build: Build, to: BuildState = BuildState.FAILED) -> Build:
    """The run, triggered and ended, with something in everything that a run has of its own."""
    policy = NoticePolicy(store.clock)
    claimed = await store.builds.claim("here", None, policy)
    assert claimed is not None
    assert claimed.id == build.id
    await store.builds.append_log(claimed.run_id, f"log of run {claimed.run}\n", 7, restarted=False)
    await store.builds.transition(claimed.run_id, BuildState.RUNNING, policy, started_at=store.clock())
    moved = await store.builds.transition(
        claimed.run_id,
        to,
        policy,
        raw="RAW",
        detail="why",
        handle=f"handle-{claimed.run}",
        url="https://ci.example.com/1",
        digest="sha256:1",
        ended_at=store.clock() + 1,
        cancel_reason="by ann",
        superseded="by #2",
        caveat="shared",
        stage="push",
        images_passed=False,
        released=True,
    )
    assert moved is not None
    return moved


@pytest.mark.parametrize("end", ENDS)
async def test_a_retried_build_waits_as_a_new_one_does_and_the_run_before_stays_as_it_was(
    store: Store, end: BuildState
) -> None:
    new = await store.add_build()
    first = await ended(store, new, end)
    before = await store.builds.steps(new.id)
    store.clock.advance(100)
    again = await store.builds.retry(new.id, change_by("ann"), "asked for by ann")
    assert again == await store.build(new.id)
    assert (again.id, again.number, again.request.tags) == (new.id, new.number, new.request.tags)
    assert (again.run, again.run_id, again.request.build_id) == (2, f"{new.id}.2", f"{new.id}.2")
    assert again.request.variables()["BRIDGE_BUILD_ID"] == f"{new.id}.2"
    assert (again.created_at, again.enqueued_at, again.next_at) == (START, START + 100, START + 100)
    own: tuple[str, ...] = (
        "state",
        "raw",
        "detail",
        "handle",
        "url",
        "digest",
        "triggered_at",
        "started_at",
        "ended_at",
    )
    own += ("attempts", "log_offset", "cancel_reason", "superseded", "caveat", "stage", "images_passed")
    assert [getattr(again, name) for name in own] == [getattr(new, name) for name in own]
    assert await store.builds.runs(new.id) == [await store.builds.run(new.id), again]
    kept = await store.builds.run(new.id)
    assert kept is not None
    assert [getattr(kept, name) for name in own] == [getattr(first, name) for name in own[:10]] + [
        7,
        *(getattr(first, name) for name in own[11:]),
    ]
    assert (kept.run, kept.enqueued_at, kept.retried_by, again.retried_by) == (1, START, None, "ann")
    assert (await store.builds.steps(new.id, run=1))[:-1] == before
    assert [(one.what, one.detail) for one in await store.builds.steps(new.id)] == [
        ("waiting", "run 2, asked for by ann")
    ]
    assert (await store.builds.steps(new.id, run=1))[-1].what == "retried"
    assert [build.id for build in await store.due("here")] == [new.id]


@pytest.mark.parametrize("state", [state for state in BuildState if not state.terminal])
async def test_a_build_that_has_not_ended_is_not_retried(store: Store, state: BuildState) -> None:
    build = await store.add_build()
    path = [BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING]
    for to in path[: path.index(state) + 1] if state in path else []:
        assert await store.builds.transition(build.id, to, quiet)
    with pytest.raises(CannotRetry, match=rf"acme/shop #1 has not ended: it is {state}\. Cancel it"):
        await store.builds.retry(build.id, change_by("ann"), "again")
    assert [one.run for one in await store.builds.runs(build.id)] == [1]


async def test_what_there_is_not_cannot_be_retried_and_of_two_at_once_one_is(store: Store) -> None:
    with pytest.raises(CannotRetry, match="there is no build none"):
        await store.builds.retry("none", change_by("ann"), "again")
    assert await store.builds.run("none.2") is None
    assert await store.builds.runs("none") == []
    build = await store.add_build()
    await ended(store, build)
    await store.builds.retry(build.id, change_by("ann"), "again")
    with pytest.raises(CannotRetry, match="it is waiting"):
        await store.builds.retry(build.id, change_by("bob"), "again")


async def test_nothing_that_is_written_of_an_earlier_run_touches_the_newest(store: Store) -> None:
    build = await store.add_build()
    first = await ended(store, build, BuildState.UNKNOWN)
    await store.builds.retry(build.id, change_by("ann"), "again")
    waiting = await store.build(build.id)
    for to in BuildState:
        assert await store.builds.transition(first.run_id, to, quiet) is None
    await store.builds.update(first.run_id, raw="LATE", handle="late")
    await store.builds.append_log(first.run_id, "late\n", 12, restarted=False)
    await store.builds.add_step(first.run_id, "stop", "asked")
    assert await store.build(build.id) == waiting
    assert await store.builds.log(build.id) == []
    assert await store.builds.log_tail(build.id, 100) == ""
    assert await store.steps(build.id) == ["waiting"]
    kept = await store.builds.run(first.run_id)
    assert kept is not None
    assert (kept.state, kept.raw, kept.handle, kept.log_offset) == (BuildState.UNKNOWN, "LATE", "late", 12)
    assert await store.builds.log_tail(build.id, 100, run=1) == "log of run 1\nlate\n"
    assert (await store.builds.steps(build.id, run=1))[-1].detail == "asked"


async def test_each_run_has_a_log_of_its_own_whose_rows_count_on(store: Store) -> None:
    build = await store.add_build()
    await ended(store, build)
    await store.builds.retry(build.id, change_by("ann"), "again")
    await ended(store, build)
    # What is still read of the earlier run comes last.
    await store.builds.append_log(build.id, "rest of ", 9, restarted=False)
    await store.builds.append_log(f"{build.id}.2", "half a line", 9, restarted=False)

    assert [(one.seq, one.text) for one in await store.builds.log(build.id, run=1)] == [
        (0, "log of run 1\n"),
        (2, "rest of "),
    ]
    assert [(one.seq, one.text) for one in await store.builds.log(build.id)] == [
        (1, "log of run 2\n"),
        (3, "half a line"),
    ]
    assert await store.builds.log(build.id) == await store.builds.log(build.id, run=2)
    assert await store.builds.log(build.id, run=3) == []
    assert await store.database.read(RunLog(build.id, 1).unfinished_line) == "rest of "


async def test_a_person_may_end_the_new_run_although_the_one_before_was_cancelled(store: Store) -> None:
    build = await store.add_build()
    await ended(store, build, BuildState.CANCELLED)
    await store.builds.retry(build.id, change_by("ann"), "again")
    assert await store.builds.unwanted("here") == []
    assert await store.builds.request_cancel(build.id, "by bob", change_by())
    assert await store.steps(build.id) == ["waiting", "cancel"]
    (unwanted,) = await store.builds.unwanted("here")
    assert unwanted.cancel_reason == "by bob"


async def test_a_retried_build_waits_for_what_was_asked_for_before_it(store: Store) -> None:
    first, second = [await store.add_build(str(number)) for number in range(2)]
    await ended(store, first)
    await store.builds.retry(first.id, change_by("ann"), "again")
    third = await store.add_build("3")
    order: list[str] = []
    for _ in range(3):
        claimed = await store.builds.claim("here", None, quiet)
        assert claimed is not None
        assert await store.builds.claim("here", None, quiet) is None, "one after the other"
        order.append(claimed.run_id)
        await store.builds.transition(claimed.run_id, BuildState.SUCCEEDED, quiet)
    assert order == [second.id, f"{first.id}.2", third.id]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (select(next_turn(build)), "build_turn"),
        (kept_by("here", 9), "earlier_run_kept"),
    ],
    ids=["the next turn", "what builders keep"],
)
async def test_what_is_asked_often_is_found_by_index(store: Store, query: Select[Any], index: str) -> None:
    found = await store.database.read(partial(indexes, query=query))
    assert index in found, found


async def test_a_run_that_may_still_go_on_keeps_its_turn(store: Store) -> None:
    lost = await store.add_build("1")
    await ended(store, lost, BuildState.UNKNOWN)
    later = await store.add_build("2")
    assert await store.builds.transition(lost.id, BuildState.RUNNING, quiet)
    assert await store.due("here") == []
    assert await store.builds.transition(lost.id, BuildState.SUCCEEDED, quiet)
    assert [build.id for build in await store.due("here")] == [later.id]


async def test_a_retry_of_older_code_says_so_and_moves_no_tip(store: Store) -> None:
    old = await store.add_build("1")
    await ended(store, old)
    new = await store.add_build("2", sha=OTHER_SHA, pushed=OTHER_SHA)
    await ended(store, new)
    await store.builds.retry(new.id, change_by("ann"), "asked for by ann")
    await store.builds.retry(old.id, change_by("ann"), "asked for by ann")
    details = [(await store.builds.steps(build.id))[0].detail for build in (new, old)]
    assert details == [
        "run 2, asked for by ann",
        f"run 2, asked for by ann; older than {OTHER_SHA}, which was already pushed; a person asked for it",
    ]
    known = await store.database.read(
        lambda connection: connection.execute(select(tip.c.pushed)).scalars().all()
    )
    assert known == [OTHER_SHA]


async def events(store: Store, build: Build) -> list[tuple[EventName, int, int | None]]:
    """Of each message about the build its event, and the streak with the number of its first build."""
    rows = await newest_notices(store, 100, NoticeFilter(build_id=build.id, channel="message"))
    facts = [(row.notice.event, row.notice.facts) for row in reversed(rows)]
    runs = [one.run for _, one in facts if isinstance(one, BuildFacts)]
    assert runs == [1 + place // 2 for place in range(len(facts))], "a start and an end of each"
    return [(event, one.streak, one.streak_since) for event, one in facts if isinstance(one, BuildFacts)]


async def test_each_run_announces_its_start_and_its_end(store: Store) -> None:
    build = await store.add_build()
    for number in range(3):
        await ended(store, build, BuildState.FAILED)
        await store.builds.retry(build.id, change_by("ann"), f"try {number}")
    await ended(store, build, BuildState.SUCCEEDED)
    await store.builds.retry(build.id, change_by("ann"), "once more")
    await ended(store, build, BuildState.SUCCEEDED)
    start = (EventName.START, 0, None)
    fail = (EventName.FAIL, 1, None)
    assert await events(store, build) == [
        *[start, fail] * 3,
        start,
        (EventName.FIXED, 1, 1),
        start,
        (EventName.SUCCESS, 0, None),
    ], "a build that failed three times is one failure, and it is fixed once"


async def test_a_build_counts_as_its_last_run_ended(store: Store) -> None:
    first, second = await store.add_build("1"), await store.add_build("2")
    await ended(store, first, BuildState.FAILED)
    await ended(store, second, BuildState.FAILED)
    assert (await events(store, second))[-1] == (EventName.FAIL, 2, 1)
    await store.builds.retry(first.id, change_by("ann"), "again")
    await ended(store, first, BuildState.SUCCEEDED)
    assert (await events(store, first))[-1] == (EventName.FIXED, 1, 1)
    third = await store.add_build("3")
    await ended(store, third, BuildState.FAILED)
    assert (await events(store, third))[-1] == (EventName.FAIL, 2, 2)


async def test_who_hears_of_changes_only_hears_of_one_failure_of_a_build(store: Store) -> None:
    changes = Subscription(
        channel="team", events=frozenset({EventName.FAIL, EventName.FIXED}), only="changes"
    )
    build = await store.add_build(subscriptions=(changes,))
    for end in (BuildState.FAILED, BuildState.UNKNOWN, BuildState.SUCCEEDED, BuildState.FAILED):
        await ended(store, build, end)
        await store.builds.retry(build.id, change_by("ann"), "again")
    assert await store.events("team") == [EventName.FAIL, EventName.FIXED, EventName.FAIL]


async def test_a_build_is_kept_as_long_as_its_newest_run_and_goes_with_all_of_them(store: Store) -> None:
    build = await store.add_build("1")
    await ended(store, build)
    store.clock.advance(3 * DAY.total_seconds())
    await store.builds.retry(build.id, change_by("ann"), "again")
    await ended(store, build)
    await store.builds.retry(build.id, change_by("ann"), "again")
    await ended(store, build)
    await store.add_build("2")

    def left(connection: Connection) -> list[int]:
        tables = (earlier_run.c.build_id, build_log.c.build_id)
        rows = [select(func.count()).where(column == build.id) for column in tables]
        rows.append(select(func.count()).where(step.c.subject.startswith(build.id)))
        return [connection.execute(query).scalar_one() for query in rows]

    await store.prune(deliveries=DAY, builds=DAY)
    assert await store.builds.get(build.id) is not None
    store.clock.advance(DAY.total_seconds() + 1)
    await store.prune(deliveries=DAY, builds=DAY)
    assert await store.builds.get(build.id) is None
    assert await store.database.read(left) == [0, 0, 0]


async def test_an_earlier_run_is_kept_for_its_builder_until_that_is_free_of_it(store: Store) -> None:
    build = await store.add_build()
    await ended(store, build)
    await store.builds.update(build.id, released=False)
    await store.builds.retry(build.id, change_by("ann"), "again")
    assert await store.builds.unreleased("here", START + 1e9) == []
    assert await store.builds.replaced("elsewhere") == []
    assert await store.builds.replaced("here") == [build.id]
    await store.builds.update(build.id, released=True)
    assert await store.builds.replaced("here") == []


async def test_a_clock_that_is_set_moves_the_run_and_not_the_build(store: Store) -> None:
    build = await store.add_build()
    await ended(store, build)
    store.clock.advance(10)
    await store.builds.retry(build.id, change_by("ann"), "again")
    await store.shift_clock(3600)
    moved = await store.build(build.id)
    assert (moved.created_at, moved.enqueued_at) == (START, START + 3610)
