"""The health of builders, channels and other parts: a change and its notices are one transaction."""

from dataclasses import asdict, replace

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bridge.model.notice import EventName, ServiceFacts
from bridge.runtime.clock import Clock
from bridge.store.schema import service as table
from bridge.store.sqlite import notices
from bridge.store.sqlite.database import Database
from bridge.store.values import HealthRecord, ServiceNoticesFor


class Health:
    """The health of the parts of one SQLite store: `bridge.store.base.Health`."""

    def __init__(self, database: Database, clock: Clock, notices_for: ServiceNoticesFor) -> None:
        self._database = database
        self._clock = clock
        self._notices_for = notices_for

    async def get(self, name: str) -> HealthRecord:
        query = select(table).where(table.c.name == name)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return HealthRecord(**row) if row else HealthRecord(name=name)

    async def all(self) -> list[HealthRecord]:
        query = select(table).order_by(table.c.name)
        return await self._database.read(
            lambda connection: [HealthRecord(**row) for row in connection.execute(query).mappings()]
        )

    async def degrade(self, name: str, why: str, *, pause: float = 0.0) -> bool:
        now, health = self._clock(), await self.get(name)
        since, until = health.down_since or now, now + pause if pause else 0.0
        await self.set(HealthRecord(name=name, down_since=since, paused_until=until, why=why))
        return health.down_since is None

    async def restore(self, name: str, why: str) -> bool:
        if (await self.get(name)).down_since is None:
            return False
        await self.set(HealthRecord(name=name, why=why))
        return True

    async def pause(self, name: str, until: float, why: str) -> None:
        await self.set(replace(await self.get(name), paused_until=until, why=why))

    async def set(self, health: HealthRecord) -> None:
        def work(connection: Connection) -> None:
            old = select(table.c.down_since).where(table.c.name == health.name)
            was_down = connection.execute(old).scalar() is not None
            values = asdict(health)
            connection.execute(
                upsert(table).values(values).on_conflict_do_update(index_elements=["name"], set_=values)
            )
            if was_down == (health.down_since is not None):
                return
            event = EventName.RESTORED if was_down else EventName.DEGRADED
            for notice in self._notices_for(event, ServiceFacts(subject=health.name, detail=health.why)):
                notices.add(connection, notice, dedupe=notice.id)

        await self._database.write(work)
