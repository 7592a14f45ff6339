"""Pages of a table, newest first: as cheap in a large table, and not moved by rows that are added."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, func, select

from bridge.store.values import Cursor, Page

T = TypeVar("T")

COUNTED: Final = 10_000
"""More rows than these are not counted."""


def page(
    connection: Connection,
    table: Table,
    conditions: Sequence[ColumnElement[bool]],
    *,
    cursor: Cursor,
    size: int,
    make: Callable[[RowMapping], T],
) -> Page[T]:
    """One page of the rows that fulfil all `conditions`, by their column `id`."""
    few = select(table.c.id).where(*conditions).limit(COUNTED).subquery()
    count = connection.execute(select(func.count()).select_from(few)).scalar_one()
    query = _at(select(table).where(*conditions), table, cursor, size).limit(size + 1)
    found = [make(row) for row in connection.execute(query).mappings()]
    more, rows = len(found) > size, found[:size]
    if cursor.after is not None:
        return Page(count=count, rows=rows[::-1], newer=more, older=True)
    return Page(count=count, rows=rows, newer=cursor.before is not None or cursor.number > 1, older=more)


def _at(query: Select[tuple[object]], table: Table, cursor: Cursor, size: int) -> Select[tuple[object]]:
    if cursor.after is not None:
        return query.where(table.c.id > cursor.after).order_by(table.c.id)
    query = query.order_by(table.c.id.desc())
    if cursor.before is not None:
        return query.where(table.c.id < cursor.before)
    return query.offset((cursor.number - 1) * size)
