"""Pages of a table, newest first: as cheap in a large table, and not moved by rows that are added."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    RowMapping,
    ScalarSelect,
    Select,
    Table,
    TableValuedAlias,
    bindparam,
    func,
    literal_column,
    select,
    true,
    union_all,
)

from bridge.store.codec import to_json
from bridge.store.sql.constructs import array_of, element_of, elements_of, greatest
from bridge.store.values import Cursor, Page, Scope

T = TypeVar("T")

COUNTED: Final = 5_000
"""More rows than these are not counted."""
COUNTED_SHARED: Final = 200
"""The same where two streams may have the same row: each that is counted has to be looked up."""
_COMPOSED: Final = 128
"""So many pairs of statements are kept: to compose one takes longer than to carry it out."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that a page may hold, merged of streams: one for each combination of the `values` of some columns.

    The columns are those `of` a table; there is an index over them and then the `id` that `ids` selects, each
    once of one stream. `ids` is the same object for every page.
    """

    of: Table
    ids: Select[Any]
    values: Mapping[str, Sequence[Any]]


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
    thousand. With `overlap` two streams may have the same row. `rows` is the same object for every page.
    """
    parts = [one for one in parts if all(one.values.values())]
    if not parts:
        return Page(count=0, rows=[], newer=False, older=False)
    merged = tuple(_Merged.of_part(one, number) for number, one in enumerate(parts))
    place = _Place(before=cursor.before is not None, after=cursor.after is not None)
    count, shown = _composed(rows, merged, place, overlap)
    offset = 0 if place.before or place.after else (cursor.number - 1) * size
    given = {
        "before": cursor.before,
        "after": cursor.after,
        "counted": min(COUNTED, COUNTED_SHARED) if overlap else COUNTED,
        "offset": offset,
        "limit": size + 1,
        "near": offset + size + 1,
        "nearer": offset + size,
    }
    for one, part in zip(merged, parts, strict=True):
        given |= one.given(part)
    counted = connection.execute(count, given).scalar_one()
    found = [make(row) for row in connection.execute(shown, given).mappings()]
    more, found = len(found) > size, found[:size]
    if place.after:
        return Page(count=counted, rows=found[::-1], newer=more, older=True)
    return Page(count=counted, rows=found, newer=place.before or cursor.number > 1, older=more)


def part_of(table: Table, values: Mapping[str, Sequence[Any]]) -> Part:
    """The rows of a table whose columns have these values; there is an index over them and then the `id`."""
    return Part(table, _ids_of(table), values)


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


@cache
def _ids_of(table: Table) -> Select[Any]:
    return select(table.c.id)


@dataclass(frozen=True)
class _Place:
    """What a cursor says."""

    before: bool = False
    after: bool = False

    def beyond(
        self, ids: Select[Any], own: ColumnElement[Any], last: Select[Any] | None = None
    ) -> Select[Any]:
        """Those of the `ids` that are seen from it, up to the `last` where there is such a one.

        `own` are all that there are. Each end has one bound: SQLite begins at one, and of two reads what is
        between them.
        """
        key = ids.selected_columns.id
        if self.before:
            ids = ids.where(key < bindparam("before"))
        if not self.after:
            return ids.where(self.until(key, own, last))
        after: BindParameter[Any] = bindparam("after")
        ids = ids.where(key >= greatest(after, _one(select(func.min(own)))), key != after)
        return ids if last is None else ids.where(self.until(key, own, last))

    def until(
        self, key: ColumnElement[Any], own: ColumnElement[Any], last: Select[Any] | None
    ) -> ColumnElement[bool]:
        """What is not beyond the last one."""
        end = _one(select(func.max(own) if self.after else func.min(own)))
        bound = end if last is None else func.coalesce(_one(last), end)
        return key <= bound if self.after else key >= bound

    def order(self, key: ColumnElement[Any]) -> ColumnElement[Any]:
        return key if self.after else key.desc()

    def ordered(self, ids: Select[Any]) -> Select[Any]:
        return ids.order_by(self.order(ids.selected_columns.id))


