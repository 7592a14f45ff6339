"""Random histories: the SQLite store carries plans out to the same end as a store in memory."""

from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, bindparam, insert, select, update
from support.histories import History, Kind
from support.planned import BuildFacts, Delivery, Memory, Snapshot
from support.scripted import Store, quiet

from bridge.model.build import BuildState
from bridge.model.plan import TagSet, Tip
from bridge.planning.builds import plan
from bridge.store.codec import from_json
from bridge.store.schema import build as table
from bridge.store.schema import delivery as deliveries
from bridge.store.schema import ref_move, tag_name, tip
from bridge.store.sql import builds, history, runs
from bridge.store.sql.apply import apply
from bridge.store.sql.eligibility import is_eligible

COUNT = 30
"""Histories of each kind."""
_MINE = (table.c.namespace == "acme") & (table.c.repo_name == bindparam("mine"))
_ID = select(table.c.id).where(_MINE, table.c.number == bindparam("its"))
_DUE = (
    select(table.c.number)
    .where(_MINE, table.c.state == BuildState.WAITING, is_eligible())
    .where(table.c.cancel_reason.is_(None), table.c.superseded.is_(None))
    .order_by(table.c.number)
)


@dataclass
class Sqlite:
    """One repository of the store, in the transaction of a test."""

    connection: Connection
    repository: str
    code: str

    def decide(self, delivery: Delivery, now: float) -> None:
        moves, wanted = delivery.moves, delivery.wanted
        self.connection.execute(
            insert(deliveries).values(
                id=delivery.id,
                source="git",
                forge="Simple",
                key=delivery.id,
                replay=int(delivery.asked),
                event="push",
                headers="{}",
                body=b"",
                received_at=now,
                state="dispatched",
            )
        )
        known = history.known(self.connection, delivery.id, moves, wanted, now=now, asked=delivery.asked)
        apply(self.connection, plan(known, moves, wanted), delivery.id, now, quiet)

    def move(self, number: int, to: BuildState, now: float) -> None:
        build_id = self.connection.execute(_ID, {"mine": self.repository, "its": number}).scalar_one()
        if to is BuildState.TRIGGERING:
            moved = builds.transition(self.connection, build_id, to, now, quiet, triggered_at=now)
        else:
            moved = builds.transition(self.connection, build_id, to, now, quiet)
        assert moved is not None

    def cancel(self, number: int, reason: str) -> None:
        same = (table.c.repo_name == self.repository) & (table.c.number == number)
        uncancelled = same & table.c.cancel_reason.is_(None)
        self.connection.execute(update(table).where(uncancelled).values(cancel_reason=reason))

    def retry(self, number: int, now: float) -> None:
        build_id = self.connection.execute(_ID, {"mine": self.repository, "its": number}).scalar_one()
        runs.retry(self.connection, build_id, now, "ann", "again")

    def unended(self) -> list[BuildFacts]:
        return [build for build in self._builds() if not build.state.terminal]

    def ended(self) -> list[BuildFacts]:
        return [build for build in self._builds() if build.state.terminal]

    def due(self) -> list[int]:
        return list(self.connection.execute(_DUE, {"mine": self.repository}).scalars())

    def restarted(self) -> "Sqlite":
        return self

    def snapshot(self) -> Snapshot:
        refs = select(ref_move.c.ref).where(ref_move.c.code == self.code)
        names = select(tag_name).where(tag_name.c.repo_name == self.repository)
        tips = select(tip).where(tip.c.repo_name == self.repository)
        return Snapshot(
            self._builds(),
            {
                ref: history.moves_of(self.connection, self.code, ref)
                for ref in set(self.connection.execute(refs).scalars())
            },
            {
                Tip(TagSet(row.namespace, row.repo_name, row.tag_set), row.code, row.ref, row.pushed)
                for row in self.connection.execute(tips)
            },
            {(row.namespace, row.repo_name, row.tag): row.original for row in self.connection.execute(names)},
        )

    def _builds(self) -> list[BuildFacts]:
        query = select(table).where(_MINE).order_by(table.c.number)
        return [
            BuildFacts(
                number=row.number,
                tag_set=row.tag_set,
                tags=tuple(from_json(row.request)["tags"]),
                pushed=row.pushed,
                cause=from_json(row.origin)["cause"],
                delivery_id=row.delivery_id,
                builder=row.builder,
                state=BuildState(row.state),
                superseded=row.superseded,
                cancel_reason=row.cancel_reason,
            )
            for row in self.connection.execute(query, {"mine": self.repository})
        ]


@dataclass
class Both:
    """The two stores side by side; whatever is asked, they answer alike."""

    memory: Memory
    sqlite: Sqlite

    def decide(self, delivery: Delivery, now: float) -> None:
        self.memory.decide(delivery, now)
        self.sqlite.decide(delivery, now)

    def move(self, number: int, to: BuildState, now: float) -> None:
        self.memory.move(number, to, now)
        self.sqlite.move(number, to, now)

    def cancel(self, number: int, reason: str) -> None:
        self.memory.cancel(number, reason)
        self.sqlite.cancel(number, reason)

    def retry(self, number: int, now: float) -> None:
        self.memory.retry(number, now)
        self.sqlite.retry(number, now)

    def unended(self) -> list[BuildFacts]:
        return self.memory.unended()

    def ended(self) -> list[BuildFacts]:
        return self.memory.ended()

    def due(self) -> list[int]:
        due = self.memory.due()
        assert due == self.sqlite.due()
        return due

    def snapshot(self) -> Snapshot:
        return self.memory.snapshot()

    def restarted(self) -> "Both":
        return Both(self.memory.restarted(), self.sqlite.restarted())


@pytest.mark.parametrize(
    "kind",
    [
        Kind(),
        Kind(resets=True),
        Kind(people=True),
        Kind(resets=True, people=True, failures=True),
        Kind(retries=True, failures=True),
    ],
)
async def test_a_store_applies_plans_to_the_same_end_as_one_in_memory(store: Store, kind: Kind) -> None:
    def work(connection: Connection) -> None:
        for seed in range(COUNT):
            memory = Memory()
            played = History(seed, kind, memory)
            played.store = Both(memory, Sqlite(connection, played.repository, played.code))
            for _ in played.run():
                pass
            assert played.store.snapshot() == played.store.sqlite.snapshot()

    await store.database.write(work)
