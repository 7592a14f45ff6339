"""The refs that fail now, found among the newest failed builds: as cheap in a large table."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select

from bridge.model.build import BuildState
from bridge.store.reports import FailingRef
from bridge.store.schema import build as table
from bridge.store.sql import listing
from bridge.store.sql.build_filter import parts
from bridge.store.values import BuildFilter, Cursor

AMONG: Final = 40
"""So many failed builds are looked at, the newest."""
OF_REF: Final = 20
"""So many builds of a ref are looked at, the newest."""
_SAYS_NOTHING: Final = (BuildState.CANCELLED, BuildState.SUPERSEDED)
_FAILED: Final = select(table.c.id, table.c.namespace, table.c.repo_name, table.c.ref, table.c.tag_set)
_SAME: Final = ("namespace", "repo_name", "ref")


def newest(connection: Connection, readable: frozenset[str] | None) -> Sequence[FailingRef]:
    """`Reports.failing`."""
    only = BuildFilter(states=[BuildState.FAILED], readable=readable)
    page = listing.page(
        connection, _FAILED, parts(connection, only), cursor=Cursor(), size=AMONG, make=lambda row: row
    )
    found: dict[tuple[str, ...], FailingRef] = {}
    seen: set[tuple[str, ...]] = set()
    for row in page.rows:
        ref = tuple(row[name] for name in _SAME)
        if ref not in found and (*ref, row["tag_set"]) not in seen:
            seen.add((*ref, row["tag_set"]))
            if (failing := _failing(connection, row)) is not None:
                found[ref] = failing
    return list(found.values())


def _failing(connection: Connection, row: RowMapping) -> FailingRef | None:
    """The ref of a failed build, if its newest build failed; of each tag set that counts alone."""
    columns = (table.c.id, table.c.number, table.c.state, table.c.ended_at, table.c.created_at)
    same = (table.c[name] == row[name] for name in _SAME)
    of_ref = select(*columns, table.c.tag_set).where(*same).order_by(table.c.number.desc()).limit(OF_REF)
    newest: Any = None
    since: float = 0
    for one in connection.execute(of_ref):
        if one.tag_set != row["tag_set"] or one.state in _SAYS_NOTHING:
            continue
        if one.state != BuildState.FAILED:
            break
        newest = newest or one
        since = one.created_at if one.ended_at is None else one.ended_at
    if newest is None:
        return None
    namespace, repo_name, ref = (row[name] for name in _SAME)
    return FailingRef(namespace, repo_name, ref, since, newest.id, newest.number)
