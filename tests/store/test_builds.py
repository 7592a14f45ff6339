"""Builds move along the table of transitions only, and their names and numbers never repeat."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import anyio.from_thread
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, func, select
from support.engines import indexes
from support.held_writer import held_writer
from support.listed import newest_notices
from support.outbox import claim
from support.scripted import SHA, START, Clock, Store, delivery_of, eventually, new_build, quiet
from support.trail import change_by

from bridge.errors import CannotRetry
from bridge.model.build import TRANSITIONS, Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import EventName, Notice, ServiceFacts
from bridge.planning.builds import plan
from bridge.planning.notice_policy import NoticePolicy
from bridge.services.leftovers import end_orphans
from bridge.store.schema import build as build_table
from bridge.store.schema import build_log, delivery, message, notice, step, tip
from bridge.store.sql.builds import MAX_TEXT
from bridge.store.sql.eligibility import due
from bridge.store.sql.notices import add
from bridge.store.sqlite.database import Database
from bridge.store.values import Cursor, Decision

DAY = timedelta(days=1)


class Moves(RuleBasedStateMachine):
    """Any wish in any order: the store grants just those that the table allows."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.portal_context = anyio.from_thread.start_blocking_portal()
        self.portal = self.portal_context.__enter__()
        path = Path(self.folder.name) / "bridge.db"
        self.store = Store(Database.open(path, exclusive=True), Clock(), path)

    @initialize()
    def make(self) -> None:
        self.build_id = self.run_id = self.portal.call(self.store.add_build).id
        self.state = BuildState.WAITING
        self.path = [BuildState.WAITING]

    @rule(to=st.sampled_from(BuildState))
    def move(self, to: BuildState) -> None:
        moved = self.portal.call(self.store.builds.transition, self.run_id, to, quiet)
        assert (moved is not None) == (to in TRANSITIONS[self.state])
        if moved is not None:
            assert moved.state is to
            self.state = to
            self.path.append(to)

    @rule()
    def retry(self) -> None:
        if not self.state.terminal:
            with pytest.raises(CannotRetry):
                self.portal.call(self.store.builds.retry, self.build_id, change_by("ann"), "again")
            return
        before = self.run_id
        self.run_id = self.portal.call(
            self.store.builds.retry, self.build_id, change_by("ann"), "again"
        ).run_id
        for to in BuildState:
            assert self.portal.call(self.store.builds.transition, before, to, quiet) is None
        self.state = BuildState.WAITING
        self.path = [BuildState.WAITING]

    @rule()
    def ask_for_the_end(self) -> None:
        build = self.portal.call(self.store.build, self.build_id)
        asked = self.portal.call(self.store.builds.request_cancel, self.build_id, "by ann", change_by())
        assert asked == (not self.state.terminal and build.cancel_reason is None)

    @invariant()
    def the_timeline_is_the_way_it_went(self) -> None:
        if hasattr(self, "build_id"):
            steps = self.portal.call(self.store.steps, self.build_id)
            assert [what for what in steps if what != "cancel"] == self.path
            assert self.portal.call(self.store.build, self.build_id).state is self.state

    def teardown(self) -> None:
        self.store.close()
        self.portal_context.__exit__(None, None, None)
        self.folder.cleanup()


TestMoves = Moves.TestCase
TestMoves.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)


async def test_no_move_leads_out_of_nowhere(store: Store) -> None:
    assert await store.builds.transition("no such build", BuildState.FAILED, quiet) is None
    assert await store.builds.get("no such build") is None
    assert not await store.builds.request_cancel("no such build", "by ann", change_by())


async def test_of_two_transitions_at_once_one_wins(store: Store) -> None:
    build = await store.add_build()
    won: list[Build | None] = []

    async def move(to: BuildState) -> None:
        won.append(await store.builds.transition(build.id, to, quiet))

    async with anyio.create_task_group() as tasks:
        for to in (BuildState.TRIGGERING, BuildState.CANCELLED, BuildState.SUPERSEDED):
            tasks.start_soon(move, to)
    states = [one.state for one in won if one is not None]
    assert states[-1] is (await store.build(build.id)).state
    assert len(states) <= 2
    assert sum(state.terminal for state in states) == 1


