"""What waits for a channel that is out of order goes to another one: once, one step, and without repeats."""

import pytest
from support.listed import newest_notices
from support.notices import context
from support.notifying import put, row, states
from support.outbox import claim
from support.scripted import Store

from bridge.channels.adapters.message.channel import Message, MessageSettings
from bridge.channels.base import Ok
from bridge.model.build import BuildState
from bridge.model.notice import DigestFacts, EventName, Notice, NoticeState, ServiceFacts, Subscription
from bridge.model.outbox import Send
from bridge.planning.notice_policy import NoticePolicy
from bridge.store.sqlite import moving
from bridge.store.values import NoticeFilter, NoticeRow

FAILURES = frozenset({EventName.FAIL})


async def moved(store: Store, channel: str = "team", to: str = "spare") -> int:
    count = 0
    while more := await store.notices.move(channel, to):
        count += more
    return count


async def places(store: Store, *names: str) -> str:
    """The channel of each notice."""
    return " ".join([(await row(store, name)).notice.channel for name in names])


async def test_all_go_but_the_one_that_shows_when_the_channel_works(store: Store) -> None:
    await put(store, "a", "b", "c")
    store.clock.advance(60)
    assert await moved(store) == 2
    assert await places(store, "a", "b", "c") == "team spare spare"
    found = await row(store, "b")
    assert (found.notice.moved_from, found.attempts, found.next_at) == ("team", 0, store.clock())
    assert found.notice.created_at == store.clock() - 60
    story = await store.notices.get("b")
    assert story is not None
    assert (story[1][-1].what, story[1][-1].detail) == ("moved", "to spare: team is out of order")
    assert await moved(store) == 0


async def test_what_was_tried_begins_anew(store: Store) -> None:
    await put(store, "a")
    assert await claim(store, "team") is not None
    await store.notices.end("a", NoticeState.PENDING, "503", next_at=store.clock() + 900)
    await put(store, "b", job="other")
    assert await moved(store) == 1
    found = await row(store, "a")
    assert (found.notice.channel, found.attempts, found.detail) == ("spare", 0, "")
    assert found.next_at == store.clock()


async def test_a_failure_does_not_stay_where_something_else_may(store: Store) -> None:
    await put(store, "a")
    await put(store, "b", job="other", event=EventName.SUCCESS)
    assert await moved(store) == 1
    assert await places(store, "a", "b") == "spare team"


async def test_what_is_under_way_stays_and_then_nothing_else_has_to(store: Store) -> None:
    await put(store, "a")
    assert await claim(store, "team") is not None
    await put(store, "b", job="other", event=EventName.SUCCESS)
    assert await moved(store) == 1
    assert await places(store, "a", "b") == "team spare"


async def test_nothing_goes_a_second_step(store: Store) -> None:
    await put(store, "a", "b", "c")
    await moved(store)
    await put(store, "own", channel="spare", job="other")
    assert await moved(store, "spare", "last") == 1
    assert await places(store, "a", "b", "c", "own") == "team spare spare last"


async def test_a_transaction_moves_a_bounded_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "_AT_ONCE", 2)
    await put(store, "a", "b", "c", "d")
    assert [await store.notices.move("team", "spare") for _ in range(3)] == [2, 1, 0]


async def failed(store: Store, *channels: str, run: int = 1) -> dict[str, str]:
    """The notices that a build failed, by channel."""
    subscriptions = tuple(Subscription(channel=name, events=FAILURES) for name in channels)
    build = await store.add_build(f"{run}", subscriptions=subscriptions)
    for state in (BuildState.TRIGGERING, BuildState.RUNNING, BuildState.FAILED):
        assert await store.builds.transition(build.id, state, NoticePolicy(store.clock))
    if run > 1:
        again = await store.builds.retry(build.id, "ann", "once more")
        for state in (BuildState.TRIGGERING, BuildState.RUNNING, BuildState.FAILED):
            assert await store.builds.transition(again.run_id, state, NoticePolicy(store.clock))
    rows = await newest_notices(store, 99, NoticeFilter(build_id=build.id))
    return {one.notice.channel: one.notice.id for one in rows if one.notice.event == EventName.FAIL}


async def test_what_the_fallback_has_itself_ends_and_says_so(store: Store) -> None:
    await put(store, "probe", event=EventName.SUCCESS)
    ids = await failed(store, "team", "spare")
    assert await moved(store) == 1
    found = await row(store, ids["team"])
    assert (found.state, found.reason, found.notice.channel) == ("suppressed", "fallback", "team")
    assert found.detail == "team is out of order, and spare has a notice of the same event"
    assert await states(store, ids["spare"]) == "pending"


