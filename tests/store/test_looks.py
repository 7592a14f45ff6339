"""Looks at Git hosts: of two that read the same one is written; what was missed stays as long as builds."""

from dataclasses import replace
from datetime import timedelta

from support.reconciling import keep_missed
from support.scripted import Store, delivery_of

from bridge.model.missed import Redelivery, RedeliveryState
from bridge.store.refs import NewLook

CODE = "Gitea acme/shop"
MAIN, OTHER = "refs/heads/main", "refs/heads/other"
LOOK = NewLook(code=CODE, looks=0, clone_url="https://x/y", looked_at=5.0, changed={MAIN: "a", OTHER: "b"})


async def test_of_two_looks_that_read_the_same_one_is_written(store: Store) -> None:
    asked = delivery_of("asked", store.clock(), source="reconcile")
    assert await store.looks.keep(LOOK)
    assert not await store.looks.keep(replace(LOOK, changed={MAIN: "z"}, deliveries=[asked]))
    known = await store.looks.last(CODE)
    assert (known.looks, known.refs, known.looked_at) == (1, {MAIN: "a", OTHER: "b"}, 5.0)
    assert await store.deliveries.claim(10) == []
    assert await store.looks.keep(replace(LOOK, looks=1, changed={OTHER: ""}, looked_at=None))
    known = await store.looks.last(CODE)
    assert (known.looks, known.refs, known.looked_at) == (2, {MAIN: "a"}, 5.0)


async def test_a_failure_is_new_once_and_stays_until_all_is_accounted_for(store: Store) -> None:
    assert await store.looks.fail(CODE, "https://x/y", "no answer", 10.0)
    assert not await store.looks.fail(CODE, "https://x/y", "no answer", 20.0)
    assert await store.looks.fail(CODE, "https://x/y", "no such host", 30.0)
    assert await store.looks.keep(replace(LOOK, looked_at=None))
    known = await store.looks.last(CODE)
    assert (known.error, known.failed_since) == ("", 10.0)
    assert await store.looks.keep(replace(LOOK, looks=1))
    assert (await store.looks.last(CODE)).failed_since is None


async def test_what_is_wanted_no_more_is_forgotten_and_its_next_look_is_the_first(store: Store) -> None:
    other = replace(LOOK, code="Gitea acme/other")
    for look in (LOOK, other):
        assert await store.looks.keep(look)
    await store.looks.forget_others([other.code])
    known = await store.looks.last(CODE)
    assert (known.looked_at, known.refs) == (None, {})
    assert (await store.looks.last(other.code)).refs == other.changed
    assert not await store.looks.keep(replace(LOOK, looks=1))
    await store.looks.forget_others([other.code])
    assert await store.looks.keep(replace(LOOK, looks=known.looks, changed={MAIN: "z"}))
    assert (await store.looks.last(CODE)).refs == {MAIN: "z"}


async def test_what_was_seen_outlives_deliveries_and_goes_with_builds(store: Store) -> None:
    await store.looks.keep(replace(LOOK, looked_at=store.clock()))
    await keep_missed(store, "why", repo="acme/other")
    store.clock.advance(60 * 86_400)
    await store.prune(deliveries=timedelta(days=30), builds=timedelta(days=365))
    assert (await store.looks.last(CODE)).refs == LOOK.changed
    assert len(await store.looks.missed(10)) == 1
    store.clock.advance(365 * 86_400)
    await store.prune(deliveries=timedelta(days=30), builds=timedelta(days=365))
    assert (await store.looks.last(CODE)).looked_at is None
    assert await store.looks.missed(10) == []


async def test_what_a_host_was_asked_to_send_again_is_listed_with_what_arrived_until_builds_go(
    store: Store,
) -> None:
    wanted = [
        Redelivery(code=CODE, source="plain", repo="acme/shop", key=key, reason="503", at=store.clock())
        for key in ("here", "comes", "stays-away", "refused")
    ]
    await store.deliveries.put(delivery_of("here", store.clock()))
    assert list(await store.looks.begin_redeliveries(wanted)) == ["comes", "stays-away", "refused"]
    await store.looks.end_redelivery("plain", "comes", RedeliveryState.ASKED)
    await store.looks.end_redelivery("plain", "refused", RedeliveryState.REFUSED)
    assert list(await store.looks.begin_redeliveries(wanted)) == ["stays-away"]
    await keep_missed(store, "why", at=store.clock() + 1)
    comes = await store.deliveries.put(delivery_of("comes", store.clock()))
    found = [(one.state, one.delivery_id) for one in await store.looks.missed(10)]
    assert found == [("named", None), ("asked", None), ("redelivered", comes.id)]
    assert len(await store.looks.missed(2)) == 2
    store.clock.advance(366 * 86_400)
    await store.prune(deliveries=timedelta(days=30), builds=timedelta(days=365))
    assert await store.looks.missed(10) == []
