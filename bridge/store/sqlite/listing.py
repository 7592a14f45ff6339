"""Pages of a table, newest first: no dearer in a large table, and not moved by rows that are added."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, func, select

T = TypeVar("T")

COUNTED: Final = 10_000
"""More rows than these are not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a page lies: older than the row `before`, newer than `after`, else by its number from 1."""

    number: int = 1
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """`rows` are newest first; `count` is how many there are in all, at most 10 000.

    `newer` and `older` say whether there are such rows beyond this page.
    """

    count: int
    rows: Sequence[T]
    newer: bool
    older: bool


def page(
    connection: Connection,
    table: Table,
    conditions: Sequence[ColumnElement[bool]],
    *,
    place: Cursor,
    size: int,
    make: Callable[[RowMapping], T],
) -> Page[T]:
    """One page of the rows that fulfil all `conditions`, by their column `id`."""
    few = select(table.c.id).where(*conditions).limit(COUNTED).subquery()
    count = connection.execute(select(func.count()).select_from(few)).scalar_one()
    query = _at(select(table).where(*conditions), table, place, size).limit(size + 1)
    found = [make(row) for row in connection.execute(query).mappings()]
    more, rows = len(found) > size, found[:size]
    if place.after is not None:
        return Page(count=count, rows=rows[::-1], newer=more, older=True)
    return Page(count=count, rows=rows, newer=place.before is not None or place.number > 1, older=more)


def _at(query: Select[tuple[object]], table: Table, place: Cursor, size: int) -> Select[tuple[object]]:
    if place.after is not None:
        return query.where(table.c.id > place.after).order_by(table.c.id)
    query = query.order_by(table.c.id.desc())
    if place.before is not None:
        return query.where(table.c.id < place.before)
    return query.offset((place.number - 1) * size)
