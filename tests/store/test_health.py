"""The health of parts: since when one is down, and which changes make notices."""

import asyncio
from functools import partial

from sqlalchemy import text
from support.engines import indexes, postgres
from support.listed import add_notice
from support.scripted import START, Store, quiet

from bridge.model.build import BuildState
from bridge.model.notice import EventName, NoticeState
from bridge.store.monitoring import Successes
from bridge.store.sql import monitoring
from bridge.store.values import HealthRecord

HERE = "builder:here"


async def test_a_part_is_down_since_it_first_failed(store: Store) -> None:
    assert await store.health.degrade(HERE, "no answer", pause=60)
    store.clock.advance(600)
    assert not await store.health.degrade(HERE, "503")
    health = HealthRecord(name=HERE, down_since=START, why="503", error="503", error_at=START + 600)
    assert await store.health.get(HERE) == health
    store.clock.advance(600)
    assert await store.health.restore(HERE, "it answers")
    assert await store.health.get(HERE) == HealthRecord(
        name=HERE, why="it answers", restored_at=START + 1200, error="503", error_at=START + 600
    )
    assert not await store.health.restore(HERE, "it answers still")
    assert await store.health.degrade(HERE, "no answer again")
    assert await store.health.get(HERE) == HealthRecord(
        name=HERE,
        down_since=START + 1200,
        why="no answer again",
        error="no answer again",
        error_at=START + 1200,
    )


async def test_the_end_of_a_pause_is_no_change_of_health(store: Store) -> None:
    await store.health.degrade(HERE, "no answer", pause=60)
    await store.health.resume(HERE)
    assert await store.health.get(HERE) == HealthRecord(
        name=HERE, down_since=START, why="no answer", error="no answer", error_at=START
    )
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
    await store.health.restore(HERE, "it answers")
    await store.health.degrade(HERE, "no answer")
    await store.health.degrade(HERE, "503")
    await store.health.restore(HERE, "it answers")
    await store.health.prove(HERE, "it answers still")
    assert await store.events() == [EventName.DEGRADED, EventName.RESTORED]
    await store.health.degrade("builder:gone", "no answer")
    await store.recover(["message", "team"], [HERE])
    (here,) = await store.health.all()
    assert (here.name, here.why) == (HERE, "it answers still")


async def test_when_a_builder_took_its_last_build_and_a_channel_its_last_notice(store: Store) -> None:
    build = await store.add_build()
    await store.builds.transition(build.run_id, BuildState.TRIGGERING, quiet, triggered_at=store.clock())
    assert await store.monitoring.successes(["team"]) == Successes({}, {}), "it was not taken yet"
    await store.builds.transition(build.run_id, BuildState.QUEUED, quiet, handle="7")
    await add_notice(store, "sent")
    await add_notice(store, "rejected")
    store.clock.advance(60)
    await store.notices.end("sent", NoticeState.SENT, "")
    await store.notices.end("rejected", NoticeState.DEAD, "", reason="content")
    assert await store.monitoring.successes(["team", "mail"]) == Successes(
        {"here": START}, {"team": START + 60}
    )


async def test_successes_are_found_as_fast_among_many(store: Store) -> None:
    taken = text(monitoring.TAKEN).bindparams(name="team")
    # PostgreSQL looks at how many notices each channel has.
    either = {"notice_channel_state"} | ({"notice_state"} if postgres() else set())
    for query, known in ((text(monitoring.HANDED_OVER), {"build_turn"}), (taken, either)):
        found = await store.database.read(partial(indexes, query=query))
        assert found
        assert found <= known
