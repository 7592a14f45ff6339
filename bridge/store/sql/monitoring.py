"""What waits in the store, counted along indexes of what has not ended: of a million builds, of a few."""

from collections.abc import Callable, Collection, Sequence
from typing import Final, TypeVar

from sqlalchemy import Connection, func, select, text

from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.store.monitoring import Backlog, Queue, Stuck, StuckKind, Successes
from bridge.store.schema import build, delivery, notice, step
from bridge.store.sql.database import Database
from bridge.store.sql.stuck import of_kind

T = TypeVar("T")

READ_SECONDS: Final = 2.0
"""A reader that takes longer keeps others from theirs, and the write-ahead log from being emptied."""
_UNENDED: Final = tuple(state for state in BuildState if not state.terminal)

DELIVERIES: Final = """
SELECT (SELECT count(*) FROM delivery WHERE state = 'stored'),
       (SELECT received_at FROM delivery WHERE state = 'stored' ORDER BY id LIMIT 1)
"""
BUILDS: Final = """
SELECT (SELECT count(*) FROM build WHERE builder = :name AND state = :state AND released = 0),
       (SELECT coalesce(enqueued_at, created_at) FROM build
        WHERE builder = :name AND state = :state AND released = 0 ORDER BY turn LIMIT 1)
"""
NOTICES: Final = """
SELECT (SELECT count(*) FROM notice WHERE channel = :name AND state IN ('pending', 'sending')),
       (SELECT created_at FROM notice
        WHERE channel = :name AND state IN ('pending', 'sending') ORDER BY id LIMIT 1)
"""
_NEWEST: Final = " UNION ALL ".join(
    f"SELECT max(id) AS id FROM delivery WHERE source = :name AND state = '{state}'"  # noqa: S608  # our own words
    for state in DeliveryState
)
HANDED_OVER: Final = """
SELECT builder, max(triggered_at)
FROM (SELECT builder, triggered_at, handle FROM build ORDER BY turn DESC LIMIT 1000) AS newest
WHERE handle IS NOT NULL AND triggered_at IS NOT NULL GROUP BY builder
"""
TAKEN: Final = """
SELECT ended_at FROM notice WHERE channel = :name AND state = 'sent' ORDER BY id DESC LIMIT 1
"""
LAST_DELIVERY: Final = (
    f"SELECT received_at FROM delivery WHERE id = (SELECT max(id) FROM ({_NEWEST}) AS newest)"  # noqa: S608
)


class Monitoring:
    """What monitoring asks of one store: `bridge.store.monitoring.Monitoring`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def backlog(
        self, sources: Collection[str], builders: Collection[str], channels: Collection[str]
    ) -> Backlog:
        return await self._asked(lambda connection: self._backlog(connection, sources, builders, channels))

    async def successes(self, channels: Collection[str]) -> Successes:
        return await self._asked(lambda connection: _successes(connection, channels))

    async def undecided_since(self, source: str) -> float | None:
        waiting = (delivery.c.source == source) & (delivery.c.state == DeliveryState.STORED)
        query = select(delivery.c.received_at).where(waiting).order_by(delivery.c.id).limit(1)
        return await self._asked(lambda connection: connection.execute(query).scalar())

    async def stuck(self, now: float) -> Sequence[Stuck]:
        def work(connection: Connection) -> Sequence[Stuck]:
            found = [of_kind(connection, kind, now) for kind in StuckKind]
            return [one for one in found if one is not None]

        return await self._asked(work)

    async def server_time(self) -> float | None:
        return await self._database.read(self._database.server_time)

    async def newest(self) -> float | None:
        columns = (delivery.c.received_at, build.c.created_at, notice.c.created_at)

        def work(connection: Connection) -> float | None:
            times = [connection.execute(select(func.max(column))).scalar() for column in columns]
            times.append(connection.execute(select(step.c.at).order_by(step.c.id.desc()).limit(1)).scalar())
            return max((at for at in times if at is not None), default=None)

        return await self._database.read(work)

    async def _asked(self, work: Callable[[Connection], T]) -> T:
        """What is asked, of a reader that gives up in time. Raises StoreError."""

        def bounded(connection: Connection) -> T:
            with self._database.bounded(connection, READ_SECONDS):
                return work(connection)

        return await self._database.read(bounded)

    def _backlog(
        self,
        connection: Connection,
        sources: Collection[str],
        builders: Collection[str],
        channels: Collection[str],
    ) -> Backlog:
        sizes = self._database.sizes(connection)
        return Backlog(
            deliveries=_queue(connection, DELIVERIES),
            builds={
                (name, state): _queue(connection, BUILDS, name=name, state=state)
                for name in builders
                for state in _UNENDED
            },
            notices={name: _queue(connection, NOTICES, name=name) for name in channels},
            last_deliveries={
                name: connection.execute(text(LAST_DELIVERY), {"name": name}).scalar() for name in sources
            },
            store_bytes=sizes.store,
            wal_bytes=sizes.log,
            free_bytes=sizes.free,
        )


def _successes(connection: Connection, channels: Collection[str]) -> Successes:
    taken = {name: connection.execute(text(TAKEN), {"name": name}).scalar() for name in channels}
    handed_over: dict[str, float] = dict(connection.execute(text(HANDED_OVER)).all())
    return Successes(
        builders=handed_over,
        channels={name: at for name, at in taken.items() if at is not None},
    )


def _queue(connection: Connection, query: str, **values: str) -> Queue:
    count, since = connection.execute(text(query), values).one()
    return Queue(count, since)
