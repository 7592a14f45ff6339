"""Silences in the store, and what becomes of notices that one holds."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from support.engines import execute
from support.notifying import put, row, states
from support.scripted import START, Store
from support.trail import change_by

from bridge.model.notice import DigestFacts, EventName, NoticeState
from bridge.model.outbox import Later, Send, Waiting
from bridge.model.silence import MAX_OF_NAMESPACE, MAX_SILENCES, Silence
from bridge.planning.silences import silenced
from bridge.store.values import Cursor, NoticeRow

HOUR = 3600.0
TEAM = partial(silenced, channel="team", by="any")


def silence(name: str = "s", until: float = START + HOUR, **given: Any) -> Silence:
    return Silence(
        id=name, created_at=START, until=until, author="li", reason=given.pop("reason", "known"), **given
    )


def oldest(waiting: Sequence[Waiting]) -> Send | None:
    return Send((waiting[0].id,)) if waiting else None


def all_of(waiting: Sequence[Waiting]) -> Send | None:
    if not waiting or not waiting[0].folds:
        return oldest(waiting)
    ids = tuple(one.id for one in waiting)
    return Send(ids, "backlog") if len(ids) > 1 else Send(ids)


async def claimed(store: Store, choose: Any = oldest) -> NoticeRow | None:
    found = await store.notices.claim("team", "team", choose, silenced=TEAM)
    return None if isinstance(found, Later) else found


async def held(store: Store, name: str = "s") -> int:
    found = await store.silences.get(name)
    assert found is not None
    return found.held


async def test_a_silence_is_in_force_from_when_it_is_made_until_it_ends(store: Store) -> None:
    first, second = silence("1", ref="main", events=frozenset({EventName.FAIL})), silence("2", channel="x")
    for one in (first, second):
        assert await store.silences.add(one, change_by())
    assert await store.silences.get("1") == first
    assert await store.silences.get("none") is None
    assert await store.silences.active() == [first, second]
    assert await store.silences.newest(9) == [second, first]
    assert await store.silences.newest(1) == [second]
    store.clock.advance(60)
    assert await store.silences.end("1", change_by("zhang"))
    assert not await store.silences.end("1", change_by("zhang"))
    assert not await store.silences.end("none", change_by("zhang"))
    found = await store.silences.get("1")
    assert found is not None
    assert (found.ended_at, found.ended_by, found.state(store.clock())) == (START + 60, "zhang", "ended")
    assert await store.silences.active() == [second]
    assert second.state(store.clock()) == "active"
    store.clock.advance(HOUR - 60)
    assert await store.silences.active() == []
    assert second.state(store.clock()) == "ended"
    assert not await store.silences.end("2", change_by("zhang"))


async def test_a_repeat_of_a_silence_changes_nothing_and_too_many_are_refused(store: Store) -> None:
    for number in range(MAX_SILENCES):
        assert await store.silences.add(silence(f"{number}", ref="main"), change_by())
    assert await store.silences.add(silence("0", ref="other"), change_by())
    assert (await store.silences.active())[0].ref == "main"
    assert not await store.silences.add(silence("more", ref="main"), change_by())
    assert await store.silences.get("more") is None
    await store.silences.end("7", change_by("li"))
    assert await store.silences.add(silence("more", ref="main"), change_by())


async def test_one_namespace_leaves_room_for_the_others(store: Store) -> None:
    for number in range(MAX_OF_NAMESPACE):
        assert await store.silences.add(silence(f"{number}", repository="acme/*"), change_by())
    assert not await store.silences.add(silence("more", repository="acme/shop"), change_by())
    for name, repository in (("other", "corp/*"), ("all", "*/shop")):
        assert await store.silences.add(silence(name, repository=repository), change_by())
    assert await store.silences.end("7", change_by())
    assert await store.silences.add(silence("more", repository="acme/shop"), change_by())


async def test_a_silence_and_its_entry_in_the_trail_are_one(store: Store) -> None:
    assert await store.silences.add(silence("1"), change_by("wang"))
    assert await store.silences.add(silence("1"), change_by("wang"))
    assert await store.silences.end("1", change_by("zhang"))
    assert not await store.silences.end("1", change_by("zhang"))
    assert not await store.silences.end("none", change_by("zhang"))
    trail = (await store.audit.page(Cursor(), 9)).rows
    assert [entry.name for entry in trail] == ["zhang", "wang"]


async def test_what_a_silence_holds_ends_unsent_and_says_why(store: Store) -> None:
    await put(store, "before")
    await store.silences.add(silence(ref="main"), change_by())
    await put(store, "after", "third", event=EventName.SUCCESS)
    await put(store, "other", job="other")
    taken = await claimed(store)
    assert taken is not None
    assert taken.notice.id == "other"
    assert await states(store, "before", "after", "third") == " ".join(["suppressed"] * 3)
    found = await row(store, "before")
    assert found.reason == "silence"
    assert found.detail == "silence s of li until 2023-11-14T23:13:20Z: known"
    assert found.ended_at == START
    assert await held(store) == 3


async def test_a_notice_that_waits_for_another_attempt_is_held_then_and_says_how_the_last_ended(
    store: Store,
) -> None:
    await put(store, "a")
    taken = await claimed(store)
    assert taken is not None
    await store.notices.end("a", NoticeState.PENDING, "perhaps sent: no answer", next_at=START + 60)
    await store.silences.add(silence(ref="main"), change_by())
    assert await claimed(store) is None
    assert await states(store, "a") == "pending"
    store.clock.advance(60)
    assert await claimed(store) is None
    assert (await row(store, "a")).detail.endswith(": known; the last attempt: perhaps sent: no answer")


async def test_a_silence_that_has_ended_holds_nothing(store: Store) -> None:
    await store.silences.add(silence("over", until=START + 10, ref="main"), change_by())
    await store.silences.add(silence("ended", ref="main"), change_by())
    await store.silences.end("ended", change_by("li"))
    store.clock.advance(10)
    await put(store, "a")
    taken = await claimed(store)
    assert taken is not None
    assert await held(store, "over") == await held(store, "ended") == 0


async def test_one_that_ends_while_it_is_looked_at_holds_nothing(store: Store) -> None:
    await store.silences.add(silence(ref="main"), change_by())
    await put(store, "a")
    seen = []

    def late(waiting: Sequence[Waiting], silences: Sequence[Silence]) -> dict[str, Silence]:
        seen.append(len(silences))
        execute(store.path, "UPDATE silence SET ended_at = 1")
        return dict(TEAM(waiting, silences))

    taken = await store.notices.claim("team", "team", oldest, silenced=late)
    assert isinstance(taken, NoticeRow)
    assert seen == [1]
    assert await held(store) == 0


async def test_a_digest_with_something_that_is_held_is_taken_apart_and_the_rest_goes_together(
    store: Store,
) -> None:
    for name in "abc":
        await put(store, name, job=name)
    digest = await claimed(store, all_of)
    assert digest is not None
    await store.notices.end(digest.notice.id, NoticeState.PENDING, "no answer", next_at=START + 5)
    await store.silences.add(silence(ref="b"), change_by())
    store.clock.advance(5)
    again = await claimed(store, all_of)
    assert again is not None
    assert isinstance(again.notice.facts, DigestFacts)
    assert [one.notice_id for one in again.notice.facts.members] == ["a", "c"]
    assert await states(store, digest.notice.id, "b") == "suppressed suppressed"
    assert (await row(store, digest.notice.id)).detail == "taken apart: silence s holds some of it"
    assert await held(store) == 1
    await store.notices.end(again.notice.id, NoticeState.SENT, "")
    assert await states(store, "a", "b", "c") == "merged suppressed merged"


async def test_more_than_can_be_held_at_once_are_held_before_anything_is_sent(store: Store) -> None:
    await store.silences.add(silence(repository="acme/*", channel="team"), change_by())
    for job in range(3):
        await put(store, *(f"{job}-{number:02}" for number in range(90)), job=f"job-{job}")
    assert await claimed(store) is None
    assert await held(store) == 270


async def test_a_silence_whose_events_cannot_be_read_holds_nothing(store: Store) -> None:
    await store.silences.add(silence(ref="main"), change_by())
    execute(store.path, """UPDATE silence SET events = '["odd"]'""")
    await put(store, "a")
    assert await claimed(store) is not None


async def test_silences_that_are_over_go_with_old_builds(store: Store) -> None:
    await store.silences.add(silence("old", ref="main"), change_by())
    await store.silences.add(silence("long", ref="main", until=START + 90 * 24 * HOUR), change_by())
    store.clock.advance(HOUR + 3)
    await store.prune(deliveries=timedelta(days=1), builds=timedelta(seconds=2))
    assert [one.id for one in await store.silences.newest(9)] == ["long"]
