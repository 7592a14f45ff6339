"""What the engines call differently, as expressions that each of them gets in its own words.

The first words are those of SQLite.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Integer,
    TableValuedAlias,
    Text,
    cast,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, GenericFunction
from sqlalchemy.types import TypeEngine

_POSTGRES: Final = "postgresql"
READABLE_JSON: Final = "readable_json"
"""The function that PostgreSQL stores have: a text as JSON, NULL for one that is damaged."""
_OF_SQLITE: Final = {"greatest": "max", "least": "min"}


class greatest(GenericFunction[Any]):  # noqa: N801  # a function of SQL
    """The greatest of several values, none of which is NULL."""

    inherit_cache = True


class least(GenericFunction[Any]):  # noqa: N801
    """The least of several values, none of which is NULL."""

    inherit_cache = True


class unindexed(FunctionElement[Any]):  # noqa: N801
    """A column, which SQLite then looks up in no index; PostgreSQL knows which one reads less."""

    inherit_cache = True


class _JsonText(FunctionElement[str]):
    type = Text()
    inherit_cache = True


class _JsonValues(FunctionElement[Any]):
    inherit_cache = True


class array_of(FunctionElement[str]):  # noqa: N801
    """A JSON array of the values of a column."""

    type = Text()
    inherit_cache = True


def json_text(document: ColumnElement[Any], key: str) -> ColumnElement[str]:
    """The text of a key in a column of JSON; NULL where that is damaged."""
    return _JsonText(document, literal_column(f"'{key}'"))


def elements_of(array: Any) -> TableValuedAlias:
    """The values of a JSON array, however many; `element_of` reads them."""
    return _JsonValues(array).table_valued("value")


def elements_at(document: ColumnElement[Any], key: str, name: str) -> TableValuedAlias:
    """The texts of the JSON array that a column of JSON has at a key; none where that is damaged."""
    return _JsonValues(document, literal_column(f"'{key}'")).table_valued("value", name=name)


def element_of(values: TableValuedAlias, of: TypeEngine[Any]) -> ColumnElement[Any]:
    """What is to be compared with a column of this type."""
    return cast(values.c.value, of) if isinstance(of, Integer) else values.c.value


@compiles(greatest, "sqlite")
@compiles(least, "sqlite")
def _named_by_sqlite(element: GenericFunction[Any], compiler: SQLCompiler, **given: Any) -> str:
    return f"{_OF_SQLITE[element.name]}{compiler.process(element.clause_expr, **given)}"


@compiles(unindexed)
def _unindexed(element: unindexed, compiler: SQLCompiler, **given: Any) -> str:
    return f"+{compiler.process(element.clauses, **given)}"


@compiles(unindexed, _POSTGRES)
def _postgres_unindexed(element: unindexed, compiler: SQLCompiler, **given: Any) -> str:
    return compiler.process(element.clauses, **given)


@compiles(_JsonText)
def _json_text(element: _JsonText, compiler: SQLCompiler, **given: Any) -> str:
    document, key = (compiler.process(one, **given) for one in element.clauses)
    return f"json_extract({_sqlite_json(document)}, '$.' || {key})"


@compiles(_JsonText, _POSTGRES)
def _postgres_json_text(element: _JsonText, compiler: SQLCompiler, **given: Any) -> str:
    document, key = (compiler.process(one, **given) for one in element.clauses)
    return f"({_postgres_json(document)} ->> {key})"


@compiles(_JsonValues)
def _json_values(element: _JsonValues, compiler: SQLCompiler, **given: Any) -> str:
    document, *keys = (compiler.process(one, **given) for one in element.clauses)
    if not keys:  # the statement's own array
        return f"json_each({document})"
    return f"json_each({_sqlite_json(document)}, '$.' || {keys[0]})"


@compiles(_JsonValues, _POSTGRES)
def _postgres_json_values(element: _JsonValues, compiler: SQLCompiler, **given: Any) -> str:
    document, *keys = (compiler.process(one, **given) for one in element.clauses)
    return f"json_array_elements_text({' -> '.join([_postgres_json(document), *keys])})"


def _sqlite_json(document: str) -> str:
    return f"CASE WHEN json_valid({document}) THEN {document} END"


def _postgres_json(document: str) -> str:
    return f"{READABLE_JSON}(CAST({document} AS text))"


@compiles(array_of)
def _array_of(element: array_of, compiler: SQLCompiler, **given: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **given)})"


@compiles(array_of, _POSTGRES)
def _postgres_array_of(element: array_of, compiler: SQLCompiler, **given: Any) -> str:
    return f"json_agg({compiler.process(element.clauses, **given)})"


def driver_sql(connection: Connection, statement: str, values: Any) -> CursorResult[*tuple[Any, ...]]:
    """A statement that SQLAlchemy does not compose, with `?` for each value; `values` as for the driver."""
    marks = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    return connection.exec_driver_sql(statement.replace("?", marks), values)


def insert_new(
    connection: Connection,
    table: str,
    columns: Mapping[str, str],
    rows: Sequence[Sequence[Any]],
    unique: Sequence[str],
    *,
    among: str,
) -> int:
    """Insert all rows by one statement that SQLAlchemy does not compose; how many were new.

    A row that the table has by its `unique` columns is left out. Each gets a `turn` after those of the rows
    `among` which that orders; in PostgreSQL those that are inserted at once may have the same one. `columns`
    has the type of each there. An array for each of them keeps the statement the same for any number of rows:
    it is prepared once, and the server reads some ten values in place of some hundreds.
    """
    names = ", ".join(columns)
    last = f"SELECT coalesce(max(turn), 0) FROM {table} WHERE {among}"  # noqa: S608  # only our own words
    if connection.dialect.name == _POSTGRES:
        # A question of its own would be a round trip, for which all nodes wait.
        statement = _of_arrays(table, tuple(columns.items()), ", ".join(unique), last)
        # In the same order by all nodes: else one may wait for a row of another that waits for one of it.
        places = [place for place, name in enumerate(columns) if name in unique]
        ordered = sorted(rows, key=itemgetter(*places))
        values: tuple[Any, ...] = tuple(map(list, zip(*ordered, strict=True)))
    else:
        before = connection.exec_driver_sql(last).scalar_one()
        statement = _of_values(table, names, len(columns), ", ".join(unique), len(rows))
        values = tuple(value for turn, row in enumerate(rows, before + 1) for value in (*row, turn))
    return connection.exec_driver_sql(statement, values).rowcount


@cache
def _of_arrays(table: str, columns: Sequence[tuple[str, str]], unique: str, last: str) -> str:
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(f"%b::{type_}[]" for _, type_ in columns)
    rows = f"SELECT {names}, ({last}) + 1 FROM unnest({arrays}) AS given ({names})"  # noqa: S608
    return f"INSERT INTO {table} ({names}, turn) {rows} ON CONFLICT ({unique}) DO NOTHING"


@cache  # for as many counts as rows share a commit
def _of_values(table: str, names: str, width: int, unique: str, count: int) -> str:
    values = ", ".join([f"({', '.join('?' * (width + 1))})"] * count)
    return f"INSERT INTO {table} ({names}, turn) VALUES {values} ON CONFLICT ({unique}) DO NOTHING"  # noqa: S608
