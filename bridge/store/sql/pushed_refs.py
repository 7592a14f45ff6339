"""The refs that deliveries moved, in rows of their own: what lists of deliveries show, and are found by."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    func,
    select,
)

from bridge.model.delivery import DeliveryState
from bridge.model.event import Ref
from bridge.store.schema import delivery
from bridge.store.schema_deliveries import pushed_ref as table
from bridge.store.sql.constructs import driver_sql, unindexed
from bridge.store.sql.listing import Part, part_of
from bridge.store.values import DeliveryFilter, PushedRef

MAX_KEPT: Final = 100
"""Refs of one delivery: as many as a Git host may report at once."""
MAX_AUTHOR: Final = 200
MAX_OF_COMMIT: Final = 200
"""So many deliveries of one commit are listed, the newest."""
_MAX_COMMITS: Final = 8
"""So many commits whose ids begin alike are looked for."""
_BEYOND: Final = "g"
"""Comes after each digit of a commit id."""

_FIRST: Final = and_(table.c.delivery_id == delivery.c.id, table.c.position == 0)
WITH_FIRST: Final = delivery.outerjoin(table, _FIRST)
"""The deliveries, each with the first of its refs."""
COLUMNS: Final = (table.c.repo, table.c.ref, table.c.sha, table.c.author, table.c.others)
_IDS: Final = select(table.c.delivery_id.label("id")).distinct()
_INSERT: Final = (
    "INSERT INTO pushed_ref (delivery_id, position, state, repo, ref, sha, author, others) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
"""Composed once: every delivery takes it."""


def add_all(connection: Connection, decided: Sequence[tuple[str, DeliveryState, Any]]) -> None:
    """Note the refs of deliveries: the id of each, its state, and the documents that explain its refs."""
    rows = [
        (delivery_id, position, state, *columns.values(), others)
        for delivery_id, state, explanation in decided
        for position, (others, columns) in enumerate(_columns(explanation))
    ]
    if rows:
        driver_sql(connection, _INSERT, rows)


def _columns(explanation: Sequence[Any]) -> Iterator[tuple[int, dict[str, str]]]:
    """How many others there are beside a ref, and what is kept of it; damaged documents have none."""
    documents = (one for one in explanation if isinstance(one, Mapping))
    known = [one for one in map(_of_document, documents) if any(one.values())]
    for one in known[:MAX_KEPT]:
        yield len(known) - 1, one


def _of_document(document: Mapping[str, Any]) -> dict[str, str]:
    kind, name, sha = (_text(document, key) for key in ("ref_kind", "ref_name", "sha"))
    return {
        "repo": _text(document, "repo"),
        "ref": Ref("branch" if kind == "branch" else "tag", name).full if name else "",
        "sha": sha if sha.strip("0") else "",
        "author": _text(document, "author")[:MAX_AUTHOR],
    }


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def of_explanation(explanation: Sequence[Any]) -> tuple[PushedRef | None, int]:
    """The first ref of a delivery, and how many others there are."""
    for others, columns in _columns(explanation):
        return _pushed(columns), others
    return None, 0


def of_row(row: RowMapping) -> tuple[PushedRef | None, int]:
    """The same, of the columns of `WITH_FIRST`."""
    return (None, 0) if row["others"] is None else (_pushed(row), row["others"])


def _pushed(columns: Mapping[Any, Any]) -> PushedRef:
    kind, _, name = columns["ref"].removeprefix("refs/").partition("/")
    return PushedRef(
        repo=columns["repo"] or None,
        ref=Ref("branch" if kind == "heads" else "tag", name) if name else None,
        sha=columns["sha"] or None,
        author=columns["author"] or None,
    )


def full_names(ref: str) -> list[str]:
    """The full names that a ref may have: a short name is that of a branch or of a tag."""
    return [ref] if ref.startswith("refs/") else [Ref("branch", ref).full, Ref("tag", ref).full]


def part(connection: Connection, only: DeliveryFilter) -> Part:
    """What finds the deliveries of a repository, ref or commit.

    A commit is in few deliveries: what else is asked for is asked of these. The newest `MAX_OF_COMMIT` of
    each commit are found, and no more than some commits whose ids begin alike.
    """
    values: dict[str, Sequence[Any]] = {}
    if only.repo is not None:
        values["repo"] = [only.repo]
    if only.ref is not None:
        values["ref"] = full_names(only.ref)
    if only.sha is None:
        return Part(table, _IDS, values | {"state": [*DeliveryState] if only.state is None else [only.state]})
    if only.state is not None:
        values["state"] = [only.state]
    # Behind a plus sign, or by an index of these all deliveries of a repository might be read.
    same: list[ColumnElement[bool]] = [
        unindexed(table.c[name]).in_(wanted) for name, wanted in values.items()
    ]
    found: set[str] = set()
    for sha in _commits(connection, only.sha.lower()):
        found.update(connection.execute(_of_commit(sha, same)).scalars())
    return part_of(delivery, {"id": sorted(found)[-MAX_OF_COMMIT:]})


def _of_commit(sha: str, same: Sequence[ColumnElement[bool]]) -> Select[Any]:
    query = select(table.c.delivery_id).distinct().where(table.c.sha == sha, *same)
    return query.order_by(table.c.delivery_id.desc()).limit(MAX_OF_COMMIT)


def _commits(connection: Connection, prefix: str) -> Iterator[str]:
    """The commits whose ids begin like this, each found by one step along the index."""
    after = prefix
    for _ in range(_MAX_COMMITS):
        query = select(func.min(table.c.sha)).where(table.c.sha >= after, table.c.sha < prefix + _BEYOND)
        sha = connection.execute(query).scalar()
        if sha is None:
            return
        yield sha
        after = f"{sha} "
