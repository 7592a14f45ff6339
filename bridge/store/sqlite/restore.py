"""Puts a backup in the place of the store, all or nothing, and lets nothing of it build a second time.

The new file is made whole beside the store: copied, migrated, its open work decided, synced. Then one rename
puts it in place; until then the store is the old one. The old one keeps its content under another name.

What was open when the backup was made has gone on since then, in the store that is replaced. A build that
waits in the backup may have been triggered, so it must not simply be triggered now.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, create_engine, delete, func, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from bridge.errors import StoreError
from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import Notice, NoticeState, Streak
from bridge.store.schema import build, delivery, notice, schedule
from bridge.store.schema_callers import session
from bridge.store.sql import timeline
from bridge.store.sql.builds import transition
from bridge.store.sqlite import migrate
from bridge.store.sqlite.backup import (
    Backup,
    Progress,
    copy,
    part_of,
    require_room,
    stored_bytes,
    sync_folder,
    verify,
)
from bridge.store.sqlite.database import BUSY_SECONDS
from bridge.store.sqlite.identity import StoreFile
from bridge.store.values import BuildChange

_CHUNK: Final = 500
_SKIPPED_NUMBERS: Final = 1 << 32
"""More steps and messages than a store has got since its backup: who follows them has seen their numbers."""
_SKIP: Final = text("UPDATE sqlite_sequence SET seq = seq + :count WHERE name IN ('step', 'message')")
_LOGS: Final = ("-wal", "-shm", "-journal")
"""The ends of the names of what SQLite keeps beside a file, and takes for that of any file of the name."""
_DAMAGED: Final = frozenset({"SQLITE_NOTADB", "SQLITE_CORRUPT"})
_WHY: Final = (
    "it was open in the backup that was restored, and may have been {} since the backup was made: {}"
)
_OF_DELIVERY: Final = _WHY.format("built", "look there, then `deliveries redeliver` builds it")
_OF_BUILD: Final = _WHY.format("triggered", "look at the builder, then `builds retry` builds it")
_RESUMED: Final = "restored from a backup: the builder is asked for it before it is triggered"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has done: the backup, where the store before is kept, and what was open.

    `deliveries` waited for a decision and `builds` for their trigger; `followed` are builds that were with
    their builder, which the daemon asks for their end, and `notices` will be sent, perhaps once more.
    """

    backup: Backup
    kept: Path | None
    deliveries: int
    builds: int
    followed: int
    notices: int


def restore(
    file: Path,
    named: Path,
    *,
    resume: bool,
    now: float,
    progress: Progress,
    patience: float = BUSY_SECONDS,
) -> Restored:
    """Put the backup, or the file of a store, in the place of the store.

    Deliveries without a decision become dead, and builds that wait for their trigger unknown; with `resume`
    they go on, and each build is first looked for at its builder. Raises StoreError, StoreTooNew.
    """
    with _errors():
        backup = verify(file)
        migrate.require_known(file, backup.schema)
        held = StoreFile.hold(named)
        try:
            if held.path.samefile(file):
                raise StoreError(f"{file} is the store itself: name the file of a backup")
            require_room(held.path.parent, 2 * stored_bytes(file))
            with part_of(held.path) as (part, descriptor):
                copy(file, part, descriptor, progress)
                _strip(part)
                counts = _decide(part, resume=resume, now=now)
                _own(part, held.path)
                os.fsync(descriptor)
                kept = _replace(held.path, part, now, patience)
        finally:
            held.close()
    return Restored(backup, kept, *counts)


def _strip(part: Path) -> None:
    """Make a store of a backup."""
    with closing(sqlite3.connect(part, isolation_level=None)) as connection:
        connection.execute("DROP TABLE IF EXISTS backup")


def _decide(part: Path, *, resume: bool, now: float) -> tuple[int, int, int, int]:
    """Bring the file to this release's schema, and end what may have gone on, or have it looked for."""
    migrate.upgrade(part)
    engine = create_engine(URL.create("sqlite", database=str(part)), poolclass=NullPool)
    with engine.begin() as connection:
        counts = _open_work(connection, resume=resume, now=now)
    with closing(sqlite3.connect(part, isolation_level=None)) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")
    return counts