@dataclass(frozen=True)
class _Merged:
    """The streams of a part, whatever the values of its columns: `single` ones and `several`."""

    number: int
    of: Table
    ids: Select[Any]
    single: tuple[str, ...]
    several: tuple[str, ...]

    @classmethod
    def of_part(cls, part: Part, number: int) -> "_Merged":
        single = tuple(name for name, values in part.values.items() if len(values) == 1)
        several = tuple(name for name in part.values if name not in single)
        return cls(number, part.of, part.ids, single, several)

    def given(self, part: Part) -> dict[str, Any]:
        """The values of the part for the statements."""
        single = {self._name(name): part.values[name][0] for name in self.single}
        return single | {self._name(name): to_json(list(part.values[name])) for name in self.several}

    def some(self, own: ColumnElement[Any], *, overlap: bool) -> Select[Any]:
        """Rows of each stream, not too many: their ids or, where those cannot be the same, only a number."""
        ids = self.whole(_Place(), own).limit(bindparam("counted"))
        if not overlap:
            one = literal_column("1", Integer).label("id")
            ids = ids.with_only_columns(one, maintain_column_froms=True)
        return self._all(ids)

    def near(self, place: _Place, own: ColumnElement[Any]) -> Select[Any]:
        """The ids of the rows of all streams up to the page's end, and some more."""
        if not self.several:
            return self._all(place.ordered(self.whole(place, own)).limit(bindparam("near")))
        lists = self._lists
        first = place.ordered(self.whole(place, own)).limit(1).correlate(*lists.values()).scalar_subquery()
        begun = select(
            *(self._value(name, one).label(name) for name, one in lists.items()), first.label("first")
        )
        streams = begun.select_from(_joined(*lists.values())).cte(f"streams_{self.number}")
        # None of those rows lies beyond the first rows of so many streams.
        firsts = select(streams.c.first.label("id")).where(streams.c.first.is_not(None)).distinct()
        last = place.ordered(firsts).limit(1).offset(bindparam("nearer"))
        nearest = select(streams).where(place.until(streams.c.first, own, last)).subquery()
        ids = place.beyond(self._ids({name: nearest.c[name] for name in lists}), own, last)
        return _all_of(place.ordered(ids).limit(bindparam("near")), nearest)

    def whole(self, place: _Place, own: ColumnElement[Any]) -> Select[Any]:
        """The ids of each stream, seen from the cursor."""
        return place.beyond(
            self._ids({name: self._value(name, one) for name, one in self._lists.items()}), own
        )

    def _ids(self, several: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
        single = (self.of.c[name] == bindparam(self._name(name)) for name in self.single)
        return self.ids.where(*single, *(self.of.c[name] == value for name, value in several.items()))

    @cached_property
    def _lists(self) -> Mapping[str, TableValuedAlias]:
        return {name: elements_of(bindparam(self._name(name))) for name in self.several}

    def _value(self, column: str, values: TableValuedAlias) -> ColumnElement[Any]:
        return element_of(values, self.of.c[column].type)

    def _name(self, column: str) -> str:
        return f"{column}_{self.number}"

    def _all(self, ids: Select[Any]) -> Select[Any]:
        """The ids of every stream."""
        return _all_of(ids, *self._lists.values()) if self.several else select(ids.subquery().c.id)


@lru_cache(maxsize=_COMPOSED)
def _composed(
    rows: Select[Any], merged: tuple[_Merged, ...], place: _Place, overlap: bool
) -> tuple[Select[Any], Select[Any]]:
    """What counts the rows and what selects those of a page."""
    key = rows.selected_columns.id
    several = any(one.several for one in merged)
    shared = overlap and several
    some = union_all(*(one.some(key, overlap=overlap) for one in merged)).subquery()
    counted = select(some.c.id).distinct() if shared else select(some.c.id)
    count = select(func.count()).select_from(counted.limit(bindparam("counted")).subquery())
    # SQLite merges whole streams as it reads them, and no further than the page needs.
    found = [one.near(place, key) if several else one.whole(place, key) for one in merged]
    near = found[0] if len(found) == 1 else select(union_all(*found).subquery().c.id)
    ids = place.ordered(near).limit(bindparam("limit")).offset(bindparam("offset"))
    return count, rows.where(key.in_(ids.distinct() if shared else ids)).order_by(place.order(key))


def _all_of(ids: Select[Any], *given: FromClause) -> Select[Any]:
    """The ids of a stream for each row that is `given`.

    They come as a list of values again: so SQLite reads none of them before it has that row.
    """
    one = ids.correlate(*given).subquery()
    found = elements_of(select(array_of(one.c.id)).correlate(*given).scalar_subquery())
    return select(element_of(found, one.c.id.type).label("id")).select_from(_joined(*given, found))


def _joined(first: FromClause, *others: FromClause) -> FromClause:
    """Each row with each."""
    for other in others:
        first = first.join(other, true())
    return first


def _one(query: Select[Any]) -> ScalarSelect[Any]:
    return query.correlate(None).scalar_subquery()
