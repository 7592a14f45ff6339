"""What waits for a channel that is out of order goes to another one: once, one step, and without repeats."""

import pytest
from support.listed import newest_notices
from support.notices import context
from support.notifying import put, row, states
from support.outbox import claim
from support.scripted import Store
from support.trail import change_by

from bridge.channels.adapters.message.channel import Message, MessageSettings
from bridge.channels.base import Ok
from bridge.errors import CannotReplay
from bridge.model.build import BuildState
from bridge.model.notice import DigestFacts, EventName, Notice, NoticeState, ServiceFacts, Subscription
from bridge.model.outbox import Send
from bridge.planning.notice_policy import NoticePolicy
from bridge.store.sql import moving
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


async def test_all_go_and_begin_anew(store: Store) -> None:
    await put(store, "a", "b")
    assert await claim(store, "team") is not None
    await store.notices.end("a", NoticeState.PENDING, "503", next_at=store.clock() + 900)
    store.clock.advance(60)
    assert await moved(store) == 2
    assert await places(store, "a", "b") == "spare spare"
    found = await row(store, "a")
    assert (found.notice.moved_from, found.attempts, found.detail) == ("team", 0, "")
    assert found.next_at == store.clock()
    assert found.notice.created_at == store.clock() - 60
    story = await store.notices.get("a")
    assert story is not None
    assert (story[1][-1].what, story[1][-1].detail) == ("moved", "to spare: team is out of order")
    assert await moved(store) == 0


async def test_what_is_under_way_stays(store: Store) -> None:
    await put(store, "a")
    assert await claim(store, "team") is not None
    await put(store, "b", job="other")
    assert await moved(store) == 1
    assert await places(store, "a", "b") == "team spare"


async def test_a_further_step_remembers_the_first_channel(store: Store) -> None:
    await put(store, "a")
    await moved(store)
    await put(store, "own", channel="spare", job="other")
    assert await moved(store, "spare", "last") == 2
    assert await places(store, "a", "own") == "last last"
    assert [(await row(store, name)).notice.moved_from for name in ("a", "own")] == ["team", "spare"]


async def test_a_notice_that_comes_home_is_of_no_other_channel(store: Store) -> None:
    await put(store, "a")
    await moved(store)
    assert await moved(store, "spare", "team") == 1
    assert (await row(store, "a")).notice.moved_from is None


async def test_what_is_about_the_fallback_itself_stays(store: Store) -> None:
    await put(store, "news", job="bridge channel:spare")
    await store.notices.add([news("about", "team", "channel:spare", store.clock())])
    assert await moved(store) == 1
    assert await places(store, "about", "news") == "team spare"
    assert await moved(store) == 0


def news(name: str, channel: str, subject: str, at: float, detail: str = "503") -> Notice:
    facts = ServiceFacts(subject=subject, detail=detail)
    return Notice(id=name, channel=channel, event=EventName.DEGRADED, facts=facts, created_at=at)


async def test_a_transaction_moves_a_bounded_part(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "_AT_ONCE", 2)
    await put(store, "a", "b", "c", "d")
    assert [await store.notices.move("team", "spare") for _ in range(3)] == [2, 2, 0]


async def failed(store: Store, *channels: str, run: int = 1) -> dict[str, str]:
    """The notices that a build failed, by channel."""
    subscriptions = tuple(Subscription(channel=name, events=FAILURES) for name in channels)
    build = await store.add_build(f"{run}", subscriptions=subscriptions)
    for state in (BuildState.TRIGGERING, BuildState.RUNNING, BuildState.FAILED):
        assert await store.builds.transition(build.id, state, NoticePolicy(store.clock))
    if run > 1:
        again = await store.builds.retry(build.id, change_by("ann"), "once more")
        for state in (BuildState.TRIGGERING, BuildState.RUNNING, BuildState.FAILED):
            assert await store.builds.transition(again.run_id, state, NoticePolicy(store.clock))
    rows = await newest_notices(store, 99, NoticeFilter(build_id=build.id))
    return {one.notice.channel: one.notice.id for one in rows if one.notice.event == EventName.FAIL}


