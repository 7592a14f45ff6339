"""Deletes old rows, in small batches, so that no other write waits long."""

from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, and_, column, delete, exists, func, select
from sqlalchemy import table as named

from bridge.model.build import BuildState, run_id_of
from bridge.store.schema import (
    build,
    delivery,
    earlier_run,
    message,
    notice,
    ref_move,
    step,
    tag_name,
    tip,
)
from bridge.store.schema_callers import audit
from bridge.store.schema_notices import silence
from bridge.store.schema_refs import code_look, missed_ref, redelivery
from bridge.store.sql import idempotency, outcomes, sessions
from bridge.store.sql.database import Database

# An alias of the whole table would be kept in memory with each of its columns.
_LATER: Final = named(build.name, *map(column, ("namespace", "repo_name", "number"))).alias("later")
BATCH: Final = 10
"""So few that even with logs of some MiB each the deletion takes a moment."""


async def prune(database: Database, now: float, deliveries: timedelta, builds: timedelta) -> int:
    """Delete what is older; returns how many rows went.

    What is still open stays, however old, and so does each repository's newest build: numbers never repeat.
    """
    await database.write(partial(idempotency.expire, now=now))
    await database.write(partial(sessions.expire, now=now))
    gone = 0
    for table, query in _expired(now - deliveries.total_seconds(), now - builds.total_seconds()):
        while removed := await database.write(partial(_remove, table, query)):
            gone += removed
    return gone


def _expired(old_delivery: float, old_build: float) -> list[tuple[Table, Select[Any]]]:
    has_later = exists().where(
        and_(
            _LATER.c.namespace == build.c.namespace,
            _LATER.c.repo_name == build.c.repo_name,
            _LATER.c.number > build.c.number,
        )
    )
    ended = [state for state in BuildState if state.terminal]
    return [
        (
            delivery,
            select(delivery.c.id).where(delivery.c.received_at < old_delivery, delivery.c.state != "stored"),
        ),
        (
            build,
            select(build.c.id).where(
                build.c.created_at < old_build,
                func.coalesce(build.c.enqueued_at, build.c.created_at) < old_build,
                build.c.state.in_(ended),
                has_later,
            ),
        ),
        (
            notice,
            select(notice.c.id).where(
                notice.c.created_at < old_build, notice.c.state.not_in(["pending", "sending"])
            ),
        ),
        (silence, select(silence.c.id).where(silence.c.until < old_build)),
        (missed_ref, select(missed_ref.c.id).where(missed_ref.c.at < old_build)),
        (redelivery, select(redelivery.c.id).where(redelivery.c.at < old_build)),
        (code_look, select(code_look.c.id).where(code_look.c.looked_at < old_build)),
        (message, select(message.c.id).where(message.c.at < old_build)),
        (audit, select(audit.c.id).where(audit.c.at < old_build)),
        (ref_move, select(ref_move.c.id).where(ref_move.c.at < old_delivery)),
        (tip, select(tip.c.id).where(tip.c.at < old_build)),
        (tag_name, select(tag_name.c.id).where(tag_name.c.at < old_build)),
    ]


def _remove(table: Table, query: Select[Any], connection: Connection) -> int:
    ids = connection.execute(query.limit(BATCH)).scalars().all()
    if ids:
        subjects = [str(row_id) for row_id in ids]
        if table is build:
            earlier = select(earlier_run.c.build_id, earlier_run.c.run).where(earlier_run.c.build_id.in_(ids))
            subjects += [run_id_of(build_id, run + 1) for build_id, run in connection.execute(earlier)]
            for row in connection.execute(select(build).where(build.c.id.in_(ids))).mappings():
                outcomes.moved(connection, row, None)
        connection.execute(delete(step).where(step.c.subject.in_(subjects)))
        connection.execute(delete(table).where(table.c.id.in_(ids)))
    return len(ids)