async def test_numbers_count_from_one_in_each_repository(store: Store) -> None:
    for key, name in enumerate(["shop", "web", "shop", "shop", "web"]):
        await store.add_build(str(key), repo_name=name)
    page = await store.builds.page(Cursor(), 20)
    assert [(build.repo_name, build.number) for build in reversed(page.rows)] == [
        ("shop", 1),
        ("web", 1),
        ("shop", 2),
        ("shop", 3),
        ("web", 2),
    ]
    found = await store.builds.by_number("acme", "web", 2)
    assert found is not None
    assert await store.builds.by_number("acme", "web", 3) is None


async def test_two_builds_of_one_second_have_time_versions_of_their_own(store: Store) -> None:
    builds = [await store.add_build(str(key), version_tagging=1) for key in range(3)]
    other = await store.add_build("other", version_tagging=1, repo_name="web")
    assert [build.request.version_tag for build in builds] == [
        "v20231114.221320",
        "v20231114.221321",
        "v20231114.221322",
    ]
    assert other.request.version_tag == "v20231114.221320"
    store.clock.advance(1)
    later = await store.add_build("later", version_tagging=1)
    assert later.request.version_tag == "v20231114.221323"
    assert later.request.tags == ("latest", "v20231114.221323")


async def test_commit_versions_are_the_commit_and_no_version_is_none(store: Store) -> None:
    commit = await store.add_build("1", version_tagging=2)
    none = await store.add_build("2", version_tagging=0)
    assert commit.request.version_tag == commit.request.commit == commit.request.tags[-1]
    assert (none.request.version_tag, none.request.tags) == (None, ("latest",))


async def test_what_a_tag_points_to_is_called_a_commit_once_a_branch_was_built_of_it(store: Store) -> None:
    tag: dict[str, Any] = {"ref": "refs/tags/v1", "peeled": False, "version_tagging": 2}
    before = await store.add_build("1", **tag)
    again = await store.add_build("2", **tag)
    await store.add_build("3", repo_name="web")
    elsewhere = await store.add_build("4", **tag)
    await store.add_build("5")
    known = await store.add_build("6", **tag)
    for build in (before, again, elsewhere):
        assert (build.request.commit, build.request.version_tag) == ("", None)
        (step,) = await store.builds.steps(build.id)
        assert f"does not say whether {SHA} is a commit" in step.detail
    assert known.request.commit == known.request.version_tag == SHA


async def test_one_delivery_makes_one_build_of_each_tag_set(store: Store) -> None:
    receipt = await store.deliveries.put(delivery_of("1", store.clock()))
    new = new_build(receipt.id)
    wanted = [new, new, replace(new, tag_set="other"), replace(new, repo_name="web")]
    decision = Decision(state=DeliveryState.DISPATCHED, detail="", explanation=[], builds=wanted)
    made = await store.deliveries.record_decision(receipt.id, decision, quiet, plan)
    assert made is not None
    assert len(made.builds) == 3
    assert await store.deliveries.record_decision(receipt.id, decision, quiet, plan) is None
    assert len(await store.builds.of_delivery(receipt.id)) == 3


async def test_builds_of_a_builder_that_is_gone_end_and_say_so(store: Store) -> None:
    notice_policy = NoticePolicy(store.clock)
    waiting = await store.add_build("1", builder="gone")
    running = await store.add_build("2", builder="gone")
    for state in (BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING):
        await store.builds.transition(running.id, state, notice_policy)
    ended = await store.add_build("3", builder="gone")
    await store.builds.transition(ended.id, BuildState.CANCELLED, notice_policy)
    kept = await store.add_build("4")
    assert {build.id for build in await store.builds.orphans(["here"])} == {waiting.id, running.id}
    await end_orphans(store.builds, lambda: ["here"], notice_policy)
    lost = [await store.build(one.id) for one in (waiting, running)]
    assert {build.id: build.state for build in lost} == {
        waiting.id: BuildState.FAILED,
        running.id: BuildState.UNKNOWN,
    }
    assert {build.detail for build in lost} == {"there is no builder gone any more"}
    assert (await store.build(kept.id)).state is BuildState.WAITING
    assert (await store.build(ended.id)).state is BuildState.CANCELLED
    assert (await store.events()).count(EventName.FAIL) == 2
    assert await store.builds.orphans(["here"]) == []


