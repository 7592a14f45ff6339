"""The health of parts: since when one is down, and which changes make notices."""

import asyncio
from dataclasses import replace

from support.scripted import START, Store

from bridge.model.notice import EventName
from bridge.store.values import HealthRecord

HERE = "builder:here"


async def test_a_part_is_down_since_it_first_failed(store: Store) -> None:
    assert await store.health.degrade(HERE, "no answer", pause=60)
    store.clock.advance(600)
    assert not await store.health.degrade(HERE, "503")
    health = HealthRecord(name=HERE, down_since=START, why="503")
    assert await store.health.get(HERE) == health
    store.clock.advance(600)
    assert await store.health.restore(HERE, "it answers")
    assert await store.health.get(HERE) == HealthRecord(name=HERE, why="it answers")
    assert not await store.health.restore(HERE, "it answers still")
    assert await store.health.degrade(HERE, "no answer again")
    assert (await store.health.get(HERE)).down_since == START + 1200


async def test_the_end_of_a_pause_is_no_change_of_health(store: Store) -> None:
    await store.health.degrade(HERE, "no answer", pause=60)
    await store.health.resume(HERE)
    assert await store.health.get(HERE) == HealthRecord(name=HERE, down_since=START, why="no answer")
    await store.health.resume("channel:team")
    assert await store.health.all() == [await store.health.get(HERE)]
    assert await store.events() == [EventName.DEGRADED]


async def test_changes_of_one_part_at_once_see_each_other(store: Store) -> None:
    down = await asyncio.gather(*(store.health.degrade(HERE, "no answer") for _ in range(8)))
    assert sum(down) == 1
    up = await asyncio.gather(*(store.health.restore(HERE, "it answers") for _ in range(8)))
    assert sum(up) == 1
    await asyncio.gather(
        store.health.degrade(HERE, "503", pause=60), store.health.resume(HERE), store.health.get(HERE)
    )
    assert (await store.health.get(HERE)).down_since == START
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED, EventName.DEGRADED]


async def test_a_change_of_health_makes_a_notice_and_nothing_else_does(store: Store) -> None:
    down = HealthRecord(name="builder:here", down_since=1.0, why="no answer")
    for health in (
        HealthRecord(name="builder:here"),
        down,
        replace(down, why="503"),
        HealthRecord(name="builder:here"),
    ):
        await store.health.set(health)
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]
    await store.health.set(replace(down, name="builder:gone"))
    await store.recover(["message", "team"], ["builder:here"])
    assert [health.name for health in await store.health.all()] == ["builder:here"]
