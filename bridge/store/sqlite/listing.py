"""Pages of a table, newest first: as cheap in a large table, and not moved by rows that are added."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    RowMapping,
    Select,
    Table,
    TableValuedAlias,
    func,
    literal_column,
    select,
    true,
    union_all,
)

from bridge.store.codec import to_json
from bridge.store.values import Cursor, Page, Scope

T = TypeVar("T")

COUNTED: Final = 10_000
"""More rows than these are not counted."""
COUNTED_SHARED: Final = 2_000
"""The same where two streams may have the same row: each that is counted has to be looked up."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that a page may hold, merged of streams: one for each combination of the `values` of some names.

    `stream` selects the ids of one, as `id`, each once, given the value of each name. There is an index along
    which it is read, from the id `lowest` where there may be rows below that are not looked at.
    """

    stream: Callable[[Mapping[str, Any]], Select[Any]]
    values: Mapping[str, Sequence[Any]]
    lowest: str | None = None


def page(
    connection: Connection,
    rows: Select[Any],
    parts: Sequence[Part],
    *,
    cursor: Cursor,
    size: int,
    make: Callable[[RowMapping], T],
    overlap: bool = False,
) -> Page[T]:
    """One page of the `rows`, by their column `id`: those that belong to one of the `parts`.

    No stream is read further than the page needs, and the statement is the same for two of them and for a
    thousand. With `overlap` two streams may have the same row.
    """
    merged = [_Merged(one) for one in parts if all(one.values.values())]
    if not merged:
        return Page(count=0, rows=[], newer=False, older=False)
    shared = overlap and any(one.lists for one in merged)
    most = min(COUNTED, COUNTED_SHARED) if overlap else COUNTED
    some = union_all(*(one.some(most, overlap=overlap) for one in merged)).subquery()
    counted = select(some.c.id).distinct() if shared else select(some.c.id)
    few = counted.limit(most).subquery()
    count = connection.execute(select(func.count()).select_from(few)).scalar_one()
    offset = 0 if cursor.after or cursor.before else (cursor.number - 1) * size
    ids = _ids(merged, cursor, size + 1, offset, overlap=overlap)
    key = rows.selected_columns.id
    query = rows.where(key.in_(ids.distinct() if shared else ids)).order_by(_order(key, cursor))
    found = [make(row) for row in connection.execute(query).mappings()]
    more, shown = len(found) > size, found[:size]
    if cursor.after is not None:
        return Page(count=count, rows=shown[::-1], newer=more, older=True)
    return Page(count=count, rows=shown, newer=cursor.before is not None or cursor.number > 1, older=more)


def _ids(
    merged: Sequence["_Merged"], cursor: Cursor, limit: int, offset: int, *, overlap: bool
) -> Select[Any]:
    """The ids of a page."""
    if any(one.lists for one in merged):
        parts = [one.near(cursor, offset + limit, overlap=overlap) for one in merged]
    else:
        # SQLite merges these as it reads them, and no further than the page needs.
        parts = [one.whole(cursor) for one in merged]
    if len(parts) == 1:
        return _ordered(parts[0], cursor).limit(limit).offset(offset)
    near = union_all(*parts).subquery()
    return select(near.c.id).order_by(_order(near.c.id, cursor)).limit(limit).offset(offset)


def part_of(table: Table, values: Mapping[str, Sequence[Any]]) -> Part:
    """The rows of a table whose columns have these values; there is an index over them and then the `id`."""

    def stream(given: Mapping[str, Any]) -> Select[Any]:
        return select(table.c.id).where(*(table.c[name] == value for name, value in given.items()))

    return Part(stream, values)


def few_of(
    connection: Connection, table: Table, key: Mapping[str, Any], found: Sequence[Mapping[str, Sequence[Any]]]
) -> Part:
    """The rows with a key that a few rows have; of them, those whose columns have one of these values."""
    few = select(table.c.id).where(*(table.c[name] == value for name, value in key.items()))
    ids = connection.execute(few).scalars().all()
    same = [[table.c[name].in_(values) for name, values in one.items()] for one in found]
    queries = [select(table.c.id).where(table.c.id.in_(ids), *one) for one in same]
    return part_of(table, {"id": [name for query in queries for name in connection.execute(query).scalars()]})


def values_of(scope: Scope) -> dict[str, Sequence[Any]]:
    """The values of the columns `namespace` and `repo_name` in a scope."""
    if scope.namespaces is None:
        return {}
    repository = {} if scope.repo_name is None else {"repo_name": [scope.repo_name]}
    return {"namespace": scope.namespaces, **repository}


class _Merged:
    """The streams of a part."""

    def __init__(self, part: Part) -> None:
        self._stream = part.stream
        self._lowest = part.lowest
        self._one = {name: values[0] for name, values in part.values.items() if len(values) == 1}
        names = [name for name in part.values if name not in self._one]
        self.lists = {name: _each(to_json(list(part.values[name]))) for name in names}

    def some(self, size: int, *, overlap: bool) -> Select[Any]:
        """At most `size` rows of each stream: their ids or, where those cannot be the same, only a number."""
        stream = self._beyond(self._of(self._listed), Cursor()).limit(size)
        if not overlap:
            one: ColumnElement[int] = literal_column("1").label("id")
            stream = stream.with_only_columns(one, maintain_column_froms=True)
        return self._all(stream)

    def whole(self, cursor: Cursor) -> Select[Any]:
        """The ids of each stream, seen from the cursor."""
        return self._beyond(self._of(self._listed), cursor)

    def near(self, cursor: Cursor, size: int, *, overlap: bool) -> Select[Any]:
        """The ids of the first `size` rows of all streams, seen from the cursor, and some more."""
        if overlap or not self.lists:
            return self._all(_ordered(self.whole(cursor), cursor).limit(size))
        # Those rows are in as many streams at most: the ones whose own first rows are the nearest.
        first = _ordered(self.whole(cursor), cursor).limit(1)
        begin = first.correlate(*self.lists.values()).scalar_subquery().label("first")
        values = [value.label(name) for name, value in self._listed.items()]
        streams = select(*values, begin).select_from(_joined(*self.lists.values())).subquery()
        nearest = (
            select(streams).order_by(_order(streams.c.first, cursor).nulls_last()).limit(size).subquery()
        )
        stream = self._beyond(self._of({name: nearest.c[name] for name in self.lists}), cursor)
        return _all_of(_ordered(stream, cursor).limit(size), nearest)

    @property
    def _listed(self) -> Mapping[str, Any]:
        return {name: values.c.value for name, values in self.lists.items()}

    def _of(self, values: Mapping[str, Any]) -> Select[Any]:
        return self._stream({**self._one, **values})

    def _beyond(self, query: Select[Any], cursor: Cursor) -> Select[Any]:
        key = query.selected_columns.id
        if self._lowest is not None and (cursor.after is None or str(cursor.after) < self._lowest):
            query = query.where(key >= self._lowest)
        elif cursor.after is not None:
            # Along an index SQLite begins at one bound: of two it would read all between them.
            query = query.where(key > cursor.after)
        return query if cursor.before is None else query.where(key < cursor.before)

    def _all(self, stream: Select[Any]) -> Select[Any]:
        if not self.lists:
            return select(stream.subquery().c.id)
        return _all_of(stream, *self.lists.values())


def _all_of(stream: Select[Any], *given: FromClause) -> Select[Any]:
    """The ids of a stream for each row that is `given`.

    They come as a list of values again: so SQLite reads none of them before it has that row.
    """
    one = stream.correlate(*given).subquery()
    found = _each(select(func.json_group_array(one.c.id)).correlate(*given).scalar_subquery())
    return select(found.c.value.label("id")).select_from(_joined(found, *given))


def _each(array: Any) -> TableValuedAlias:
    return func.json_each(array).table_valued("value")


def _joined(first: FromClause, *others: FromClause) -> FromClause:
    """Each row with each."""
    for other in others:
        first = first.join(other, true())
    return first


def _ordered(query: Select[Any], cursor: Cursor) -> Select[Any]:
    return query.order_by(_order(query.selected_columns.id, cursor))


def _order(key: ColumnElement[Any], cursor: Cursor) -> ColumnElement[Any]:
    return key if cursor.after is not None else key.desc()
