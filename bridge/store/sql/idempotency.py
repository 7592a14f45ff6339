"""Keys under which callers want something done once: each stands for one request, and has its answer."""

from dataclasses import asdict
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update
from uuid_utils import uuid7

from bridge.runtime.clock import Clock
from bridge.store.schema_callers import idempotency_key as table
from bridge.store.sql.database import Database
from bridge.store.values import Claim, KeptAnswer

KEPT_SECONDS: Final = 24 * 3600.0
MAX_KEYS: Final = 1000
"""How many keys of one caller are kept: of more than that the oldest go."""


class IdempotencyKeys:
    """The keys of one store: `bridge.store.callers.IdempotencyKeys`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, caller: str, key: str, request: str) -> Claim:
        now = self._clock()
        # Whatever clients put in their keys, only this much of it is kept.
        digest = sha256(key.encode()).hexdigest()
        of_caller = table.c.caller == caller

        def work(connection: Connection) -> Claim:
            expire(connection, now)
            query = select(table).where(of_caller, table.c.key == digest)
            if (row := connection.execute(query).first()) is not None:
                answered = row.status is not None
                answer = KeptAnswer(row.status, row.media_type, row.body) if answered else None
                return Claim(row.id, same=row.request == request, answer=answer)
            made = str(uuid7())
            values = {"id": made, "caller": caller, "key": digest, "request": request, "at": now}
            connection.execute(insert(table).values(values))
            oldest = select(table.c.id).where(of_caller).order_by(table.c.id.desc()).offset(MAX_KEYS)
            connection.execute(delete(table).where(table.c.id.in_(oldest)))
            return Claim(made, same=True, answer=None)

        return await self._database.write(work)

    async def answer(self, claim_id: str, answer: KeptAnswer) -> None:
        statement = update(table).where(table.c.id == claim_id).values(asdict(answer))
        await self._database.write(lambda connection: connection.execute(statement).rowcount)


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
