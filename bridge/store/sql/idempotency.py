"""Keys under which callers want something done once: each stands for one request, and has its answer."""

from dataclasses import asdict
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update
from uuid_utils import uuid7

from bridge.runtime.clock import Clock
from bridge.store.schema_activity import node
from bridge.store.schema_callers import idempotency_key as table
from bridge.store.sql.database import Database
from bridge.store.values import Claim, KeptAnswer

KEPT_SECONDS: Final = 24 * 3600.0
HELD_SECONDS: Final = 300.0
"""How long a node that is there keeps others from a request: longer than any takes."""
MAX_KEYS: Final = 1000
"""How many keys of one caller are kept: of more than that the oldest go."""


class IdempotencyKeys:
    """The keys of one store: `bridge.store.callers.IdempotencyKeys`."""

    def __init__(self, database: Database, clock: Clock, node_id: str) -> None:
        self._database = database
        self._clock = clock
        self._node_id = node_id

    async def claim(self, caller: str, key: str, request: str) -> Claim:
        now = self._clock()
        # Whatever clients put in their keys, only this much of it is kept.
        digest = sha256(key.encode()).hexdigest()
        of_caller = table.c.caller == caller

        def work(connection: Connection) -> Claim:
            expire(connection, now)
            hold = {"node_id": self._node_id, "held_at": self._now(connection)}
            query = select(table).where(of_caller, table.c.key == digest)
            if (row := connection.execute(query).first()) is not None:
                claim = self._kept(connection, row, request)
                if claim.same and claim.answer is None and not claim.is_held:
                    connection.execute(update(table).where(table.c.id == claim.id).values(hold))
                return claim
            made = str(uuid7())
            values = {"id": made, "caller": caller, "key": digest, "request": request, "at": now, **hold}
            connection.execute(insert(table).values(values))
            oldest = select(table.c.id).where(of_caller).order_by(table.c.id.desc()).offset(MAX_KEYS)
            connection.execute(delete(table).where(table.c.id.in_(oldest)))
            return Claim(made, same=True, answer=None)

        return await self._database.write(work)

    async def answer(self, claim_id: str, answer: KeptAnswer) -> None:
        values = {**asdict(answer), "node_id": None}
        statement = update(table).where(table.c.id == claim_id).values(values)
        await self._database.write(lambda connection: connection.execute(statement).rowcount)

    async def release(self, claim_id: str) -> None:
        own = (table.c.id == claim_id) & (table.c.node_id == self._node_id)
        statement = update(table).where(own).values(node_id=None)
        await self._database.write(lambda connection: connection.execute(statement).rowcount)

    def _kept(self, connection: Connection, row: Row[Any], request: str) -> Claim:
        """What was kept of a key before."""
        answered, same = row.status is not None, row.request == request
        if row.node_id not in {None, self._node_id}:
            # Who is gone from there writes nothing more: see `bridge.store.nodes`.
            there = select(node.c.id).where(node.c.id == row.node_id)
            lately = self._now(connection) - row.held_at < HELD_SECONDS
            if lately and connection.execute(there).first() is not None:
                return Claim(row.id, same=same, answer=None, is_held=True)
        answer = KeptAnswer(row.status, row.media_type, row.body) if answered else None
        return Claim(row.id, same=same, answer=answer)

    def _now(self, connection: Connection) -> float:
        served = self._database.server_time(connection)
        return self._clock() if served is None else served


def expire(connection: Connection, now: float) -> None:
    """Forget what is older than a day."""
    connection.execute(delete(table).where(table.c.at <= now - KEPT_SECONDS))


def is_done(connection: Connection, claim_id: str | None) -> bool:
    """Whether what was asked for was done already; False where no key was sent."""
    query = select(table.c.done).where(table.c.id == claim_id)
    return bool(connection.execute(query).scalar())


def note_done(connection: Connection, claim_id: str | None) -> None:
    """Keep, in the transaction that does it, that it was done."""
    connection.execute(update(table).where(table.c.id == claim_id).values(done=1))
