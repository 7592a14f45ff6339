"""Pages of a table, newest first: as cheap in a large table, and not moved by rows that are added."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Subquery, Table, func, select, union_all

from bridge.store.values import Cursor, Page

T = TypeVar("T")

COUNTED: Final = 10_000
"""More rows than these are not counted."""

Conditions = Sequence[ColumnElement[bool]]


def page(
    connection: Connection,
    table: Table,
    alternatives: Sequence[Conditions],
    *,
    cursor: Cursor,
    size: int,
    make: Callable[[RowMapping], T],
) -> Page[T]:
    """One page of the rows that fulfil all conditions of one of the `alternatives`, by their column `id`.

    No row may fulfil two of them. Each is read along an index of its own, and no further than the page needs.
    """
    few = _merged([select(table.c.id).where(*one).limit(COUNTED) for one in alternatives])
    counted = select(few.c.id).limit(COUNTED).subquery()
    count = connection.execute(select(func.count()).select_from(counted)).scalar_one()
    order = table.c.id if cursor.after is not None else table.c.id.desc()
    offset = 0 if cursor.after or cursor.before else (cursor.number - 1) * size
    found_by = [_beyond(select(table.c.id).where(*one), table, cursor) for one in alternatives]
    if len(found_by) == 1:
        ids = found_by[0].order_by(order).limit(size + 1).offset(offset)
    else:
        merged = _merged([one.order_by(order).limit(offset + size + 1) for one in found_by])
        merged_order = merged.c.id if cursor.after is not None else merged.c.id.desc()
        ids = select(merged.c.id).order_by(merged_order).limit(size + 1).offset(offset)
    query = select(table).where(table.c.id.in_(ids)).order_by(order)
    found = [make(row) for row in connection.execute(query).mappings()]
    more, rows = len(found) > size, found[:size]
    if cursor.after is not None:
        return Page(count=count, rows=rows[::-1], newer=more, older=True)
    return Page(count=count, rows=rows, newer=cursor.before is not None or cursor.number > 1, older=more)


def _merged(parts: Sequence[Select[Any]]) -> Subquery:
    inner = [part.subquery() for part in parts]
    return inner[0] if len(inner) == 1 else union_all(*(select(one.c.id) for one in inner)).subquery()


def _beyond(query: Select[Any], table: Table, cursor: Cursor) -> Select[Any]:
    if cursor.after is not None:
        return query.where(table.c.id > cursor.after)
    return query if cursor.before is None else query.where(table.c.id < cursor.before)
