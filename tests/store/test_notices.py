"""Notices: what is kept of each attempt, and what ends them."""

from functools import partial

from support.outbox import claim
from support.scripted import START, Store

from bridge.model.notice import EventName, Notice, NoticeState, ServiceFacts
from bridge.store.sql.notices import add
from bridge.store.values import NoticeRow


async def put(store: Store, name: str, channel: str = "team") -> None:
    facts = ServiceFacts(subject="x", detail="y")
    notice = Notice(id=name, channel=channel, event=EventName.FAIL, facts=facts, created_at=store.clock())
    await store.database.write(partial(add, notice=notice, dedupe=name))


async def row(store: Store, name: str) -> NoticeRow:
    found = await store.notices.get(name)
    assert found is not None
    return found[0]


async def test_an_attempt_that_was_none_is_not_counted(store: Store) -> None:
    await put(store, "a")
    for counted, next_at in ((True, START), (False, START + 9)):
        await claim(store, "team")
        assert (await row(store, "a")).state is NoticeState.SENDING
        await store.notices.end("a", NoticeState.PENDING, "later", next_at=next_at, count=counted)
    found = await row(store, "a")
    assert (found.attempts, found.notice.attempt, found.next_at, found.ended_at) == (1, 2, START + 9, None)
    await store.notices.end("a", NoticeState.SENT, "")
    assert (await row(store, "a")).ended_at == START


async def test_sends_count_for_an_hour_and_for_their_own_target(store: Store) -> None:
    for name, channel, seconds in (("a", "team", 1800), ("b", "mail", 1801), ("c", "team", 0)):
        await put(store, name, channel)
        await claim(store, channel)
        store.clock.advance(seconds)
    assert await store.notices.sends_since("team", START + 1) == [START + 3601]
    kept = "SELECT target FROM send ORDER BY at"
    left = await store.database.read(lambda connection: connection.exec_driver_sql(kept).scalars().all())
    assert left == ["mail", "team"]


async def test_a_send_of_a_time_that_has_not_come_does_not_count(store: Store) -> None:
    """The clock was set back between two starts."""
    await put(store, "a")
    await claim(store, "team")
    store.clock.advance(-600)
    assert await store.notices.sends_since("team", store.clock() - 60) == []


async def test_only_what_is_still_to_be_sent_ends_with_its_channel(store: Store) -> None:
    for name in "abc":
        await put(store, name)
    await put(store, "kept", "mail")
    await store.notices.end("a", NoticeState.SENT, "")
    await claim(store, "team")
    assert await store.recover(["mail"], []) == 2
    assert [(await row(store, name)).state for name in "abc"] == [
        NoticeState.SENT,
        NoticeState.DEAD,
        NoticeState.DEAD,
    ]
    assert (await row(store, "c")).detail == "there is no channel team any more"
    assert (await row(store, "c")).ended_at == START
    assert (await row(store, "kept")).state is NoticeState.PENDING
