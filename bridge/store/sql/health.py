"""The health of builders, channels and other parts: a change and its notices are one transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bridge.model.notice import EventName, ServiceFacts
from bridge.runtime.clock import Clock
from bridge.store.schema import service as table
from bridge.store.sql import notices
from bridge.store.sql.database import Database
from bridge.store.sql.deliveries import PATIENCE
from bridge.store.values import HealthRecord, Redact, ServiceNoticesFor


class Health:
    """The health of the parts of one store: `bridge.store.base.Health`."""

    def __init__(
        self, database: Database, clock: Clock, notices_for: ServiceNoticesFor, redact: Redact
    ) -> None:
        self._redact = redact
        self._database = database
        self._clock = clock
        self._notices_for = notices_for

    async def get(self, name: str) -> HealthRecord:
        return await self._database.read(lambda connection: _get(connection, name))

    async def all(self) -> list[HealthRecord]:
        query = select(table).order_by(table.c.name)
        return await self._database.read(
            lambda connection: [HealthRecord(**row) for row in connection.execute(query).mappings()]
        )

    async def degrade(self, name: str, why: str, *, pause: float = 0.0, failing: str = "") -> bool:
        now, why = self._clock(), self._redact(why)

        def down(old: HealthRecord) -> HealthRecord:
            until = now + pause if pause else 0.0
            new = HealthRecord(name=name, down_since=old.down_since or now, paused_until=until, why=why)
            return replace(new, failing=failing)

        return (await self._change(name, down)).down_since is None

    async def restore(self, name: str, why: str) -> bool:
        # Most parts are up: that is read first, so that it does not wait for the writer.
        if (await self.get(name)).down_since is None:
            return False

        def up(old: HealthRecord) -> HealthRecord:
            return old if old.down_since is None else HealthRecord(name=name, why=why)

        return (await self._change(name, up)).down_since is not None

    async def pause(self, name: str, until: float, why: str) -> None:
        why = self._redact(why)

        def paused(old: HealthRecord) -> HealthRecord:
            return replace(old, paused_until=until, why=why if old.down_since is None else old.why)

        await self._change(name, paused)

    async def resume(self, name: str) -> None:
        if (await self.get(name)).paused_until:
            await self._change(name, lambda old: replace(old, paused_until=0.0))

    async def forget(self, names: Collection[str]) -> None:
        gone = delete(table).where(table.c.name.in_(names))
        await self._database.write(lambda connection: connection.execute(gone))

    async def prove(self, name: str, why: str) -> None:
        await self._database.insert(_prove, {"name": name, "why": why}, patience=PATIENCE)

    async def _change(self, name: str, change: Callable[[HealthRecord], HealthRecord]) -> HealthRecord:
        """Write what `change` makes of the health, with the notices about it; returns the health before."""

        def work(connection: Connection) -> HealthRecord:
            old = _get(connection, name)
            new = _with_past(old, change(old), self._clock())
            values = asdict(new)
            connection.execute(
                upsert(table).values(values).on_conflict_do_update(index_elements=["name"], set_=values)
            )
            was_down, is_down = old.down_since is not None, new.down_since is not None
            if was_down != is_down:
                event = EventName.DEGRADED if is_down else EventName.RESTORED
                for notice in self._notices_for(event, ServiceFacts(subject=name, detail=new.why)):
                    notices.add(connection, notice, dedupe=notice.id)
            return old

        return await self._database.write(work)


def _prove(connection: Connection, rows: Sequence[Mapping[str, str]]) -> Sequence[None]:
    new = upsert(table)
    proof = new.on_conflict_do_update(index_elements=["name"], set_={"why": new.excluded.why})
    for row in rows:  # one at a time: see `Database.insert`
        connection.execute(proof, row)
    return [None] * len(rows)


def _with_past(old: HealthRecord, new: HealthRecord, now: float) -> HealthRecord:
    """The new health, with what is known of the outages before it."""
    known = replace(new, restored_at=old.restored_at, error=old.error, error_at=old.error_at)
    if new.down_since is not None:
        is_news = old.down_since is None or new.why != old.why
        return replace(known, restored_at=None, error=new.why, error_at=now) if is_news else known
    return known if old.down_since is None else replace(known, restored_at=now)


def _get(connection: Connection, name: str) -> HealthRecord:
    row = connection.execute(select(table).where(table.c.name == name)).mappings().first()
    return HealthRecord(**row) if row else HealthRecord(name=name)
