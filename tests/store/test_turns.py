"""What waits goes in the order in which it was written, whatever the clocks of the machines say."""

import sqlite3
from contextlib import AsyncExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, select
from support.engines import indexes
from support.older import set_back
from support.outbox import claim
from support.postgres import Server
from support.pushes import pushing, sha
from support.scripted import START, Clock, Store, delivery_of, open_store
from support.trail import change_by

from bridge.model.chain import in_order
from bridge.model.delivery import DeliveryState
from bridge.model.event import RefMove
from bridge.model.notice import EventName, Notice, NoticeState, ServiceFacts
from bridge.planning.builds import plan
from bridge.store import base
from bridge.store import open as opening
from bridge.store.compression import compress
from bridge.store.postgres.database import Database as Postgres
from bridge.store.schema import delivery, notice
from bridge.store.sql import delivery_rows, history
from bridge.store.sql.notices import add
from bridge.store.sql.turns import next_turn
from bridge.store.sqlite import migrate
from bridge.store.values import Decision, no_notices
from bridge.store.waits import Wait

MINUTES = 60.0
IGNORED = Decision(state=DeliveryState.IGNORED, detail="a ping", explanation=[])


async def waiting(store: base.Store) -> list[str]:
    """The keys of the deliveries, as they are claimed one after the other."""
    keys = []
    while found := await store.deliveries.claim(1):
        keys.append(found[0].key)
        await store.deliveries.record_decision(found[0].id, IGNORED, no_notices, plan)
    return keys


async def put(store: Store, name: str) -> None:
    facts = ServiceFacts(subject="x", detail="y")
    made = Notice(id=name, channel="team", event=EventName.FAIL, facts=facts, created_at=store.clock())
    await store.database.write(partial(add, notice=made, dedupe=name))


async def sent(store: Store, *recipients: str) -> list[str]:
    """The ids of the notices, as they are sent one after the other."""
    ids = []
    while (row := await claim(store, "team", recipients)) is not None:
        ids.append(row.notice.id)
        await store.notices.end(row.notice.id, NoticeState.SENT, "")
    return ids


async def test_deliveries_are_decided_as_they_were_stored_while_the_clock_is_set_back(store: Store) -> None:
    for key in "abc":
        await store.deliveries.put(delivery_of(key, store.clock()))
        store.clock.advance(-5 * MINUTES)
    (first, *_) = await store.deliveries.claim(1)
    await store.deliveries.redeliver(first.id, change_by(), "0")
    await store.deliveries.order(delivery_of("by hand", store.clock()), change_by())
    await store.deliveries.put(delivery_of("d", store.clock()))
    assert [one.key for one in await store.deliveries.claim(9)] == ["a", "b", "c", "a", "by hand", "d"]
    assert await waiting(store) == ["a", "b", "c", "a", "by hand", "d"]
    await store.deliveries.put(delivery_of("e", store.clock()))
    assert await waiting(store) == ["e"], "where nothing waits, turns begin anew"


async def test_the_notices_of_a_job_go_as_they_were_made_while_the_clock_is_set_back(store: Store) -> None:
    for name in ("c", "b", "a"):
        await put(store, name)
    rows = [row for name in "abc" if (row := await store.notices.get(name))]
    ahead = Wait(kind="order", name="c")
    assert await store.waits.of_notices([row for row, _ in rows]) == {"a": ahead, "b": ahead}
    assert await sent(store) == ["c", "b", "a"]
    await store.notices.replay("c", change_by(), "2")
    await store.notices.replay("b", change_by(), "1")
    ids = await sent(store, "ann", "bob")
    assert [name for name in ids if "." not in name] == ["2", "1"], "those for ann"
    assert [name for name in ids if "." in name] == ["2.01", "1.01"]


async def test_a_ref_that_goes_there_again_is_built_though_the_clock_was_set_back(
    store: Store, tmp_path: Path
) -> None:
    async with pushing(store, tmp_path) as here:
        for move in ("-a", "ab"):
            await here.push(move)
        store.clock.advance(-10 * MINUTES)
        for move in ("ba", "ab"):
            await here.push(move)
        store.clock.advance(10 * MINUTES)
        await here.drain()
    assert here.registry["main"] == sha("b")


