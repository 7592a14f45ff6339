"""What waits in the store, counted along indexes of what has not ended: of a million builds, of a few."""

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, func, select

from bridge.errors import StoreError
from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.runtime.disk import free_bytes
from bridge.store.monitoring import Backlog, Queue, Stuck, StuckKind, Successes
from bridge.store.schema import build, delivery, notice, step
from bridge.store.sqlite.database import Database
from bridge.store.sqlite.stuck import of_kind

T = TypeVar("T")

READ_SECONDS: Final = 2.0
"""A reader that takes longer keeps others from theirs, and the write-ahead log from being emptied."""
_STEPS: Final = 10_000
"""Instructions of SQLite between two looks at the time: well below a millisecond."""
_UNENDED: Final = tuple(state for state in BuildState if not state.terminal)

DELIVERIES: Final = """
SELECT (SELECT count(*) FROM delivery WHERE state = 'stored'),
       (SELECT received_at FROM delivery WHERE state = 'stored' ORDER BY id LIMIT 1)
"""
BUILDS: Final = """
SELECT (SELECT count(*) FROM build WHERE builder = ?1 AND state = ?2 AND released = 0),
       (SELECT coalesce(enqueued_at, created_at) FROM build
        WHERE builder = ?1 AND state = ?2 AND released = 0 ORDER BY turn LIMIT 1)
"""
NOTICES: Final = """
SELECT (SELECT count(*) FROM notice WHERE channel = ?1 AND state IN ('pending', 'sending')),
       (SELECT created_at FROM notice
        WHERE channel = ?1 AND state IN ('pending', 'sending') ORDER BY id LIMIT 1)
"""
_NEWEST: Final = " UNION ALL ".join(
    f"SELECT max(id) AS id FROM delivery WHERE source = ?1 AND state = '{state}'"  # noqa: S608  # our own words
    for state in DeliveryState
)
HANDED_OVER: Final = """
SELECT builder, max(triggered_at)
FROM (SELECT builder, triggered_at, handle FROM build ORDER BY turn DESC LIMIT 1000)
WHERE handle IS NOT NULL AND triggered_at IS NOT NULL GROUP BY builder
"""
TAKEN: Final = """
SELECT ended_at FROM notice WHERE channel = ?1 AND state = 'sent' ORDER BY id DESC LIMIT 1
"""
LAST_DELIVERY: Final = f"SELECT received_at FROM delivery WHERE id = (SELECT max(id) FROM ({_NEWEST}))"  # noqa: S608


class Monitoring:
    """What monitoring asks of one SQLite store: `bridge.store.monitoring.Monitoring`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def backlog(
        self, sources: Collection[str], builders: Collection[str], channels: Collection[str]
    ) -> Backlog:
        def work(connection: Connection) -> Backlog:
            return _bounded(connection, lambda raw: _backlog(raw, sources, builders, channels))

        return await self._database.read(work)

    async def successes(self, channels: Collection[str]) -> Successes:
        return await self._database.read(
            lambda connection: _bounded(connection, lambda raw: _successes(raw, channels))
        )

    async def stuck(self, now: float) -> Sequence[Stuck]:
        def work(connection: Connection) -> Sequence[Stuck]:
            with _in_time(connection):
                found = [of_kind(connection, kind, now) for kind in StuckKind]
            return [one for one in found if one is not None]

        return await self._database.read(work)

    async def newest(self) -> float | None:
        columns = (delivery.c.received_at, build.c.created_at, notice.c.created_at)

        def work(connection: Connection) -> float | None:
            times = [connection.execute(select(func.max(column))).scalar() for column in columns]
            times.append(connection.execute(select(step.c.at).order_by(step.c.id.desc()).limit(1)).scalar())
            return max((at for at in times if at is not None), default=None)

        return await self._database.read(work)


@contextmanager
def _in_time(connection: Connection) -> Iterator[sqlite3.Connection]:
    """A reader that gives up in time."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    deadline = time.monotonic() + READ_SECONDS
    raw.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        yield raw
    finally:
        raw.set_progress_handler(None, 0)


def _bounded(connection: Connection, ask: Callable[[sqlite3.Connection], T]) -> T:
    """What is asked, of a reader that gives up in time. Raises StoreError."""
    try:
        with _in_time(connection) as raw:
            return ask(raw)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the store cannot be read: {error}") from error


def _successes(raw: sqlite3.Connection, channels: Collection[str]) -> Successes:
    taken = {name: raw.execute(TAKEN, (name,)).fetchone() for name in channels}
    return Successes(
        builders=dict(raw.execute(HANDED_OVER).fetchall()),
        channels={name: float(found[0]) for name, found in taken.items() if found and found[0] is not None},
    )


def _backlog(
    raw: sqlite3.Connection, sources: Collection[str], builders: Collection[str], channels: Collection[str]
) -> Backlog:
    file = Path(str(raw.execute("PRAGMA database_list").fetchone()[2]))
    wal_bytes = 0
    with suppress(FileNotFoundError):  # it is made by the first write
        wal_bytes = file.with_name(f"{file.name}-wal").stat().st_size
    return Backlog(
        deliveries=_queue(raw, DELIVERIES),
        builds={(name, state): _queue(raw, BUILDS, name, state) for name in builders for state in _UNENDED},
        notices={name: _queue(raw, NOTICES, name) for name in channels},
        last_deliveries={name: _time(raw, name) for name in sources},
        store_bytes=file.stat().st_size,
        wal_bytes=wal_bytes,
        free_bytes=free_bytes(file.parent),
    )


def _queue(raw: sqlite3.Connection, query: str, *parameters: str) -> Queue:
    found: tuple[int, float | None] = raw.execute(query, parameters).fetchone()
    return Queue(*found)


def _time(raw: sqlite3.Connection, source: str) -> float | None:
    found: Any = raw.execute(LAST_DELIVERY, (source,)).fetchone()
    return None if found is None else float(found[0])
