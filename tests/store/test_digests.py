"""Digests: several notices in one message, and what becomes of them whatever becomes of it."""

from collections.abc import Sequence

import pytest
from support.listed import newest_notices
from support.notifying import put
from support.scripted import Store

from bridge.model.notice import DigestFacts, NoticeState
from bridge.model.outbox import Later, Send, Waiting
from bridge.planning.outbox import Slots, choose
from bridge.store.sqlite import outbox
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
    assert await store.notices.next_due("team") is None


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
    assert seen == [digest.notice.id, "c"]


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
    assert not await store.notices.drop("a", "by ann")
    assert await store.notices.drop(digest.notice.id, "by ann")
    assert [(await state(store, name))[0] for name in "ab"] == ["dead", "dead"]
    again = await store.notices.replay(digest.notice.id)
    row = await claimed(store)
    assert row is not None
    assert (row.notice.id, row.notice.facts) == (again, digest.notice.facts)


async def test_a_digest_of_many_that_cannot_be_sent_has_its_turn_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is younger than all that waits, and only some of that is considered."""
    monkeypatch.setattr(outbox, "_CONSIDERED", 3)
    digest = await digest_of(store, "a", "b")
    await store.notices.end(digest.notice.id, NoticeState.PENDING, "later", next_at=store.clock() + 60)
    for number in range(5):
        await put(store, f"00-{number}", job=f"job-{number}")
    store.clock.advance(60)
    row = await claimed(store)
    assert row is not None
    assert row.notice.id == digest.notice.id


async def test_what_has_no_recipient_yet_is_not_sent_to_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_SPLIT", 1)
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
