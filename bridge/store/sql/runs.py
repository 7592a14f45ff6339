"""The runs of a build: the row of the build has the newest one, a table of their own the earlier ones."""

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    DefaultClause,
    Select,
    Table,
    insert,
    select,
    text,
    update,
)

from bridge.errors import CannotRetry
from bridge.model.build import RETRIED, TRANSITIONS, Build, BuildState, run_id_of
from bridge.store.schema import RUN_COLUMNS, earlier_run, tip
from bridge.store.schema import build as table
from bridge.store.sql import outcomes, timeline
from bridge.store.sql.build_rows import build_of
from bridge.store.sql.turns import next_turn

_FRESH: Final[dict[str, Any]] = {
    name: default.arg if isinstance(default := table.c[name].server_default, DefaultClause) else None
    for name in RUN_COLUMNS
}
"""What a new run has of its own: what a new build has."""


def retry(connection: Connection, build_id: str, now: float, by: str, reason: str) -> Build:
    """`Builds.retry` in a transaction of the caller's."""
    row = connection.execute(select(table).where(table.c.id == build_id)).mappings().first()
    if row is None:
        raise CannotRetry(f"there is no build {build_id}")
    build = build_of(row)
    name = f"{build.full_name} #{build.number}"
    if build.damage:
        raise CannotRetry(f"{name} cannot be built again: {build.damage}")
    if RETRIED not in TRANSITIONS[build.state]:
        raise CannotRetry(f"{name} has not ended: it is {build.state}. Cancel it, or wait until it has ended")
    columns = select(table.c.id, *(table.c[column] for column in RUN_COLUMNS)).where(table.c.id == build_id)
    connection.execute(insert(earlier_run).from_select(["build_id", *RUN_COLUMNS], columns))
    run = build.run + 1
    values = _FRESH | {"run": run, "retried_by": by, "state": BuildState.WAITING, "enqueued_at": now}
    connection.execute(
        update(table).where(table.c.id == build_id).values(**values, next_at=now, turn=next_turn(table))
    )
    outcomes.moved(connection, row, BuildState.WAITING)
    why = f"run {run}, {reason}"
    timeline.add(connection, build.run_id, now, RETRIED, why)
    notes = [why, *_newer(connection, build, row["tag_set"])]
    timeline.add(connection, run_id_of(build_id, run), now, BuildState.WAITING, "; ".join(notes))
    return build_of(connection.execute(select(table).where(table.c.id == build_id)).mappings().one())


def _newer(connection: Connection, build: Build, tag_set: str) -> list[str]:
    """A sentence where the moving tags were built from a later push."""
    query = select(tip.c.pushed).where(
        tip.c.namespace == build.namespace, tip.c.repo_name == build.repo_name, tip.c.tag_set == tag_set
    )
    pushed = connection.execute(query).scalar()
    if pushed is None or pushed == build.pushed:
        return []
    return [f"older than {pushed}, which was already pushed; a person asked for it"]


def find(connection: Connection, build_id: str, run: int | None = None) -> Build | None:
    """One run of a build, the newest unless `run` says otherwise."""
    row = connection.execute(select(table).where(table.c.id == build_id)).mappings().first()
    if row is None or run in {None, row["run"]}:
        return None if row is None else build_of(row)
    same = (earlier_run.c.build_id == build_id) & (earlier_run.c.run == run)
    earlier = connection.execute(select(earlier_run).where(same)).mappings().first()
    return None if earlier is None else build_of({**row, **earlier})


def runs(connection: Connection, build_id: str) -> list[Build]:
    """All runs of a build, the first one first."""
    row = connection.execute(select(table).where(table.c.id == build_id)).mappings().first()
    if row is None:
        return []
    query = select(earlier_run).where(earlier_run.c.build_id == build_id).order_by(earlier_run.c.run)
    earlier = [build_of({**row, **one}) for one in connection.execute(query).mappings()]
    return [*earlier, build_of(row)]


def kept_by(builder: str, limit: int) -> Select[tuple[str, int]]:
    """The build and the number of each earlier run that the builder may keep something of, oldest first."""
    # Word for word the condition of the index.
    is_kept = text("earlier_run.released = 0")
    return (
        select(earlier_run.c.build_id, earlier_run.c.run)
        .join(table, table.c.id == earlier_run.c.build_id)
        .where(is_kept, table.c.builder == builder)
        .order_by(earlier_run.c.build_id, earlier_run.c.run)
        .limit(limit)
    )


def replaced(connection: Connection, builder: str, limit: int) -> list[str]:
    """`Builds.replaced`, at most so many."""
    return [run_id_of(row.build_id, row.run) for row in connection.execute(kept_by(builder, limit))]


def place(connection: Connection, build_id: str, run: int) -> tuple[Table, ColumnElement[bool]]:
    """Where the row of a run is: the table, and the condition."""
    if newest(connection, build_id) == run:
        return table, table.c.id == build_id
    return earlier_run, (earlier_run.c.build_id == build_id) & (earlier_run.c.run == run)


def newest(connection: Connection, build_id: str) -> int | None:
    """The number of the newest run; None where there is no such build."""
    found: int | None = connection.execute(select(table.c.run).where(table.c.id == build_id)).scalar()
    return found


def note(connection: Connection, build_id: str, now: float, what: str, detail: str) -> None:
    """Add to the timeline of the newest run."""
    timeline.add(connection, run_id_of(build_id, newest(connection, build_id) or 1), now, what, detail)