async def test_what_is_to_end_is_not_due(store: Store) -> None:
    asked, replaced, kept = [await store.add_build(tag, tags=(tag,)) for tag in "abc"]
    assert await store.builds.request_cancel(asked.id, "by ann", change_by())
    await store.builds.update(replaced.id, superseded="by a newer push")
    assert [build.id for build in await store.due("here")] == [kept.id]
    assert [build.id for build in await store.builds.unwanted("here")] == [asked.id, replaced.id]


async def test_builds_of_two_namespaces_do_not_wait_for_each_other(store: Store) -> None:
    made = [
        await store.add_build(name, namespace=name, image=f"{name}/shop", concurrency=1)
        for name in ("acme", "lab")
    ]
    assert await store.due("here") == made
    assert await store.builds.transition(made[0].id, BuildState.TRIGGERING, quiet)
    assert [build.id for build in await store.due("here")] == [made[1].id]


async def test_builds_of_two_rules_that_write_one_tag_of_one_image_run_one_after_the_other(
    store: Store,
) -> None:
    first = await store.add_build("1", tags=("latest", "1"), builder="there")
    store.clock.advance(-3600)
    second = await store.add_build("2", namespace="lab", tags=("2", "latest"))
    third = await store.add_build("3", namespace="tools", tags=("latest",))
    other = await store.add_build("4", namespace="lab", repo_name="tag", tags=("other",))
    apart = await store.add_build("5", namespace="lab", repo_name="image", image="lab/shop")
    store.clock.advance(3600)

    async def due_now() -> set[str]:
        return {build.id for build in await store.due("here")}

    assert await due_now() == {other.id, apart.id}
    waits = await store.waits.of_builds([first, second, third, other, apart])
    assert {one: wait.ahead and wait.ahead.id for one, wait in waits.items()} == {
        second.id: first.id,
        third.id: first.id,
    }
    for ended, then in ((first, second), (second, third)):
        assert await store.builds.transition(ended.id, BuildState.CANCELLED, quiet)
        assert await due_now() == {other.id, apart.id, then.id}


async def test_which_builds_wait_is_found_by_index(store: Store) -> None:
    found = await store.database.read(partial(indexes, query=due("here", 0.0)))
    assert "build_image" in found, found


async def test_the_log_is_read_in_pieces_from_a_place_or_a_time(store: Store) -> None:
    build = await store.add_build()
    for number in range(5):
        await store.builds.append_log(build.id, f"{number}\n", number, restarted=False)
        store.clock.advance(10)
    everything = await store.builds.log(build.id)
    assert [row.seq for row in everything] == [0, 1, 2, 3, 4]
    assert [row.text for row in await store.builds.log(build.id, after=2)] == ["3\n", "4\n"]
    assert [row.text for row in await store.builds.log(build.id, limit=1)] == ["0\n"]
    late = await store.builds.log(build.id, limit=1, start=START + 25, end=START + 100)
    assert [row.text for row in late] == ["3\n"]
    assert await store.builds.log_tail(build.id, 3) == "\n4\n"
    assert await store.builds.log_tail("no such build", 3) == ""


async def test_texts_of_a_build_are_bounded(store: Store) -> None:
    build = await store.add_build()
    await store.builds.update(build.id, url="https://" + "u" * 10_000)
    await store.builds.add_step(build.id, "ambiguous", "x" * 10_000)
    assert len((await store.build(build.id)).url or "") == MAX_TEXT
    assert len((await store.builds.steps(build.id))[-1].detail) == 2000


async def counted(store: Store) -> dict[str, int]:
    tables = (delivery, build_table, build_log, notice, message, step, tip)

    def work(connection: Connection) -> dict[str, int]:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        }

    return await store.database.read(work)


