"""Pages of a table, newest first: as cheap in a large table, and not moved by rows that are added."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Subquery,
    Table,
    func,
    select,
    union_all,
)

from bridge.store.values import Cursor, Page, Scope

T = TypeVar("T")

COUNTED: Final = 10_000
"""More rows than these are not counted."""

Conditions = Sequence[ColumnElement[bool]]


def page(
    connection: Connection,
    rows: Select[Any],
    found_by: Sequence[Select[Any]],
    *,
    cursor: Cursor,
    size: int,
    make: Callable[[RowMapping], T],
    overlap: bool = False,
) -> Page[T]:
    """One page of the `rows`, by their column `id`: those whose ids one of `found_by` has.

    Each of `found_by` selects only ids, as `id`, each once; it is read along an index of its own, and no
    further than the page needs. With `overlap` two of them may have the same one.
    """
    if not found_by:
        return Page(count=0, rows=[], newer=False, older=False)
    few = select(_merged([one.limit(COUNTED) for one in found_by]).c.id).limit(COUNTED)
    counted = (few.distinct() if overlap and len(found_by) > 1 else few).subquery()
    count = connection.execute(select(func.count()).select_from(counted)).scalar_one()
    offset = 0 if cursor.after or cursor.before else (cursor.number - 1) * size
    key = rows.selected_columns.id
    order = _order(key, cursor)
    query = rows.where(key.in_(_ids(found_by, cursor, size + 1, offset, overlap=overlap))).order_by(order)
    found = [make(row) for row in connection.execute(query).mappings()]
    more, shown = len(found) > size, found[:size]
    if cursor.after is not None:
        return Page(count=count, rows=shown[::-1], newer=more, older=True)
    return Page(count=count, rows=shown, newer=cursor.before is not None or cursor.number > 1, older=more)


def of_scope(table: Table, conditions: Conditions, scope: Scope) -> list[Select[Any]]:
    """What finds the rows of a table with the columns `namespace` and `repo_name`, for `page`."""
    ids = select(table.c.id).where(*conditions)
    if scope.namespaces is None:
        return [ids]
    return [ids.where(*in_namespace(table, one, scope)) for one in scope.namespaces]


def in_namespace(table: Table, namespace: str, scope: Scope) -> Conditions:
    """Those of rows that concern the namespace, and the repository of the scope."""
    there = [table.c.namespace == namespace]
    return there if scope.repo_name is None else [*there, table.c.repo_name == scope.repo_name]


def _ids(
    found_by: Sequence[Select[Any]], cursor: Cursor, limit: int, offset: int, *, overlap: bool
) -> Select[Any]:
    """The ids of a page."""
    beyond = [_beyond(one, cursor) for one in found_by]
    if len(beyond) == 1:
        return beyond[0].limit(limit).offset(offset)
    merged = _merged([one.limit(offset + limit) for one in beyond])
    ids = select(merged.c.id).order_by(_order(merged.c.id, cursor)).limit(limit).offset(offset)
    return ids.distinct() if overlap else ids


def _merged(parts: Sequence[Select[Any]]) -> Subquery:
    inner = [part.subquery() for part in parts]
    return inner[0] if len(inner) == 1 else union_all(*(select(one.c.id) for one in inner)).subquery()


def _beyond(query: Select[Any], cursor: Cursor) -> Select[Any]:
    key = query.selected_columns.id
    if cursor.after is not None:
        query = query.where(key > cursor.after)
    elif cursor.before is not None:
        query = query.where(key < cursor.before)
    return query.order_by(_order(key, cursor))


def _order(key: ColumnElement[Any], cursor: Cursor) -> ColumnElement[Any]:
    return key if cursor.after is not None else key.desc()
