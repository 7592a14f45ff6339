"""`db check`: whether the file of a store is whole, and what in it no daemon goes on with."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Column, Connection, Select, create_engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from bridge.errors import StoreError
from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import NoticeState
from bridge.runtime.clock import moment
from bridge.store.schema import REVISION, build, delivery, notice, service
from bridge.store.sqlite import migrate
from bridge.store.sqlite.backup import damage
from bridge.store.sqlite.database import BUSY_SECONDS
from bridge.store.sqlite.eligibility import is_eligible
from bridge.store.sqlite.failures import reason

STUCK_SECONDS: Final = 600.0
"""What was due so long ago is done by no daemon."""
BUILD_SECONDS: Final = 24 * 3600.0
"""A build that its builder has had for so long has ended, or is lost."""
LOG_BYTES: Final = 256 << 20
"""A log of writes of this size is copied into the store by no one."""
_NOT_RUN: Final = "is the daemon running? `systemctl status buildbridge`"


@dataclass(frozen=True, slots=True)
class Examined:
    """What a store is, with sizes in bytes; `problems` are sentences with a cure, none where all is well."""

    size: int
    log_size: int
    schema: str
    problems: tuple[str, ...]


def examine(store: Path, now: float) -> Examined:
    """Read all of the store, beside a daemon that may be running. Raises StoreError, StoreTooNew."""
    migrate.check(store)
    try:
        with closing(sqlite3.connect(store, timeout=BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA query_only=ON")
            cure = "put back a backup: `buildbridge db restore FILE`"
            problems = [f"the file is damaged: {one}: {cure}" for one in damage(connection)]
        problems += _about_files(store)
        engine = create_engine(URL.create("sqlite", database=str(store)), poolclass=NullPool)
        with engine.connect() as read:
            problems += _stuck(read, now)
    except (sqlite3.Error, SQLAlchemyError) as error:
        raise StoreError(f"{store} cannot be read: {reason(error)}") from error
    return Examined(store.stat().st_size, log_bytes(store), REVISION, tuple(problems))


def log_bytes(store: Path) -> int:
    """The size of the log of writes beside the store; 0 without one."""
    log = Path(f"{store}-wal")
    return log.stat().st_size if log.exists() else 0


def _about_files(store: Path) -> Iterator[str]:
    if (size := log_bytes(store)) > LOG_BYTES:
        yield (
            f"{store}-wal has grown to {size >> 20} MiB: a command that reads for long keeps it from being "
            "copied into the store; end that one"
        )
    if os.stat(store.resolve()).st_nlink > 1:  # noqa: PTH116  # of the file itself
        yield (
            f"{store} has a second name (a hard link), as a restore leaves it that was killed: delete the "
            "other one, which is no copy"
        )


def _stuck(connection: Connection, now: float) -> Iterator[str]:
    """What is past its time; what waits for a part that is down is not, for that is known."""
    late = now - STUCK_SECONDS
    undecided = _oldest(delivery.c.received_at).where(
        delivery.c.state == DeliveryState.STORED, delivery.c.received_at < late
    )
    yield from _since(connection, undecided, "deliveries wait for a decision", _NOT_RUN)
    down = connection.execute(select(service.c.name).where(service.c.down_since.is_not(None)))
    parts = [name.partition(":") for name in down.scalars()]
    builders = [name for kind, _, name in parts if kind == "builder"]
    channels = [name for kind, _, name in parts if kind == "channel"]
    busy = [BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING]
    with_builder = (build.c.released == 0) & build.c.state.in_(busy)
    occupied = connection.execute(select(build.c.builder).where(with_builder).distinct()).scalars().all()
    untriggered = _oldest(build.c.next_at).where(
        build.c.released == 0,
        build.c.state == BuildState.WAITING,
        build.c.next_at < late,
        build.c.builder.not_in([*builders, *occupied]),
        is_eligible(),
    )
    yield from _since(connection, untriggered, "builds wait for their trigger", _NOT_RUN)
    unended = _oldest(build.c.triggered_at).where(with_builder, build.c.triggered_at < now - BUILD_SECONDS)
    yield from _since(connection, unended, "builds have not ended", "look at their builders")
    is_open = notice.c.state.in_([NoticeState.PENDING, NoticeState.SENDING])
    heads = select(func.min(notice.c.id)).where(is_open, notice.c.channel.not_in(channels))
    unsent = _oldest(notice.c.next_at).where(
        notice.c.id.in_(heads.group_by(notice.c.channel, notice.c.job, notice.c.recipient)),
        notice.c.next_at < late,
    )
    yield from _since(connection, unsent, "notices wait to be sent", _NOT_RUN)


def _oldest(column: Column[float]) -> Select[int, float]:
    return select(func.count(), func.min(column))


def _since(connection: Connection, query: Select[int, float], what: str, cure: str) -> Iterator[str]:
    count, since = connection.execute(query).one()
    if count:
        yield f"{count} {what}, the oldest since {moment(since)}: {cure}"
