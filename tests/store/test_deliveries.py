"""Deliveries: kept once, however often they are repeated, and decided in their order."""

import anyio
import pytest
from support.held_writer import held_writer
from support.listed import newest_deliveries
from support.scripted import Store, delivery_of, quiet
from support.trail import change_by

from bridge.errors import StoreError
from bridge.model.delivery import DIGEST, DeliveryState
from bridge.planning.builds import plan
from bridge.store.sql.deliveries import CROWD, MAX_REPEATS, SAME_SECONDS
from bridge.store.values import Decision, DeliveryFilter, Receipt

IGNORED = Decision(state=DeliveryState.IGNORED, detail="a ping", explanation=[{"event": "ping"}])


async def test_a_repeat_is_kept_once_under_the_first_id(store: Store) -> None:
    receipts: list[Receipt] = []

    async def put(number: int) -> None:
        receipts.append(await store.deliveries.put(delivery_of("same", store.clock(), id=f"id-{number}")))

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(put, number)
    assert len({receipt.id for receipt in receipts}) == 1
    assert sum(receipt.new for receipt in receipts) == 1


async def test_the_same_key_of_two_sources_is_two_deliveries(store: Store) -> None:
    for source in ("one", "two"):
        assert (await store.deliveries.put(delivery_of("k", 1.0, id=source, source=source))).new


async def test_the_same_body_without_an_id_is_the_same_for_an_hour_and_then_another_push(
    store: Store,
) -> None:
    async def put() -> Receipt:
        return await store.deliveries.put(delivery_of(f"{DIGEST}ab", store.clock()))

    first = await put()
    wanted = await store.deliveries.redeliver(first.id, change_by())
    store.clock.advance(SAME_SECONDS)
    assert await put() == Receipt(first.id, new=False)
    store.clock.advance(1)
    second = await put()
    assert second.new
    assert await put() == Receipt(second.id, new=False), "which is the same for an hour, too"
    again = await store.deliveries.redeliver(first.id, change_by())
    kept = {row.id: (row.key, row.replay) for row in await newest_deliveries(store, 10)}
    assert kept == {
        first.id: (f"{DIGEST}ab {first.id}", 0),
        wanted: (f"{DIGEST}ab {first.id}", 1),
        again: (f"{DIGEST}ab {first.id}", 2),
        second.id: (f"{DIGEST}ab", 0),
    }


async def test_a_crowd_of_the_same_body_after_an_hour_is_one_delivery(store: Store) -> None:
    await store.deliveries.put(delivery_of(f"{DIGEST}ab", store.clock()))
    store.clock.advance(SAME_SECONDS + 1)
    receipts: list[Receipt] = []

    async def put() -> None:
        receipts.append(await store.deliveries.put(delivery_of(f"{DIGEST}ab", store.clock())))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(put)
    assert sum(receipt.new for receipt in receipts) == 1
    assert len({receipt.id for receipt in receipts}) == 1


async def test_an_id_of_the_host_is_the_same_for_ever_and_few_repeats_of_it_are_noted(store: Store) -> None:
    first = await store.deliveries.put(delivery_of("an id", store.clock()))
    store.clock.advance(30 * SAME_SECONDS)
    for _ in range(MAX_REPEATS + 5):
        assert await store.deliveries.put(delivery_of("an id", store.clock())) == Receipt(first.id, new=False)
    found = await store.deliveries.get(first.id)
    assert found is not None
    assert [step.what for step in found[1]] == ["repeated"] * MAX_REPEATS


async def test_what_was_put_is_read_back_word_for_word(store: Store) -> None:
    delivery = delivery_of("k", 1.0, body=bytes(range(256)), headers={"x-a": "\xe9", "x-b": ""}, event="é")
    await store.deliveries.put(delivery)
    assert await store.deliveries.claim(10) == [delivery]


async def test_few_large_deliveries_are_read_at_once(store: Store) -> None:
    large = bytes(9 << 20)
    for key in "abc":
        await store.deliveries.put(delivery_of(key, store.clock(), body=large))
    assert [one.key for one in await store.deliveries.claim(10)] == ["a", "b"]


