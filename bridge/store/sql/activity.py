"""What the store knows of its daemon: the last start, and how many requests it rejected."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import BigInteger, Connection, cast, delete, func, select, text
from sqlalchemy.dialects.sqlite import insert as upsert

from bridge import __version__
from bridge.errors import StoreError
from bridge.runtime.clock import Clock
from bridge.store.activity import REJECTIONS_SECONDS, DaemonStart, Rejected
from bridge.store.schema_activity import daemon_start, rejection
from bridge.store.sql.database import Database

MAX_KINDS: Final = 50
"""So many sources and reasons a minute are told apart: what clients send makes no more rows than that."""
MAX_REASON: Final = 200
_OTHERS: Final = "other reasons"
_MINUTE: Final = 60


class RejectionCounts:
    """Rejected requests by source and reason, in memory until they are written."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, source: str, reason: str, count: int = 1) -> None:
        key = (source, reason[:MAX_REASON])
        if key not in self._counts and len(self._counts) >= MAX_KINDS:
            key = (source, _OTHERS)
        self._counts[key] += count

    def take(self) -> Mapping[tuple[str, str], int]:
        """What was counted since the last time."""
        counts, self._counts = self._counts, Counter()
        return counts


def add_start(connection: Connection, now: float) -> None:
    """Keep that this process is the daemon, in place of the one before."""
    values = {"id": 1, "version": __version__, "pid": os.getpid(), "started_at": now}
    connection.execute(
        upsert(daemon_start).values(values).on_conflict_do_update(index_elements=["id"], set_=values)
    )


class Activity:
    """What one store knows of its daemon: `bridge.store.activity.Activity`."""

    def __init__(self, database: Database, clock: Clock, rejections: RejectionCounts) -> None:
        self._rejections = rejections
        self._database = database
        self._clock = clock

    async def last_start(self) -> DaemonStart | None:
        columns = [column for column in daemon_start.c if column.name != "id"]
        row = await self._database.read(
            lambda connection: connection.execute(select(*columns)).mappings().first()
        )
        return None if row is None else DaemonStart(**row)

    async def keep_rejections(self) -> None:
        counts = self._rejections.take()
        if not counts:
            return
        now = self._clock()
        minute = int(now // _MINUTE)
        rows = [
            {"minute": minute, "source": source, "reason": reason, "count": count}
            for (source, reason), count in counts.items()
        ]
        put = upsert(rejection)
        put = put.on_conflict_do_update(
            index_elements=["minute", "source", "reason"],
            set_={"count": rejection.c.count + put.excluded.count},
        )

        def work(connection: Connection) -> None:
            connection.execute(delete(rejection).where(rejection.c.minute < _oldest(now)))
            connection.execute(put, rows)

        try:
            await self._database.write(work)
        except StoreError:
            for (source, reason), count in counts.items():
                self._rejections.add(source, reason, count)
            raise

    async def rejections(self, since: float = 0.0) -> Sequence[Rejected]:
        count = cast(func.sum(rejection.c.count), BigInteger).label("count")
        query = (
            select(rejection.c.source, rejection.c.reason, count)
            .where(rejection.c.minute >= max(_oldest(self._clock()), int(since // _MINUTE)))
            .group_by(rejection.c.source, rejection.c.reason)
            .order_by(text("count DESC"), rejection.c.source, rejection.c.reason)
        )
        return await self._database.read(
            lambda connection: [Rejected(**row) for row in connection.execute(query).mappings()]
        )


def _oldest(now: float) -> int:
    """The first minute that still counts."""
    return int((now - REJECTIONS_SECONDS) // _MINUTE)
