"""Pages of deliveries, notices and messages: which rows they hold, and for whom."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.filled import counting
from support.listed import add_notice, newest_deliveries, newest_notices, notice_about
from support.outbox import claim
from support.scripted import START, Store, delivery_of, new_build, quiet
from support.trail import change_by

from bridge.errors import CannotReplay
from bridge.model.delivery import DeliveryState
from bridge.model.notice import EventName, NoticeState
from bridge.planning.builds import plan
from bridge.store.values import BuildFilter, Cursor, Decision, DeliveryFilter, MessageFilter, NoticeFilter


async def deliver(store: Store, key: str, *namespaces: str, **changes: Any) -> str:
    """A delivery that made a build in each of the namespaces; its id."""
    delivery = delivery_of(key, store.clock(), **changes)
    await store.deliveries.put(delivery)
    new = [replace(new_build(delivery.id), namespace=namespace) for namespace in namespaces]
    state = DeliveryState.DISPATCHED if new else DeliveryState.IGNORED
    decision = Decision(state=state, detail="", explanation=[], builds=new)
    await store.deliveries.record_decision(delivery.id, decision, quiet, plan)
    return delivery.id


async def keys(store: Store, **only: Any) -> list[str]:
    return [head.key for head in await newest_deliveries(store, 10, DeliveryFilter(**only))]


async def test_deliveries_are_found_by_what_they_are_and_where_they_built(store: Store) -> None:
    await deliver(store, "a", "acme", source="one", forge="GitHub")
    await deliver(store, "b", source="one", body=b"0123456789")
    await deliver(store, "both", "acme", "globex")
    await deliver(store, "g", "globex")
    assert await keys(store) == ["g", "both", "b", "a"]
    assert await keys(store, state=DeliveryState.IGNORED) == ["b"]
    assert await keys(store, source="one") == ["b", "a"]
    assert await keys(store, source="one", state=DeliveryState.IGNORED) == ["b"]
    assert await keys(store, namespace="acme") == ["both", "a"]
    assert await keys(store, namespace="acme", repo_name="shop") == ["both", "a"]
    assert await keys(store, namespace="acme", repo_name="web") == []
    assert await keys(store, readable=frozenset({"acme", "globex"})) == ["g", "both", "a"]
    assert await keys(store, readable=frozenset({"globex"}), namespace="acme") == []
    assert await keys(store, readable=frozenset()) == []
    (found,) = await newest_deliveries(store, 1, DeliveryFilter(state=DeliveryState.IGNORED))
    assert (found.size, found.source, found.forge, found.replay) == (10, "one", "Simple", 0)


@pytest.mark.sqlite
async def test_what_others_have_makes_no_list_of_one_state_longer(store: Store) -> None:
    """Neither what another namespace has of the state, nor what is in other states here."""
    acme = frozenset({"acme"})

    async def steps() -> Sequence[int]:
        found = []
        for ask in (
            store.deliveries.page(Cursor(), 5, DeliveryFilter(state=DeliveryState.DEAD, readable=acme)),
            store.notices.page(Cursor(), 5, NoticeFilter(state=NoticeState.SENT, readable=acme)),
            store.notices.page(Cursor(), 5, NoticeFilter(state=NoticeState.MERGED, readable=acme)),
        ):
            with counting(store) as counted:
                assert (await ask).rows == []
            found.append(counted["steps"])
        return found

    async def fill(numbers: range) -> None:
        for number in numbers:
            (build,) = await store.builds.of_delivery(await deliver(store, f"{number}", "acme"))
            await add_notice(store, f"a{number}", build, ended=NoticeState.DEAD)
            other = replace(build, namespace="globex")
            await add_notice(store, f"g{number}", other, ended=NoticeState.SENT)

    await fill(range(20))
    few = await steps()
    await fill(range(20, 80))
    for more, before in zip(await steps(), few, strict=True):
        assert more <= before + 10, "sixty rows take some fifty"
    dispatched = await newest_deliveries(
        store, 100, DeliveryFilter(state=DeliveryState.DISPATCHED, readable=acme)
    )
    assert len(dispatched) == 80


async def test_a_delivery_of_two_namespaces_is_one_row_of_every_page_and_of_the_count(store: Store) -> None:
    made = [await deliver(store, str(number), "acme", "globex") for number in range(5)]
    only = DeliveryFilter(readable=frozenset({"acme", "globex"}))
    pages = [await store.deliveries.page(Cursor(number=number), 2, only) for number in (1, 2, 3)]
    assert [[head.id for head in page.rows] for page in pages] == [made[:2:-1], made[2:0:-1], made[:1]]
    assert [(page.newer, page.older, page.count) for page in pages] == [
        (False, True, 5),
        (True, True, 5),
        (True, False, 5),
    ]
    beside = await store.deliveries.page(Cursor(before=made[3]), 2, only)
    assert [head.id for head in beside.rows] == [made[2], made[1]]
    newer = await store.deliveries.page(Cursor(after=made[2]), 1, only)
    assert ([head.id for head in newer.rows], newer.newer) == ([made[3]], True)


async def test_deliveries_that_are_shared_hide_no_others(store: Store) -> None:
    """However many namespaces a token is for."""
    names = [f"team-{number}" for number in range(600)]
    made = [await deliver(store, f"one {number}", names[5 + number]) for number in range(4)]
    made.append(await deliver(store, "all", *names[:9]))
    only = DeliveryFilter(readable=frozenset(names))
    page = await store.deliveries.page(Cursor(), 3, only)
    assert ([head.id for head in page.rows], page.count) == (made[:1:-1], 5)
    newer = await store.deliveries.page(Cursor(after=made[0]), 3, only)
    assert ([head.id for head in newer.rows], newer.newer) == (made[3:0:-1], True)


async def test_a_build_whose_delivery_is_gone_shows_none(store: Store) -> None:
    await store.deliveries.put(delivery_of("waits", store.clock()))
    await deliver(store, "old", "acme")
    store.clock.advance(3600)
    await deliver(store, "new", "acme")
    assert await store.prune(deliveries=timedelta(seconds=60), builds=timedelta(days=1)) == 1
    page = await store.deliveries.page(Cursor(), 10, DeliveryFilter(namespace="acme"))
    assert ([head.key for head in page.rows], page.count) == (["new"], 1)


async def test_notices_are_found_by_build_channel_state_and_namespace(store: Store) -> None:
    build = await store.add_build("1", namespace="acme")
    other = await store.add_build("2", namespace="globex")
    await add_notice(store, "a", build)
    await add_notice(store, "b", other, "mail")
    await add_notice(store, "c", ended=NoticeState.DEAD)

    async def ids(**only: Any) -> list[str]:
        return [row.notice.id for row in await newest_notices(store, 10, NoticeFilter(**only))]

    assert await ids() == ["c", "b", "a"]
    assert await ids(build_id=other.id) == await ids(channel="mail") == ["b"]
    assert await ids(state=NoticeState.DEAD) == ["c"]
    assert await ids(namespace="acme", repo_name="shop") == ["a"]
    assert await ids(namespace="acme", repo_name="web") == []
    assert await ids(readable=frozenset({"acme", "globex"})) == ["b", "a"]
    assert await ids(readable=frozenset()) == []
    page = await store.notices.page(Cursor(number=2), 2)
    assert ([row.notice.id for row in page.rows], page.count, page.newer, page.older) == (
        ["a"],
        3,
        True,
        False,
    )
    (row,) = await newest_notices(store, 1, NoticeFilter(namespace="acme"))
    assert (row.namespace, row.repo_name) == ("acme", "shop")


async def test_several_rows_of_one_key_are_a_list(store: Store) -> None:
    delivery_id = await deliver(store, "both", "acme", "globex")
    made = (await store.builds.page(Cursor(), 10, BuildFilter(delivery_id=delivery_id))).rows
    assert {build.namespace for build in made} == {"acme", "globex"}
    await add_notice(store, "a", made[0])
    await add_notice(store, "b", made[0], "mail")
    rows = await newest_notices(store, 10, NoticeFilter(build_id=made[0].id))
    assert [row.notice.id for row in rows] == ["b", "a"]


async def test_messages_are_numbered_and_found_by_event_and_namespace(store: Store) -> None:
    build = await store.add_build("1", namespace="acme")
    for name, about in (("z", build), ("y", None), ("x", build)):
        await store.messages.add_message(notice_about(name, about, START))
    await store.messages.add_message(notice_about("x", build, START))

    async def found(cursor: Cursor | None = None, **only: Any) -> list[tuple[int, str]]:
        page = await store.messages.page(cursor or Cursor(), 2, MessageFilter(**only))
        return [(row.id, row.notice_id) for row in page.rows]

    assert await found() == [(3, "x"), (2, "y")]
    assert await found(Cursor(before=2)) == [(1, "z")]
    assert await found(Cursor(after=0)) == [(2, "y"), (1, "z")]
    assert await found(namespace="acme", repo_name="shop") == [(3, "x"), (1, "z")]
    assert await found(readable=frozenset({"globex"})) == []
    assert await found(event=EventName.SUCCESS) == []
    first, second = (await store.messages.page(Cursor(), 2)).rows
    assert (first.facts, second.facts) == (
        notice_about("x", build, START).facts,
        notice_about("y", None, START).facts,
    )


async def test_a_notice_that_has_ended_is_sent_again_as_another(store: Store) -> None:
    build = await store.add_build("1", namespace="acme")
    await add_notice(store, "a", build)
    with pytest.raises(CannotReplay, match="a is still to be sent: it is pending"):
        await store.notices.replay("a", change_by())
    await claim(store, "team", ["ann"])
    with pytest.raises(CannotReplay, match="a is still to be sent: it is sending"):
        await store.notices.replay("a", change_by())
    await store.notices.end("a", NoticeState.DEAD, "no", reason="content")
    store.clock.advance(2 * 24 * 3600)
    new_id = await store.notices.replay("a", change_by())
    claimed = await claim(store, "team")
    assert claimed is not None
    assert (claimed.notice.id, claimed.notice.recipient, claimed.build_id) == (new_id, "ann", build.id)
    assert (claimed.notice.created_at, claimed.attempts, claimed.detail) == (store.clock(), 0, "")
    old = await store.notices.get("a")
    assert old is not None
    assert (old[0].state, old[0].detail, old[1][-1].detail) == ("dead", "no", f"as {new_id}")
    with pytest.raises(CannotReplay, match="there is no notice none"):
        await store.notices.replay("none", change_by())