async def test_two_channels_with_one_fallback_send_an_event_there_once(store: Store) -> None:
    for name in ("team", "ops"):
        await put(store, f"probe-{name}", channel=name, event=EventName.SUCCESS)
    ids = await failed(store, "team", "ops")
    assert [await moved(store), await moved(store, "ops")] == [1, 1]
    assert await states(store, ids["team"], ids["ops"]) == "pending suppressed"


async def test_a_later_run_that_fails_again_is_another_event(store: Store) -> None:
    await put(store, "probe", event=EventName.SUCCESS)
    await failed(store, "team", run=2)
    assert await moved(store) == 2
    rows = await newest_notices(store, 99, NoticeFilter(channel="spare"))
    assert [one.state for one in rows] == ["pending"] * 2


async def test_news_of_the_bridge_that_both_have_are_sent_once(store: Store) -> None:
    await put(store, "probe", event=EventName.SUCCESS)
    for number, name in enumerate(["team", "spare", "team"]):
        facts = ServiceFacts(subject="builder:ci", detail="503" if number < 2 else "404")
        event = EventName.DEGRADED
        now = store.clock()
        await store.notices.add(
            [Notice(id=f"n{number}", channel=name, event=event, facts=facts, created_at=now)]
        )
    assert await moved(store) == 2
    assert await states(store, "n0", "n1", "n2") == "suppressed pending pending"


async def test_a_digest_is_taken_apart_and_its_notices_go(store: Store) -> None:
    for name in "abc":
        await put(store, name, job=f"job-{name}")
    digest = await store.notices.claim("team", "team", lambda _: Send(("a", "b"), "backlog"))
    assert isinstance(digest, NoticeRow)
    await store.notices.end(digest.notice.id, NoticeState.PENDING, "503")
    assert await moved(store) == 2
    assert await places(store, "a", "b", "c") == "team spare spare"
    found = await row(store, digest.notice.id)
    assert (found.state, found.reason) == ("suppressed", "fallback")
    again = await store.notices.claim("spare", "spare", lambda _: Send(("b", "c"), "backlog"))
    assert isinstance(again, NoticeRow)
    assert isinstance(again.notice.facts, DigestFacts)
    assert [member.moved_from for member in again.notice.facts.members] == ["team"] * 2


async def test_a_notice_that_is_left_for_some_recipients_goes_to_each_of_the_fallback_once(
    store: Store,
) -> None:
    await put(store, "a", job="a")
    await put(store, "b", job="b")
    await put(store, "c", job="c", event=EventName.SUCCESS)
    for _ in range(2):
        sent = await claim(store, "team", ["x@a.example", "y@a.example"])
        assert sent is not None
        await store.notices.end(sent.notice.id, NoticeState.SENT, "")
    assert await moved(store) == 3
    assert await states(store, "a", "a.01", "b", "b.01") == "sent sent pending suppressed"
    assert await places(store, "c", "c.01") == "team spare"
    heard = []
    while (sent := await claim(store, "spare", ["y@a.example", "z@a.example"])) is not None:
        heard.append((sent.notice.id, sent.notice.recipient))
        await store.notices.end(sent.notice.id, NoticeState.SENT, "")
    assert sorted(heard) == [
        ("b", "y@a.example"),
        ("b.f01", "z@a.example"),
        ("c.01", "y@a.example"),
        ("c.01.f01", "z@a.example"),
    ]


async def test_a_message_in_the_app_is_the_fallback(store: Store) -> None:
    await put(store, "a", "b")
    assert await moved(store, to="message") == 1
    sent = await claim(store, "message")
    assert sent is not None
    channel = Message("message", MessageSettings(), context(messages=store.messages))
    assert isinstance(await channel.send(sent.notice), Ok)


async def test_what_was_sent_by_the_fallback_counts_as_sent_by_the_channel(store: Store) -> None:
    """So it is reminded of what still fails as if it had worked."""
    only = Subscription(channel="team", events=FAILURES, only="changes")
    await put(store, "probe", event=EventName.SUCCESS)
    for number in range(3):
        build = await store.add_build(f"{number}", subscriptions=(only,))
        for state in (BuildState.TRIGGERING, BuildState.RUNNING, BuildState.FAILED):
            assert await store.builds.transition(build.id, state, NoticePolicy(store.clock))
        await moved(store)
    assert len(await newest_notices(store, 99, NoticeFilter(channel="spare"))) == 1