def _open_work(connection: Connection, *, resume: bool, now: float) -> tuple[int, int, int, int]:
    waiting = select(delivery.c.id).where(delivery.c.state == DeliveryState.STORED)
    undecided = connection.execute(waiting).scalars().all()
    states = build.c.state.in_([BuildState.WAITING, BuildState.TRIGGERING])
    untriggered = connection.execute(select(build.c.id).where(states)).all()
    if resume:
        for row in untriggered:
            to = BuildState.TRIGGERING  # the state in which a builder is asked before it is asked to build
            change = BuildChange(detail=_RESUMED, triggered_at=now, next_at=now)
            transition(connection, row.id, to, now, _no_notices, **change)
    else:
        _end_deliveries(connection, undecided, now)
        for row in untriggered:
            change = BuildChange(detail=_OF_BUILD, ended_at=now)
            transition(connection, row.id, BuildState.UNKNOWN, now, _no_notices, **change)
        # What was due since the backup has been built by the store before.
        connection.execute(delete(schedule))
    # Whoever has signed out since must not be signed in again.
    connection.execute(delete(session))
    connection.execute(_SKIP, {"count": _SKIPPED_NUMBERS})
    with_builder = build.c.state.in_([BuildState.QUEUED, BuildState.RUNNING])
    unsent = notice.c.state.in_([NoticeState.PENDING, NoticeState.SENDING])
    followed = connection.execute(select(func.count()).select_from(build).where(with_builder)).scalar_one()
    notices = connection.execute(select(func.count()).select_from(notice).where(unsent)).scalar_one()
    return len(undecided), len(untriggered), followed, notices


def _no_notices(_build: Build, _before: Streak) -> Sequence[Notice]:
    """Whoever restores is told by the command, and the store before has sent notices about what went on."""
    return ()


def _end_deliveries(connection: Connection, ids: Sequence[str], now: float) -> None:
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        dead = {"state": DeliveryState.DEAD, "detail": _OF_DELIVERY}
        connection.execute(update(delivery).where(delivery.c.id.in_(chunk)).values(**dead))
        timeline.add_all(connection, [(one, now, DeliveryState.DEAD, _OF_DELIVERY) for one in chunk])


def _own(part: Path, store: Path) -> None:
    """Give the file to whom the store belongs: an administrator restores, and the daemon has to write."""
    if os.geteuid() == 0:
        owner = (store if store.stat().st_size else store.parent).stat()
        os.chown(part, owner.st_uid, owner.st_gid)


def _replace(store: Path, part: Path, now: float, patience: float) -> Path | None:
    """Give `part` the name of the store; returns where the store before is, None for an empty one.

    No moment is without a whole store. The log of the old one would be taken for that of the new one: so all
    of it is copied into the old file first, and who had that open cannot begin another log. Of a file
    that was moved away, or emptied, the log may still lie here.
    """
    stem = f"{store}.replaced-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"
    names = (Path(stem if number == 1 else f"{stem}-{number}") for number in count(1))
    kept = next(name for name in names if not any(Path(f"{name}{end}").exists() for end in ("", *_LOGS)))
    if not store.stat().st_size:
        _set_log_aside(store, kept)
        sync_folder(store.parent)
        part.replace(store)
        sync_folder(store.parent)
        return None
    with _alone(store, kept, patience):
        os.link(store, kept)
        sync_folder(store.parent)
        part.replace(store)
        sync_folder(store.parent)
    return kept


@contextmanager
def _alone(store: Path, kept: Path, patience: float) -> Iterator[None]:
    """Without a log, and locked. Raises StoreError while another process has it open."""
    with closing(sqlite3.connect(store, isolation_level=None, timeout=patience)) as connection:
        try:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorname", "") not in _DAMAGED:
                raise
            _set_log_aside(store, kept)
        yield


def _set_log_aside(store: Path, kept: Path) -> None:
    """Keep the log of a store that is gone, or too damaged to be opened, by a daemon too."""
    for suffix in _LOGS:
        with suppress(FileNotFoundError):
            Path(f"{store}{suffix}").rename(f"{kept}{suffix}")


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, SQLAlchemyError) as error:
        why = getattr(error, "orig", None) or error
        busy = "locked" in str(why)
        cure = ": another command has the store open: wait for it, then try again" if busy else ""
        raise StoreError(f"nothing was restored: {why}{cure}") from error
    except OSError as error:
        raise StoreError(f"nothing was restored: {error.filename}: {error.strerror or error}") from error