async def test_a_crowd_is_reported_once_and_not_after_it_has_gone(store: Store) -> None:
    async with anyio.create_task_group() as tasks:
        for number in range(CROWD + 1):
            tasks.start_soon(store.deliveries.put, delivery_of(str(number), store.clock()))
    assert [store.deliveries.crowded() for _ in range(3)] == [True, False, False]
    async with anyio.create_task_group() as tasks:
        for number in range(CROWD):
            tasks.start_soon(store.deliveries.put, delivery_of(f"few {number}", store.clock()))
    assert not store.deliveries.crowded()


async def test_a_new_delivery_beside_a_repeat_is_new(store: Store) -> None:
    first = await store.deliveries.put(delivery_of("a", store.clock()))
    receipts: dict[str, bool] = {}

    async def put(key: str) -> None:
        receipts[key] = (await store.deliveries.put(delivery_of(key, store.clock()))).new

    async with anyio.create_task_group() as tasks:
        for key in "abc":
            tasks.start_soon(put, key)
    assert receipts == {"a": False, "b": True, "c": True}
    assert len(await store.deliveries.claim(10)) == 3
    assert first.new


async def test_the_oldest_is_decided_first_and_once(store: Store) -> None:
    for key in "abc":
        await store.deliveries.put(delivery_of(key, store.clock()))
    assert [one.key for one in await store.deliveries.claim(2)] == ["a", "b"]
    first = (await store.deliveries.claim(1))[0]
    await store.deliveries.record_decision(first.id, IGNORED, quiet, plan)
    again = Decision(state=DeliveryState.DEAD, detail="too late", explanation=[])
    await store.deliveries.record_decision(first.id, again, quiet, plan)
    found = await store.deliveries.get(first.id)
    assert found is not None
    row, steps = found
    assert (row.state, row.detail, row.explanation) == (
        DeliveryState.IGNORED,
        "a ping",
        [{"event": "ping"}],
    )
    assert [step.what for step in steps] == ["ignored"]
    assert [one.key for one in await store.deliveries.claim(10)] == ["b", "c"]
    assert [row.key for row in await newest_deliveries(store, 10)] == ["c", "b", "a"]
    assert [
        row.key for row in await newest_deliveries(store, 10, DeliveryFilter(state=DeliveryState.IGNORED))
    ] == ["a"]


async def test_a_redelivery_is_a_delivery_of_its_own_that_says_where_it_is_from(store: Store) -> None:
    delivery = delivery_of("k", 1.0)
    await store.deliveries.put(delivery)
    await store.deliveries.record_decision(delivery.id, IGNORED, quiet, plan)
    new_id = await store.deliveries.redeliver(delivery.id, change_by())
    old, new = await store.deliveries.get(delivery.id), await store.deliveries.get(new_id)
    assert old is not None
    assert new is not None
    assert old[1][-1].detail == f"as {new_id}"
    assert (new[0].state, new[0].replay, new[0].detail) == (DeliveryState.STORED, 1, "")
    assert new[1][0].detail == f"redelivery of {delivery.id}"
    assert new[0].delivery.body == delivery.body
    assert (old[0].delivery.received_at, new[0].delivery.received_at) == (1.0, store.clock())
    with pytest.raises(StoreError, match="there is no delivery nothing"):
        await store.deliveries.redeliver("nothing", change_by())
    assert await store.deliveries.get("nothing") is None


async def test_a_delivery_waits_for_a_store_that_is_held_up_no_longer_than_its_host_does(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that the store had not begun to write is not there later, and each can be sent again."""
    monkeypatch.setattr("bridge.store.sql.deliveries.PATIENCE", 0.05)
    # On PostgreSQL the first one is begun.
    all_three = [delivery_of(key, store.clock()) for key in ("begun", "a", "b")]
    async with held_writer(store.database):
        for one in all_three:
            with anyio.fail_after(5), pytest.raises(StoreError, match="took no write"):
                await store.deliveries.put(one)
    await store.database.write(lambda _connection: None)
    kept = {row.key for row in await newest_deliveries(store, 10)}
    assert kept <= {"begun"}, "nothing that waited before this write"
    assert [(await store.deliveries.put(one)).new for one in all_three] == [True, True, True]
