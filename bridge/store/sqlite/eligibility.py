"""Which waiting builds may start: builds that write the same image tag run one after the other, oldest first.

So the newest build has the tag, however long each takes, and whichever rule it is of. A repository's
`concurrency` bounds how many of its builds are with the builder at once.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, TextClause, and_, exists, func, or_, select, text

from bridge.model.build import BuildState
from bridge.store.schema import build as table

_OTHER: Final = table.alias("other")
_EARLIER: Final = _OTHER.c.turn < table.c.turn
_SAME_REPOSITORY: Final = and_(
    _OTHER.c.namespace == table.c.namespace, _OTHER.c.repo_name == table.c.repo_name
)
# Word for word the condition of the index: bound parameters would not use it.
_UNENDED: Final = text("other.state IN ('waiting', 'triggering', 'queued', 'running')")
_ACTIVE: Final = _OTHER.c.state.in_([BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING])


@cache
def is_eligible() -> ColumnElement[bool]:
    """The condition that a waiting build waits for no other one."""
    return and_(or_(table.c.concurrency.is_(None), _active() < table.c.concurrency), ~_behind())


def ahead_of(build_id: str) -> Select[Any]:
    """The oldest build that this one waits for, since both write one tag."""
    return select(_OTHER).where(table.c.id == build_id, *_ahead()).order_by(_OTHER.c.turn).limit(1)


def _behind() -> ColumnElement[bool]:
    return exists().where(*_ahead()).correlate(table)


def _ahead() -> Sequence[ColumnElement[bool] | TextClause]:
    mine = func.json_each(table.c.request, "$.tags").table_valued("value", name="mine")
    theirs = func.json_each(_OTHER.c.request, "$.tags").table_valued("value", name="theirs")
    wanted = select(mine.c.value).correlate(table)
    common = select(theirs.c.value).where(theirs.c.value.in_(wanted)).correlate(_OTHER, table).exists()
    return _OTHER.c.image == table.c.image, _UNENDED, _EARLIER, common


def _active() -> ColumnElement[int]:
    count = select(func.count()).select_from(_OTHER).where(_SAME_REPOSITORY, _ACTIVE)
    return count.correlate(table).scalar_subquery()
