"""Digests: several notices in one message, and what becomes of them whatever becomes of it."""

from collections.abc import Sequence

import pytest
from support.listed import newest_notices
from support.notifying import put
from support.outbox import next_due
from support.scripted import START, Store
from support.trail import change_by

from bridge.errors import CannotReplay
from bridge.model.build import BuildState
from bridge.model.notice import BuildFacts, DigestFacts, EventName, Notice, NoticeState, ServiceFacts
from bridge.model.outbox import Later, Send, Waiting
from bridge.planning.notice_policy import NoticePolicy
from bridge.planning.outbox import Slots, choose
from bridge.store.sql import outbox
from bridge.store.sql.constructs import driver_sql
from bridge.store.values import NoticeFilter, NoticeRow


def all_at_once(waiting: Sequence[Waiting]) -> Send | Later | None:
    ids = tuple(row.id for row in waiting if row.folds)
    alone = [row.id for row in waiting if not row.folds]
    if alone:
        return Send((alone[0],))
    return Send(ids, "backlog") if len(ids) > 1 else None


async def claimed(store: Store) -> NoticeRow | None:
    row = await store.notices.claim("team", "team", all_at_once)
    assert not isinstance(row, Later)
    return row


async def state(store: Store, name: str) -> tuple[str, str | None]:
    found = await store.notices.get(name)
    assert found is not None
    return str(found[0].state), found[0].digest_id


async def digest_of(store: Store, *names: str) -> NoticeRow:
    for name in names:
        await put(store, name, job=f"job-{name}")
    row = await claimed(store)
    assert row is not None
    assert isinstance(row.notice.facts, DigestFacts)
    assert [member.notice_id for member in row.notice.facts.members] == [*names]
    return row


async def test_the_members_of_a_digest_are_open_until_it_was_sent(store: Store) -> None:
    digest = await digest_of(store, "a", "b")
    assert await state(store, "a") == ("pending", digest.notice.id)
    waits = await store.waits.of_notices(await newest_notices(store, 9, NoticeFilter(channel="team")))
    assert (waits["a"].kind, waits["a"].name) == ("digest", digest.notice.id)
    await store.notices.end(digest.notice.id, NoticeState.SENT, "")
    assert [await state(store, name) for name in "ab"] == [("merged", digest.notice.id)] * 2
    assert await next_due(store, "team") is None


async def test_a_process_that_dies_while_it_sends_a_digest_sends_the_same_again(store: Store) -> None:
    digest = await digest_of(store, "a", "b")
    await store.recover(["team"], [])
    again = await claimed(store)
    assert again is not None
    assert (again.notice.id, again.notice.facts) == (digest.notice.id, digest.notice.facts)


async def test_later_notices_of_a_job_wait_for_the_digest_with_the_earlier_one(store: Store) -> None:
    digest = await digest_of(store, "a", "b")
    await store.notices.end(digest.notice.id, NoticeState.PENDING, "later", next_at=store.clock() + 60)
    await put(store, "a2", job="job-a")
    await put(store, "c", job="job-c")
    seen: list[str] = []

    def look(waiting: Sequence[Waiting]) -> None:
        seen.extend(row.id for row in waiting)

    await store.notices.claim("team", "team", look)
    assert seen == ["c"]


@pytest.mark.parametrize("reason", ["expired", "config"])
async def test_what_is_given_up_as_a_digest_is_given_up_whole(store: Store, reason: str) -> None:
    digest = await digest_of(store, "a", "b")
    await store.notices.end(digest.notice.id, NoticeState.DEAD, "no", reason=reason)
    assert [await state(store, name) for name in "ab"] == [("dead", digest.notice.id)] * 2


async def test_a_digest_that_was_rejected_is_taken_apart_and_its_members_are_never_folded_again(
    store: Store,
) -> None:
    digest = await digest_of(store, "a", "b")
    await store.notices.end(digest.notice.id, NoticeState.DEAD, "no", reason="content")
    for name in "ab":
        row = await claimed(store)
        assert row is not None
        assert (row.notice.id, row.digest_id) == (name, None)
        await store.notices.end(name, NoticeState.SENT, "")
        assert await state(store, name) == ("sent", None)


async def test_a_member_is_dropped_with_its_digest_only(store: Store) -> None:
    digest = await digest_of(store, "a", "b")
    await store.notices.end(digest.notice.id, NoticeState.PENDING, "later")
    assert not await store.notices.drop("a", "by ann", change_by())
    assert await store.notices.drop(digest.notice.id, "by ann", change_by())
    assert [(await state(store, name))[0] for name in "ab"] == ["dead", "dead"]
    again = await store.notices.replay(digest.notice.id, change_by())
    row = await claimed(store)
    assert row is not None
    assert (row.notice.id, row.notice.facts) == (again, digest.notice.facts)


async def test_a_digest_that_cannot_be_sent_has_its_turn_again_whatever_else_waits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_JOBS", 2)
    digest = await digest_of(store, "a", "b")
    await store.notices.end(digest.notice.id, NoticeState.PENDING, "later", next_at=store.clock() + 60)
    store.clock.advance(61)
    for number in range(5):
        await put(store, f"00-{number}", job=f"job-{number}")
    row = await claimed(store)
    assert row is not None
    assert row.notice.id == digest.notice.id


