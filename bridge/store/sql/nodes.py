"""The nodes of one store. See `bridge.store.nodes`.

Transactions that write take turns, so what one of these has read holds until it is committed.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Final
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bridge import __version__
from bridge.errors import StoreDied, StoreError
from bridge.model.node import BUILDER, CHANNEL, LEASE_SECONDS, Duty, Node, Roll
from bridge.runtime.clock import Clock
from bridge.store.nodes import NO_ONE, NODES
from bridge.store.schema_activity import duty, node
from bridge.store.sql.activity import add_start
from bridge.store.sql.database import Database

_SETS: Final = ("offers", "parts", "key_ids")
_PARTS: Final = (f"{BUILDER}:", f"{CHANNEL}:")
"""What the names of builders and channels begin with, which stand beside those of duties."""


class Nodes:
    """The nodes of one store: `bridge.store.nodes.Nodes`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.own_id = uuid4().hex
        self.alone_since: float | None = None
        self._home = ""
        self._joined_at = 0.0
        self._there_before: Mapping[str, float] = {}
        """The nodes that were there when this one joined, and the last beat of each."""
        self._calling: set[str] = set()
        """Words that are still to be written."""

    @property
    def is_shared(self) -> bool:
        return self._database.is_shared

    async def join(
        self,
        home: str,
        name: str,
        offers: Collection[str],
        parts: Collection[str] = (),
        key_ids: Collection[str] = (),
    ) -> bool:
        self._home = home

        def work(connection: Connection) -> Mapping[str, float]:
            now = self._now(connection)
            if self.is_shared:
                _refuse_copy(connection, home, name, now)
            # No one else can have an engine open that is not shared: who stands there was killed.
            gone = node.c.home == home if self.is_shared else node.c.id.is_not(None)
            _remove(connection, list(connection.execute(select(node.c.id).where(gone)).scalars()), now)
            if not self.is_shared:
                connection.execute(delete(duty))
            others = {one.id: one.beat_at for one in connection.execute(select(node.c.id, node.c.beat_at))}
            own = {"id": self.own_id, "home": home, "name": name, "version": __version__, "pid": os.getpid()}
            times = {"started_at": now, "beat_at": now}
            connection.execute(insert(node).values(**own, **times, **_known(offers, parts, key_ids)))
            add_start(connection, self._clock())
            return others

        self._there_before = await self._database.write(work)
        self._joined_at = self._clock()
        self.alone_since = None if self._there_before else self._joined_at
        self._database.fence(self.own_id)
        return not self._there_before

    async def beat(
        self, offers: Collection[str], parts: Collection[str] = (), key_ids: Collection[str] = ()
    ) -> None:
        def work(connection: Connection) -> None:
            values = {"beat_at": (now := self._now(connection)), **_known(offers, parts, key_ids)}
            connection.execute(update(node).where(node.c.id == self.own_id).values(values))
            # The server's clock was set back, or is that of another server: from now on, it is no later.
            for time in (node.c.beat_at, node.c.started_at, duty.c.since):
                connection.execute(update(time.table).where(time > now).values({time.name: now}))

        await self._database.write(work)

    async def roll(self) -> Roll:
        def work(connection: Connection) -> Roll:
            nodes = [
                Node(**{**row, **{name: frozenset(json.loads(row[name])) for name in _SETS}})
                for row in connection.execute(select(node).order_by(node.c.name, node.c.id)).mappings()
            ]
            rows = connection.execute(select(duty).order_by(duty.c.name)).mappings().all()
            duties = [
                Duty(name=row["name"], node=row["node_id"], home=row["home"], since=row["since"])
                for row in rows
                if not row["name"].startswith(_PARTS)
            ]
            of_parts = [row for row in rows if row["name"].startswith(_PARTS)]
            parts, places = (
                {row["name"]: row[column] for row in of_parts if row[column] is not None}
                for column in ("node_id", "home")
            )
            return Roll(at=self._now(connection), nodes=nodes, duties=duties, parts=parts, places=places)

        return await self._database.read(work)

    async def take(self, names: Collection[str], gone: Mapping[str, float] = NO_ONE) -> None:
        def work(connection: Connection) -> bool:
            now = self._now(connection)
            silent = or_(False, *((node.c.id == one) & (node.c.beat_at == at) for one, at in gone.items()))
            _remove(connection, list(connection.execute(select(node.c.id).where(silent)).scalars()), now)
            for name in sorted(names):
                values = {"node_id": self.own_id, "since": now}
                connection.execute(
                    upsert(duty)
                    .values(name=name, **values)
                    .on_conflict_do_update(
                        index_elements=["name"], set_=values, where=duty.c.node_id.is_(None)
                    )
                )
            return connection.execute(select(node.c.id).where(node.c.id != self.own_id)).first() is None

        is_alone = await self._database.write(work)
        if is_alone and gone and gone.items() <= self._there_before.items():
            self.alone_since = self._joined_at

    async def settle(self, name: str, place: str | None = None) -> None:
        own = (duty.c.name == name) & (duty.c.node_id == self.own_id)
        begun = update(duty).where(own).values(home=self._home if place is None else place)
        await self._database.write(lambda connection: connection.execute(begun))

    async def release(self, names: Collection[str]) -> None:
        own = duty.c.name.in_(names) & (duty.c.node_id == self.own_id)

        def work(connection: Connection) -> None:
            _free(connection, own, self._now(connection))
            self._database.call(connection, [f"{self.own_id} {NODES}"])

        await self._database.write(work)

    async def leave(self) -> None:
        def work(connection: Connection) -> None:
            _remove(connection, [self.own_id], self._now(connection))
            self._database.call(connection, [f"{self.own_id} {NODES}"])

        await self._database.write(work)
        self._database.fence(None)

    def call(self, word: str) -> None:
        if not self.is_shared or word in self._calling:
            return

        def ended(call: asyncio.Future[None]) -> None:
            self._calling.discard(word)
            call.cancelled() or call.exception()  # it is lost: the others look every few seconds

        with suppress(StoreError):
            written = asyncio.ensure_future(self._database.add(self._call, f"{self.own_id} {word}"))
            self._calling.add(word)
            written.add_done_callback(ended)

    def _call(self, connection: Connection, words: Sequence[str]) -> Sequence[None]:
        self._database.call(connection, set(words))
        return [None] * len(words)

    async def calls(self) -> AsyncGenerator[str]:
        async with aclosing(self._database.calls()) as calls:
            async for call in calls:
                node_id, _, word = call.partition(" ")
                if node_id != self.own_id:
                    yield word

    def _now(self, connection: Connection) -> float:
        served = self._database.server_time(connection)
        return self._clock() if served is None else served