async def ended(store: Store, key: str, **changes: Any) -> Build:
    build = await store.add_build(key, **changes)
    await store.builds.append_log(build.id, "a log", 5, restarted=False)
    moved = await store.builds.transition(build.id, BuildState.FAILED, NoticePolicy(store.clock))
    assert moved is not None
    (row, *_) = await newest_notices(store, 1)
    await store.messages.add_message(row.notice)
    await claim(store, "message")
    await store.notices.end(row.notice.id, row.state.SENT, "")
    return moved


async def test_what_is_old_goes_and_takes_all_that_belongs_to_it(store: Store) -> None:
    for key in "12":
        await ended(store, key)
    kept = await ended(store, "3")
    store.clock.advance(40 * DAY.total_seconds())
    assert await store.prune(deliveries=30 * DAY, builds=30 * DAY) == 3 + 2 + 3 + 3 + 1
    left = await counted(store)
    assert left == {"delivery": 0, "build": 1, "build_log": 1, "notice": 0, "message": 0, "step": 2, "tip": 0}
    assert (await store.build(kept.id)).number == 3, "the newest build of a repository stays"
    assert await store.prune(deliveries=30 * DAY, builds=30 * DAY) == 0
    assert (await store.add_build("4")).number == 4


async def test_what_is_open_stays_however_old_it_is(store: Store) -> None:
    await store.deliveries.put(delivery_of("unjudged", store.clock()))
    await store.add_build("open")
    await ended(store, "newer")
    facts = ServiceFacts(subject="x", detail="y")
    pending = Notice(
        id="pending", channel="team", event=EventName.FAIL, facts=facts, created_at=store.clock()
    )
    await store.database.write(lambda connection: add(connection, pending, dedupe="pending"))
    store.clock.advance(4000 * DAY.total_seconds())
    await store.prune(deliveries=DAY, builds=DAY)
    left = await counted(store)
    assert (left["delivery"], left["build"], left["notice"]) == (1, 2, 1)


async def test_what_is_young_stays(store: Store) -> None:
    await ended(store, "1")
    await ended(store, "2")
    before = await counted(store)
    store.clock.advance(29 * DAY.total_seconds())
    assert await store.prune(deliveries=30 * DAY, builds=30 * DAY) == 0
    assert await counted(store) == before


async def test_more_than_one_batch_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.store.sql.retention.BATCH", 2)
    for key in range(7):
        await store.deliveries.put(delivery_of(str(key), store.clock()))
    for row in await store.deliveries.claim(10):
        ignored = Decision(state=DeliveryState.IGNORED, detail="", explanation=[])
        await store.deliveries.record_decision(row.id, ignored, quiet, plan)
    store.clock.advance(2 * DAY.total_seconds())
    assert await store.prune(deliveries=DAY, builds=DAY) == 7


@pytest.mark.parametrize("asked", [False, True], ids=["it ended", "a person asked for its end"])
async def test_a_build_that_ends_meanwhile_is_not_claimed(store: Store, *, asked: bool) -> None:
    """Between the look at what is due and the claim of it, somebody else ends the build."""
    build = await store.add_build()
    end = partial(store.builds.transition, build.id, BuildState.SUPERSEDED, quiet)
    ask = partial(store.builds.request_cancel, build.id, "by ann", change_by())
    claimed: list[Build | None] = []

    async def claim() -> None:
        claimed.append(await store.builds.claim("here", None, quiet))

    async with anyio.create_task_group() as tasks, held_writer(store.database):
        tasks.start_soon(ask if asked else end)
        tasks.start_soon(claim)
        await eventually(lambda: len(store.database._queue._waiting) == 2)
    assert claimed == [None]
    assert (await store.build(build.id)).state is (BuildState.WAITING if asked else BuildState.SUPERSEDED)


async def test_a_message_is_kept_once(store: Store) -> None:
    facts = ServiceFacts(subject="x", detail="y")
    notice = Notice(id="n", channel="message", event=EventName.DEGRADED, facts=facts, created_at=START)
    for _ in range(3):
        await store.messages.add_message(notice)
    assert (await counted(store))["message"] == 1
