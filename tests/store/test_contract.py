"""What every engine promises: each test opens a store by its URL and knows the ports only.

What an engine writes in which transaction, and how it is read back after a crash, the other tests of this
folder and of `tests/crash` look at.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from support.listed import newest_deliveries, newest_notices
from support.outbox import claim, next_due
from support.scripted import START, Clock, delivery_of, new_build, quiet
from support.trail import change_by

from bridge.errors import StoreError
from bridge.model.build import Build, BuildState, SeenJob
from bridge.model.delivery import DeliveryState
from bridge.model.notice import EventName, Notice, NoticeState, ServiceFacts
from bridge.planning.builds import plan
from bridge.planning.notice_policy import ServiceNoticePolicy
from bridge.store.base import Store
from bridge.store.open import open_store
from bridge.store.values import (
    BuildFilter,
    Claim,
    Cursor,
    Decision,
    HealthRecord,
    KeptAnswer,
    NoticeFilter,
    Receipt,
)

ENGINES: dict[str, Callable[[Path], str]] = {"sqlite": lambda folder: f"sqlite://{folder}/store.db"}
IGNORED = Decision(state=DeliveryState.IGNORED, detail="no rule", explanation=[])
DAY = timedelta(days=1)


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return ENGINES[request.param](tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def port(url: str, clock: Clock) -> AsyncIterator[Store]:
    notices = ServiceNoticePolicy(clock)
    async with open_store(url, exclusive=True, clock=clock, service_notices=notices) as store:
        yield store


async def add_build(store: Store, clock: Clock, key: str = "1", ref: str = "main") -> Build:
    receipt = await store.deliveries.put(delivery_of(key, clock()))
    decision = Decision(
        state=DeliveryState.DISPATCHED, detail="", explanation=[], builds=[new_build(receipt.id, ref=ref)]
    )
    recorded = await store.deliveries.record_decision(receipt.id, decision, quiet, plan)
    assert recorded is not None
    (build,) = await store.builds.of_delivery(receipt.id)
    assert recorded.builds == (build.id,)
    return build


def notice(name: str, channel: str = "team") -> Notice:
    facts = ServiceFacts(subject="x", detail="y")
    return Notice(id=name, channel=channel, event=EventName.FAIL, facts=facts, created_at=START)


async def test_a_delivery_is_claimed_until_it_is_decided_and_decided_once(port: Store, clock: Clock) -> None:
    delivery = delivery_of("1", clock())
    assert (await port.deliveries.put(delivery)).new
    assert await port.deliveries.put(delivery_of("1", clock())) == Receipt(delivery.id, new=False)
    for _ in range(2):
        assert await port.deliveries.claim(10) == [delivery]
    assert await port.deliveries.record_decision(delivery.id, IGNORED, quiet, plan)
    assert await port.deliveries.record_decision(delivery.id, IGNORED, quiet, plan) is None
    assert await port.deliveries.claim(10) == []
    again = await port.deliveries.redeliver(delivery.id, change_by())
    assert [one.id for one in await port.deliveries.claim(10)] == [again]


async def test_a_claimed_build_is_with_the_builder_and_counts_an_attempt(port: Store, clock: Clock) -> None:
    made = await add_build(port, clock)
    clock.advance(5)
    assert await port.builds.claim("elsewhere", None, quiet) is None
    claimed = await port.builds.claim("here", None, quiet)
    assert claimed == await port.builds.get(made.id)
    assert claimed is not None
    assert (claimed.state, claimed.attempts, claimed.triggered_at) == (BuildState.TRIGGERING, 1, START + 5)
    assert await port.builds.claim("here", None, quiet) is None


async def test_the_next_time_is_that_of_a_build_which_the_builder_does_not_have(
    port: Store, clock: Clock
) -> None:
    sent, triggering, waiting = [await add_build(port, clock, key, ref=key) for key in "123"]
    for state in (BuildState.TRIGGERING, BuildState.QUEUED):
        await port.builds.transition(sent.id, state, quiet)
    await port.builds.transition(triggering.id, BuildState.TRIGGERING, quiet)
    for build, seconds in ((sent, 5.0), (triggering, 20.0), (waiting, 10.0)):
        await port.builds.update(build.id, next_at=START + seconds)
    assert await port.builds.next_due("here", START) == START + 10
    assert await port.builds.next_due("here", START + 10) == START + 20
    assert await port.builds.next_due("here", START + 20) is None
    assert await port.builds.next_due("elsewhere", START) is None


async def test_no_more_builds_are_claimed_than_the_builder_has_slots(port: Store, clock: Clock) -> None:
    for key in ("1", "2"):
        await add_build(port, clock, key, ref=key)
    assert await port.builds.claim("here", 0, quiet) is None
    first = await port.builds.claim("here", 1, quiet)
    assert first is not None
    for state in (BuildState.QUEUED, BuildState.RUNNING):
        assert await port.builds.claim("here", 1, quiet) is None
        assert await port.builds.transition(first.id, state, quiet)
    assert await port.builds.claim("here", 1, quiet) is None
    assert await port.builds.transition(first.id, BuildState.SUCCEEDED, quiet)
    assert await port.builds.claim("here", 1, quiet) is not None


async def test_a_build_that_two_claim_at_once_goes_to_one_of_them(port: Store, clock: Clock) -> None:
    await add_build(port, clock)
    claimed: list[Build | None] = []

    async def claim() -> None:
        claimed.append(await port.builds.claim("here", None, quiet))

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(claim)
    assert len([build for build in claimed if build is not None]) == 1


async def test_a_change_says_what_it_changes_and_leaves_the_rest(port: Store, clock: Clock) -> None:
    build = await add_build(port, clock)
    await port.builds.update(build.id, handle="h", url="https://ci.example.com/1")
    await port.builds.update(build.id, url=None)
    found = await port.builds.get(build.id)
    assert found is not None
    assert (found.handle, found.url, found.state) == ("h", None, BuildState.WAITING)


async def test_a_move_that_is_not_allowed_changes_nothing(port: Store, clock: Clock) -> None:
    build = await add_build(port, clock)
    await port.builds.transition(build.id, BuildState.FAILED, quiet, detail="the end")
    steps = await port.builds.steps(build.id)
    assert await port.builds.transition(build.id, BuildState.RUNNING, quiet, detail="no") is None
    assert await port.builds.steps(build.id) == steps
    assert ((await port.builds.get(build.id)) or build).detail == "the end"


async def test_pages_and_lists_show_what_is_asked_for(port: Store, clock: Clock) -> None:
    first, second = [await add_build(port, clock, key, ref=key) for key in ("1", "2")]
    await port.builds.transition(first.id, BuildState.FAILED, quiet)

    async def shown(only: BuildFilter) -> Sequence[str]:
        return [build.id for build in (await port.builds.page(Cursor(), 10, only)).rows]

    assert await shown(BuildFilter()) == [second.id, first.id]
    assert await shown(BuildFilter(states=[BuildState.FAILED])) == [first.id]
    assert await shown(BuildFilter(delivery_id=second.origin.delivery_id)) == [second.id]
    assert await shown(BuildFilter(build_id=second.id, states=[BuildState.FAILED])) == []
    assert await shown(BuildFilter(readable=frozenset())) == []


async def test_a_claimed_notice_is_sending_until_its_attempt_ends(port: Store, clock: Clock) -> None:
    assert await next_due(port, "team") is None
    await port.notices.add([notice("a")])
    assert await next_due(port, "team") == START
    for attempts in (0, 1):
        claimed = await claim(port, "team")
        assert claimed is not None
        assert (claimed.attempts, claimed.notice.attempt) == (attempts, attempts + 1)
    assert await port.notices.sends_since("team", START) == [START, START]
    await port.notices.end("a", NoticeState.PENDING, "busy", next_at=START + 9)
    assert await claim(port, "team") is None
    assert await next_due(port, "team") == START + 9
    clock.advance(9)
    assert await claim(port, "team") is not None
    await port.notices.end("a", NoticeState.SENT, "")
    assert await next_due(port, "team") is None
    assert [row.state for row in await newest_notices(port, 10, NoticeFilter(channel="team"))] == ["sent"]


async def test_a_change_of_health_is_kept_with_its_notices(port: Store) -> None:
    assert await port.health.get("builder:here") == HealthRecord(name="builder:here")
    assert await port.health.degrade("builder:here", "no answer", pause=60)
    assert not await port.health.degrade("builder:here", "still no answer")
    assert await port.health.restore("builder:here", "it answers")
    assert not await port.health.restore("builder:here", "it answers")
    rows = await newest_notices(port, 10, NoticeFilter(channel="message"))
    assert [row.notice.event for row in rows] == [EventName.RESTORED, EventName.DEGRADED]


async def test_a_job_is_kept_as_it_was_seen_last_and_as_long_as_its_builder_is_configured(
    port: Store,
) -> None:
    first = SeenJob(job="a/b", parameters=("IMAGE",), seen_at=START)
    last = SeenJob(job="a/b", parameters=("IMAGE", "口味"), seen_at=START + 1)
    other = SeenJob(job="c", parameters=(), seen_at=START)
    for seen in (first, last, other):
        await port.jobs.keep("here", seen)
    assert await port.jobs.of("here") == [last, other]
    assert await port.jobs.of("there") == []
    await port.recover([], ["builder:here"])
    assert len(await port.jobs.of("here")) == 2
    await port.recover([], ["builder:there"])
    assert await port.jobs.of("here") == []


async def test_a_due_time_is_claimed_once_with_what_it_asks_for(port: Store, clock: Clock) -> None:
    await port.schedules.sync({"nightly": START})
    assert await port.schedules.due(START) == [("nightly", START)]
    delivery = delivery_of("1", clock())
    assert await port.schedules.claim("nightly", START, START + 60, delivery, [notice("a")])
    assert not await port.schedules.claim("nightly", START, START + 60, delivery_of("2", clock()), [])
    assert await port.schedules.next_due() == START + 60
    assert await port.deliveries.claim(10) == [delivery]
    assert await next_due(port, "team") == START


async def test_at_start_what_was_being_sent_is_due_and_what_no_one_serves_ends(port: Store) -> None:
    await port.notices.add([notice("kept"), notice("orphan", "gone")])
    await claim(port, "team")
    await port.health.degrade("builder:gone", "no answer")
    assert await port.recover(["team", "message"], ["builder:here"]) == 1
    states = {row.notice.id: row.state for row in await newest_notices(port, 10)}
    assert (states["kept"], states["orphan"]) == (NoticeState.PENDING, NoticeState.DEAD)
    assert await port.health.all() == []


async def test_old_deliveries_go_and_open_ones_stay(port: Store, clock: Clock) -> None:
    old, waiting = delivery_of("1", clock()), delivery_of("2", clock())
    for delivery in (old, waiting):
        await port.deliveries.put(delivery)
    await port.deliveries.record_decision(old.id, IGNORED, quiet, plan)
    clock.advance(2 * DAY.total_seconds())
    assert await port.prune(deliveries=DAY, builds=DAY) == 1
    assert [row.id for row in await newest_deliveries(port, 10)] == [waiting.id]


async def test_who_follows_the_feed_misses_nothing_after_all_of_it_has_gone(
    port: Store, clock: Clock
) -> None:
    old = delivery_of("1", clock())
    await port.deliveries.put(old)
    await port.deliveries.record_decision(old.id, IGNORED, quiet, plan)
    seen = await port.feed.newest()
    clock.advance(2 * DAY.total_seconds())
    await port.prune(deliveries=DAY, builds=DAY)
    new = delivery_of("2", clock())
    await port.deliveries.put(new)
    await port.deliveries.record_decision(new.id, IGNORED, quiet, plan)
    assert {one.subject for one in await port.feed.after(seen, 10)} == {new.id}


async def test_what_is_due_keeps_its_distance_when_the_clock_is_set(port: Store, clock: Clock) -> None:
    build = await add_build(port, clock)
    await port.builds.update(build.id, next_at=START + 60)
    await port.shift_clock(3600)
    clock.advance(3600)
    assert await port.builds.claim("here", None, quiet) is None
    clock.advance(60)
    assert await port.builds.claim("here", None, quiet) is not None


async def test_all_is_there_when_the_store_is_opened_again(url: str, clock: Clock) -> None:
    async with open_store(url, exclusive=True, clock=clock) as store:
        build = await add_build(store, clock)
        assert store.death is None
        assert store.beating
    async with open_store(url, exclusive=False, clock=clock) as store:
        assert await store.builds.get(build.id) == build


async def test_a_second_daemon_is_kept_out(url: str, port: Store) -> None:
    assert port.death is None
    with pytest.raises(StoreError, match="in use"):
        async with open_store(url, exclusive=True):
            pass


async def test_a_url_of_no_engine_is_rejected() -> None:
    with pytest.raises(StoreError, match="papyrus"):
        async with open_store("papyrus:///var/lib/store", exclusive=True):
            pass


async def test_a_key_stands_for_its_first_request_and_keeps_the_answer_for_a_day(
    port: Store, clock: Clock
) -> None:
    keys, answer = port.idempotency_keys, KeptAnswer(201, "application/json", b"{}")
    first = await keys.claim("ann", "k", "a request")
    assert (first.same, first.answer) == (True, None)
    assert await keys.claim("ann", "k", "another request") == Claim(first.id, same=False, answer=None)
    assert (await keys.claim("bob", "k", "a request")).id != first.id
    await keys.answer(first.id, answer)
    clock.advance(DAY.total_seconds() - 1)
    assert await keys.claim("ann", "k", "a request") == Claim(first.id, same=True, answer=answer)
    clock.advance(1)
    assert (await keys.claim("ann", "k", "another request")).same


async def test_what_was_done_for_a_key_is_not_done_again(port: Store, clock: Clock) -> None:
    build = await add_build(port, clock)
    await port.builds.transition(build.run_id, BuildState.FAILED, quiet)
    retried, redelivered = [(await port.idempotency_keys.claim("ann", key, "r")).id for key in "ab"]
    assert (await port.builds.retry(build.id, change_by("ann"), "why", retried)).run == 2
    await port.builds.transition(f"{build.id}.2", BuildState.FAILED, quiet)
    assert (await port.builds.retry(build.id, change_by("ann"), "why", retried)).run == 2
    for _ in range(2):
        assert (
            await port.deliveries.redeliver(build.origin.delivery_id, change_by(), redelivered) == redelivered
        )
    assert len(await newest_deliveries(port, 10)) == 2
