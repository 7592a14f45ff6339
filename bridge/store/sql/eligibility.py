"""Which waiting builds may start: builds that write the same image tag run one after the other, oldest first.

So the newest build has the tag, however long each takes, and whichever rule it is of. A repository's
`concurrency` bounds how many of its builds are with the builder at once.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    TextClause,
    and_,
    exists,
    func,
    or_,
    select,
    text,
)

from bridge.model.build import BuildState
from bridge.store.schema import build as table
from bridge.store.sql.constructs import elements_at

_OTHER: Final = table.alias("other")
_EARLIER: Final = _OTHER.c.turn < table.c.turn
_SAME_REPOSITORY: Final = and_(
    _OTHER.c.namespace == table.c.namespace, _OTHER.c.repo_name == table.c.repo_name
)
# Word for word the condition of the index: bound parameters would not use it.
_UNENDED: Final = text("other.state IN ('waiting', 'triggering', 'queued', 'running')")
_ACTIVE_STATES: Final = [BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING]
_ACTIVE: Final = _OTHER.c.state.in_(_ACTIVE_STATES)


def due(builder: str, now: float) -> Select[Any]:
    """The builds that can be claimed now, oldest first."""
    return (
        select(table)
        .where(
            table.c.builder == builder,
            table.c.released == 0,
            table.c.state == BuildState.WAITING,
            table.c.next_at <= now,
            table.c.cancel_reason.is_(None),
            table.c.superseded.is_(None),
            is_eligible(),
        )
        .order_by(table.c.turn)
    )


def next_due(connection: Connection, builder: str, since: float) -> float | None:
    """See `bridge.store.base.Builds.next_due`."""
    query = select(func.min(table.c.next_at)).where(
        table.c.builder == builder,
        table.c.released == 0,
        table.c.state.in_([BuildState.WAITING, BuildState.TRIGGERING]),
        table.c.next_at > since,
    )
    return connection.execute(query).scalar()


@cache
def is_eligible() -> ColumnElement[bool]:
    """The condition that a waiting build waits for no other one."""
    return and_(or_(table.c.concurrency.is_(None), _active() < table.c.concurrency), ~_behind())


def ahead_by_tag() -> ScalarSelect[str]:
    """The id of the oldest build that one waits for, since both write one tag."""
    return _oldest(*_ahead())


def first_active() -> ScalarSelect[str]:
    """The id of the oldest build with the builder of a repository that may have no more there at once."""
    return _oldest(_SAME_REPOSITORY, _ACTIVE, _active() >= table.c.concurrency)


def _oldest(*conditions: ColumnElement[bool] | TextClause) -> ScalarSelect[str]:
    query = select(_OTHER.c.id).where(*conditions).order_by(_OTHER.c.turn).limit(1)
    return query.correlate(table).scalar_subquery()


def _behind() -> ColumnElement[bool]:
    return exists().where(*_ahead()).correlate(table)


def _ahead() -> Sequence[ColumnElement[bool] | TextClause]:
    mine = elements_at(table.c.request, "tags", "mine")
    theirs = elements_at(_OTHER.c.request, "tags", "theirs")
    wanted = select(mine.c.value).correlate(table)
    common = select(theirs.c.value).where(theirs.c.value.in_(wanted)).correlate(_OTHER, table).exists()
    return _OTHER.c.image == table.c.image, _UNENDED, _EARLIER, common


def _active() -> ColumnElement[int]:
    count = select(func.count()).select_from(_OTHER).where(_SAME_REPOSITORY, _ACTIVE)
    return count.correlate(table).scalar_subquery()