def gone() -> StoreDied:
    """Why a node cannot write any more in whose place there is another one."""
    return StoreDied(
        f"other nodes have taken over what this one did, since it was not heard of for {LEASE_SECONDS:.0f} s "
        "(it stood still, or did not reach the database): a restart makes it a node again"
    )


def _remove(connection: Connection, ids: Collection[str], now: float) -> None:
    if ids:
        _free(connection, duty.c.node_id.in_(ids), now)
        connection.execute(delete(node).where(node.c.id.in_(ids)))


def _free(connection: Connection, which: ColumnElement[bool], now: float) -> None:
    connection.execute(update(duty).where(which).values(node_id=None, since=now))


def _refuse_copy(connection: Connection, home: str, name: str, now: float) -> None:
    """Raises StoreError where the node of another machine has the folder's name: it was copied from there."""
    same = (node.c.home == home) & node.c.beat_at.between(now - LEASE_SECONDS, now + LEASE_SECONDS)
    for other in connection.execute(select(node.c.name).where(same)).scalars():
        if _host(other) != _host(name):
            raise StoreError(
                f"the node {other} has the same name of its folder: where this folder is a copy of that one, "
                "delete the file *.node in it; if the name of this machine has changed, wait a minute"
            )


def _host(name: str) -> str:
    return name.rpartition(":")[0]


def _known(*sets: Collection[str]) -> dict[str, str]:
    return {name: json.dumps(sorted(known)) for name, known in zip(_SETS, sets, strict=True)}
