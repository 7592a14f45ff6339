"""How builds have ended, counted for each repository and hour in which they were made.

The counts change in the transaction in which a build ends, is retried, or is deleted.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    Table,
    bindparam,
    cast,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from bridge.model.build import BuildState
from bridge.model.plan import RepositoryKey
from bridge.store.schema import build
from bridge.store.schema import outcome as table

HOUR: Final = 3600
_ENDED: Final = [state for state in BuildState if state.terminal]
_KEY: Final = [column.name for column in table.primary_key]
_SAME: Final = [table.c[name] == bindparam(f"of_{name}") for name in _KEY]
_ADD: Final = insert(table).on_conflict_do_update(index_elements=_KEY, set_={"count": table.c.count + 1})
_TAKE: Final = update(table).where(*_SAME).values(count=table.c.count - 1)
_FORGET: Final = delete(table).where(*_SAME, table.c.count == 0)


def moved(connection: Connection, row: RowMapping, to: BuildState | None) -> None:
    """The build of a row is in another state from now on, or there no longer."""
    if BuildState(row["state"]).terminal:
        key = {f"of_{name}": value for name, value in _key_of(row, row["state"]).items()}
        connection.execute(_TAKE, key)
        connection.execute(_FORGET, key)
    if to is not None and to.terminal:
        connection.execute(_ADD, {**_key_of(row, to), "count": 1})


def counted(
    connection: Connection, key: RepositoryKey, begin: float, end: float, *, public: bool
) -> Mapping[BuildState, int]:
    """`Reports.outcomes`: whole hours have their counts, and the builds beside them are counted now."""
    first, last = math.ceil(begin / HOUR), math.floor(end / HOUR)
    spans = [(begin, first * HOUR), (last * HOUR, end)] if first <= last else [(begin, end)]
    shown = [1] if public else [0, 1]

    def of(rows: Table) -> list[ColumnElement[bool]]:
        return [rows.c.namespace == key[0], rows.c.repo_name == key[1], rows.c.is_public.in_(shown)]

    hours = select(table.c.state, cast(func.sum(table.c.count), BigInteger)).where(
        *of(table), table.c.hour >= first, table.c.hour < last
    )
    queries = [hours.group_by(table.c.state)]
    for since, until in spans:
        made = (build.c.created_at >= since, build.c.created_at < until, build.c.state.in_(_ENDED))
        beside = select(build.c.state, func.count()).where(*of(build), *made)
        queries.append(beside.group_by(build.c.state))
    found: Counter[BuildState] = Counter()
    for query in queries:
        for state, count in connection.execute(query):
            found[BuildState(state)] += count
    return found


def _key_of(row: RowMapping, state: str) -> dict[str, Any]:
    facts = {name: row[name] for name in ("namespace", "repo_name", "is_public")}
    return {**facts, "hour": int(row["created_at"]) // HOUR, "state": state}