async def test_many_notices_of_one_job_keep_no_other_job_from_being_seen(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_OF_JOB", 2)
    monkeypatch.setattr(outbox, "_JOBS", 2)
    for number in range(9):
        await put(store, f"a{number}", job="noisy")
    await put(store, "b", job="other")
    seen: list[Waiting] = []
    await store.notices.claim("team", "team", seen.extend)
    assert [row.id for row in seen] == ["a0", "a1", "b"]


async def test_a_digest_that_can_no_longer_be_read_frees_its_members(store: Store) -> None:
    digest = await digest_of(store, "a", "b")
    broken = "UPDATE notice SET facts = '{' WHERE id = ?"
    await store.database.write(
        lambda connection: driver_sql(connection, broken, (digest.notice.id,)).rowcount
    )
    row = await claimed(store)
    assert row is not None
    assert (row.notice.id, (await state(store, digest.notice.id))[0]) == ("a", "dead")


async def test_the_newest_of_a_digest_does_not_expire_with_older_ones(store: Store) -> None:
    await put(store, "a", job="job-a")
    store.clock.advance(3000)
    await put(store, "b", job="job-b")
    row = await claimed(store)
    assert row is not None
    assert row.notice.created_at == store.clock()
    await store.notices.end(row.notice.id, NoticeState.PENDING, "later")
    again = await store.notices.claim("team", "team", all_at_once, since=store.clock() - 60)
    assert isinstance(again, NoticeRow)
    assert again.notice.id == row.notice.id


async def test_what_is_too_old_is_never_sent_however_much_of_it_there_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_AT_ONCE", 1)
    for name in "abc":
        await put(store, name, job=f"job-{name}")
    store.clock.advance(60)
    await put(store, "d", job="job-d")
    seen: list[Waiting] = []
    await store.notices.claim("team", "team", seen.extend, since=store.clock() - 30)
    assert [row.id for row in seen] == ["d"]


async def test_a_digest_is_as_urgent_as_what_waits_for_it(store: Store) -> None:
    for name in "ab":
        await put(store, name, job=f"job-{name}", event=EventName.SUCCESS)
    digest = await claimed(store)
    assert digest is not None
    await store.notices.end(digest.notice.id, NoticeState.PENDING, "later")
    seen: list[Waiting] = []
    await store.notices.claim("team", "team", seen.extend)
    assert [row.urgent for row in seen] == [False]
    await put(store, "b2", job="job-b")
    seen.clear()
    await store.notices.claim("team", "team", seen.extend)
    assert [(row.id, row.urgent) for row in seen] == [(digest.notice.id, True)]


async def test_only_the_newest_of_a_job_keeps_its_log(store: Store) -> None:
    def of_job(waiting: Sequence[Waiting]) -> Send:
        return Send(tuple(row.id for row in waiting), "job")

    for number in (1, 2):
        build = await store.add_build(str(number), builder="here")
        await store.builds.transition(build.id, BuildState.FAILED, NoticePolicy(store.clock, "the log"))
    row = await store.notices.claim("message", "message", of_job)
    assert isinstance(row, NoticeRow)
    assert isinstance(row.notice.facts, DigestFacts)
    logs = [
        member.facts.log_tail for member in row.notice.facts.members if isinstance(member.facts, BuildFacts)
    ]
    assert logs == ["", "the log"]


async def test_a_digest_that_was_taken_apart_is_not_sent_again(store: Store) -> None:
    digest = await digest_of(store, "a", "b")
    await store.notices.end(digest.notice.id, NoticeState.DEAD, "no", reason="content")
    with pytest.raises(CannotReplay, match="went one by one"):
        await store.notices.replay(digest.notice.id, change_by())


async def test_parts_of_the_bridge_do_not_wait_for_each_other(store: Store) -> None:
    for subject in ("disk", "builder:jenkins"):
        facts = ServiceFacts(subject=subject, detail="")
        await store.notices.add(
            [Notice(id=subject, channel="team", event=EventName.DEGRADED, facts=facts, created_at=START)]
        )
    found = await newest_notices(store, 9, NoticeFilter(channel="team"))
    assert {row.job for row in found} == {"bridge disk", "bridge builder:jenkins"}


async def test_what_has_no_recipient_yet_is_not_sent_to_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_AT_ONCE", 1)
    for name in "ab":
        await put(store, name, job=f"job-{name}")
    seen: list[str | None] = []

    def look(waiting: Sequence[Waiting]) -> None:
        seen.extend(row.recipient for row in waiting)

    await store.notices.claim("team", "team", look, ["x@example.com", "y@example.com"])
    assert seen == ["x@example.com", "y@example.com"]


async def test_when_nothing_may_go_the_store_says_when(store: Store) -> None:
    await put(store, "a")
    slots = Slots(free=0, count=1, next_at=store.clock() + 9)
    found = await store.notices.claim(
        "team", "team", lambda rows: choose(rows, room=9, slots=slots, now=store.clock())
    )
    assert found == Later(store.clock() + 9)