async def test_what_the_fallback_has_itself_ends_and_says_so(store: Store) -> None:
    ids = await failed(store, "team", "spare")
    assert await moved(store) == 1
    found = await row(store, ids["team"])
    assert (found.state, found.reason, found.notice.channel) == ("suppressed", "fallback", "team")
    assert found.detail == "team is out of order, and spare has a notice of the same event"
    assert await states(store, ids["spare"]) == "pending"


async def test_two_channels_with_one_fallback_send_an_event_there_once(store: Store) -> None:
    ids = await failed(store, "team", "ops")
    assert [await moved(store), await moved(store, "ops")] == [1, 1]
    assert await states(store, ids["team"], ids["ops"]) == "pending suppressed"


async def test_a_later_run_that_fails_again_is_another_event(store: Store) -> None:
    await failed(store, "team", run=2)
    assert await moved(store) == 2
    rows = await newest_notices(store, 99, NoticeFilter(channel="spare"))
    assert [one.state for one in rows] == ["pending"] * 2


async def test_news_of_the_bridge_that_both_have_are_sent_once(store: Store) -> None:
    """A second outage with the same words is another event."""
    at = store.clock()
    await store.notices.add([news(f"n-{name}", name, "builder:ci", at) for name in ("team", "spare")])
    await store.notices.add([news("other", "team", "builder:ci", at, "404")])
    store.clock.advance(20)
    await store.notices.add([news("again", "team", "builder:ci", store.clock())])
    assert await moved(store) == 3
    assert await states(store, "n-team", "n-spare", "other", "again") == "suppressed pending pending pending"


async def test_one_that_the_fallback_gave_up_says_nothing_of_the_event(store: Store) -> None:
    ids = await failed(store, "team", "spare")
    await store.notices.end(ids["spare"], NoticeState.DEAD, "old", reason="expired")
    await moved(store)
    assert await places(store, ids["team"]) == "spare"
    assert await states(store, ids["team"]) == "pending"


async def test_what_waits_for_a_fallback_that_is_gone_goes_back(store: Store) -> None:
    await put(store, "a", "b", job="a")
    await moved(store)
    await put(store, "own", channel="spare", job="own")
    digest = await store.notices.claim("spare", "spare", lambda _: Send(("a", "own"), "backlog"))
    assert isinstance(digest, NoticeRow)
    await store.notices.end(digest.notice.id, NoticeState.PENDING, "503", next_at=store.clock() + 900)
    assert await store.notices.end_orphans({"team", "other"}) == 1
    assert await places(store, "a", "b", "own") == "team team spare"
    assert await states(store, "a", "b", "own", digest.notice.id) == "pending pending dead suppressed"
    found = await row(store, "a")
    assert (found.notice.moved_from, found.next_at) == (None, store.clock())
    story = await store.notices.get("a")
    assert story is not None
    assert story[1][-1].detail == "back to team: there is no channel spare any more"


async def test_what_was_under_way_to_a_fallback_that_a_start_finds_gone_goes_back(store: Store) -> None:
    await put(store, "a")
    await moved(store)
    assert await claim(store, "spare") is not None
    await store.recover({"team", "message"}, {"channel:team"})
    assert await places(store, "a") == "team"
    assert await states(store, "a") == "pending"


async def test_what_goes_back_goes_to_each_recipient_once(store: Store) -> None:
    people = ["x@a.example", "y@a.example"]
    await put(store, "a")
    assert await claim(store, "team", people) is not None
    await store.notices.end("a", NoticeState.PENDING, "503")
    await moved(store)
    assert await claim(store, "spare", ["z@a.example", *people]) is not None
    await store.notices.end_orphans({"team"})
    heard: list[str] = []
    while (sent := await claim(store, "team", people)) is not None:
        heard.append(str(sent.notice.recipient))
        await store.notices.end(sent.notice.id, NoticeState.SENT, "")
    assert sorted(heard) == people