async def test_a_move_is_as_new_as_its_last_report(store: Store) -> None:
    moves = [RefMove("code", "refs/heads/main", before, after, {}) for before, after in ("ab", "bc", "ab")]
    for place, move in enumerate(moves):
        at = START - place * MINUTES
        await store.database.write(partial(history.record_move, move=move, now=at))
    found = await store.deliveries.moves("code", "refs/heads/main")
    assert [(one.after, one.turn) for one in found] == [("b", 3), ("c", 2)]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (delivery_rows._OLDEST.limit(9), "delivery_turn"),
        (select(next_turn(delivery, delivery_rows.WAITS)), "delivery_turn"),
        (select(next_turn(notice)), "notice_turn"),
    ],
    ids=["what is decided next", "the turn of a delivery", "the turn of a notice"],
)
async def test_what_each_row_asks_is_found_by_index(store: Store, query: Select[Any], index: str) -> None:
    assert await store.database.read(partial(indexes, query=query)) == {index}


async def test_pushes_to_two_machines_are_decided_as_they_were_answered(postgres: Server) -> None:
    url, now = postgres.make_database(), Clock()
    ahead, behind = Clock(now() + 5 * MINUTES), Clock(now() - 5 * MINUTES)
    async with AsyncExitStack() as stack:
        nodes = [
            (await stack.enter_async_context(opening.open_store(url, exclusive=True, clock=clock)), clock)
            for clock in (ahead, behind, now)
        ]
        for number in range(12):
            store, clock = nodes[number % 3]
            await store.deliveries.put(delivery_of(f"{number:02}", clock()))
        assert await waiting(nodes[0][0]) == [f"{number:02}" for number in range(12)]


OLD_DELIVERY = """
INSERT INTO delivery (id, source, forge, key, event, headers, body, received_at, state)
VALUES ('{0}', 'plain', 'Simple', '{0}', 'push', '{{}}', {2}, 1, '{1}')
"""
OLD_NOTICE = """
INSERT INTO notice (id, dedupe, channel, event, job, facts, state, created_at, next_at)
VALUES ('{0}', '{0}', 'team', 'buildJobFail', 'bridge x', '{{"subject": "x", "detail": "y"}}', '{1}', 1, 1)
"""
OLD_MOVE = "INSERT INTO ref_move (code, ref, before, after, at) VALUES ('c', '{0}', '{1}', '{2}', {3})"


def left(body: str) -> list[str]:
    """What the release before has left, in no order; `body` is how the engine writes one."""
    return [
        *(OLD_DELIVERY.format(*one, body) for one in (("m", "ignored"), ("n", "stored"), ("l", "stored"))),
        *(OLD_NOTICE.format(*one) for one in (("m", "sent"), ("n", "sending"), ("l", "pending"))),
        *(OLD_MOVE.format(*one) for one in (("r", "a", "b", 7), ("s", "a", "b", 8), ("r", "b", "c", 6))),
    ]


async def last_reported(store: Store, ref: str) -> list[str]:
    return [one.after for one in in_order(await store.deliveries.moves("c", ref))]


@pytest.mark.sqlite
async def test_what_waits_in_an_older_store_goes_first_and_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bridge.db"
    with monkeypatch.context() as older:
        older.setattr(migrate, "REVISION", "0039")
        migrate.apply_migrations(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in left(f"x'{compress(b'{}').hex()}'"):
            connection.execute(statement)
    async with open_store(tmp_path) as store:
        await store.deliveries.put(delivery_of("a", store.clock(), id="a"))
        await put(store, "a")
        assert await waiting(store) == ["l", "n", "a"]
        assert await sent(store) == ["l", "n", "a"]
        assert await last_reported(store, "r") == ["c", "b"]


async def test_what_a_node_of_the_release_before_writes_has_its_turn_among_the_others(
    postgres: Server, tmp_path: Path
) -> None:
    url, body = postgres.make_database(), f"'\\x{compress(b'{}').hex()}'"

    def execute(statement: str) -> None:
        postgres.execute(url.rpartition("/")[2], statement)

    Postgres.open(url, exclusive=True).close()
    set_back(execute)
    for statement in left(body):
        execute(statement)
    with Postgres.open(url, exclusive=True) as database:
        store = Store(database, Clock(), tmp_path)
        for new, old in (("c", "b"), ("k", "a")):
            await store.deliveries.put(delivery_of(new, store.clock(), id=new))
            await put(store, new)
            execute(OLD_DELIVERY.format(old, "stored", body))
            execute(OLD_NOTICE.format(old, "pending"))
        execute(OLD_MOVE.format("r", "c", "d", 1))
        assert await waiting(store) == ["l", "n", "c", "b", "k", "a"]
        assert await sent(store) == ["l", "n", "c", "b", "k", "a"]
        assert await last_reported(store, "r") == ["c", "b", "d"]
        assert await last_reported(store, "s") == ["b"]