async def test_a_digest_is_taken_apart_and_its_notices_go(store: Store) -> None:
    for name in "abc":
        await put(store, name, job=f"job-{name}")
    digest = await store.notices.claim("team", "team", lambda _: Send(("a", "b"), "backlog"))
    assert isinstance(digest, NoticeRow)
    await store.notices.end(digest.notice.id, NoticeState.PENDING, "503")
    assert await moved(store) == 3
    assert await places(store, "a", "b", "c") == "spare spare spare"
    found = await row(store, digest.notice.id)
    assert (found.state, found.reason) == ("suppressed", "fallback")
    again = await store.notices.claim("spare", "spare", lambda _: Send(("b", "c"), "backlog"))
    assert isinstance(again, NoticeRow)
    assert isinstance(again.notice.facts, DigestFacts)
    assert [member.moved_from for member in again.notice.facts.members] == ["team"] * 2
    with pytest.raises(CannotReplay, match="went one by one: replay these"):
        await store.notices.replay(digest.notice.id, change_by())


async def test_a_digest_that_was_asked_for_once_more_moves_as_it_is(store: Store) -> None:
    await put(store, "a", "b")
    digest = await store.notices.claim("team", "team", lambda _: Send(("a", "b"), "backlog"))
    assert isinstance(digest, NoticeRow)
    await store.notices.end(digest.notice.id, NoticeState.DEAD, "x", reason="expired")
    again = await store.notices.replay(digest.notice.id, change_by())
    assert await moved(store) == 1
    assert (await row(store, again)).notice.facts == digest.notice.facts
    assert await places(store, again) == "spare"


async def test_a_notice_that_is_left_for_some_recipients_goes_to_each_of_the_fallback_once(
    store: Store,
) -> None:
    await put(store, "a", job="a")
    await put(store, "b", job="b")
    await put(store, "c", job="c")
    for _ in range(3):
        sent = await claim(store, "team", ["x@a.example", "y@a.example"])
        assert sent is not None
        await store.notices.end(sent.notice.id, NoticeState.SENT, "")
    assert await moved(store) == 3
    assert await states(store, "a", "a.01", "b", "c", "c.01") == "sent sent sent pending suppressed"
    assert await places(store, "b", "b.01") == "team spare"
    heard = []
    while (sent := await claim(store, "spare", ["y@a.example", "z@a.example"])) is not None:
        heard.append((sent.notice.id, sent.notice.recipient))
        await store.notices.end(sent.notice.id, NoticeState.SENT, "")
    assert sorted(heard) == [
        ("b.01", "y@a.example"),
        ("b.01.01", "z@a.example"),
        ("c", "y@a.example"),
        ("c.02", "z@a.example"),
    ]


async def test_a_message_in_the_app_is_the_fallback(store: Store) -> None:
    await put(store, "a", "b")
    assert await moved(store, to="message") == 2
    sent = await claim(store, "message")
    assert sent is not None
    channel = Message("message", MessageSettings(), context(messages=store.messages))
    assert isinstance(await channel.send(sent.notice), Ok)


async def test_what_was_sent_by_the_fallback_counts_as_sent_by_the_channel(store: Store) -> None:
    """So it is reminded of what still fails as if it had worked."""
    only = Subscription(channel="team", events=FAILURES, only="changes")
    for number in range(3):
        build = await store.add_build(f"{number}", subscriptions=(only,))
        for state in (BuildState.TRIGGERING, BuildState.RUNNING, BuildState.FAILED):
            assert await store.builds.transition(build.id, state, NoticePolicy(store.clock))
        await moved(store)
    assert len(await newest_notices(store, 99, NoticeFilter(channel="spare"))) == 1
