"""A filter of builds as parts of a listing, such that each of them is found along an index."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, func, select

from bridge.store.schema import build as table
from bridge.store.sql.listing import Part, few_of, part_of
from bridge.store.values import BuildFilter

_PUBLIC: Final = (1,)
_PRIVATE: Final = (0,)


def parts(connection: Connection, only: BuildFilter) -> list[Part]:
    """The parts of the table that the filter asks for."""
    found = list(_values(connection, only))
    keys = {"id": only.build_id, "delivery_id": only.delivery_id, "number": only.number}
    key: dict[str, Any] = {name: value for name, value in keys.items() if value is not None}
    if not key:
        return [part_of(table, values) for values in found]
    if only.number is not None:
        key |= {"namespace": only.namespace, "repo_name": only.repo_name}
    return [few_of(connection, table, key, found)]


def _values(connection: Connection, only: BuildFilter) -> Iterator[Mapping[str, Sequence[Any]]]:
    """The values that columns may have, for each part."""
    repository = {"namespace": only.namespace, "repo_name": only.repo_name}
    shared: dict[str, Sequence[Any]] = {
        name: [value] for name, value in repository.items() if value is not None
    }
    if only.states is not None:
        shared["state"] = only.states
    if only.repo_name is not None and only.namespace is None:
        shared["namespace"] = (
            connection.execute(_NAMESPACES, {"of_repo_name": only.repo_name}).scalars().all()
        )
    if only.readable is None or only.namespace in only.readable:
        yield {**shared, "is_public": _PRIVATE}
        yield {**shared, "is_public": _PUBLIC}
        return
    yield {**shared, "is_public": _PUBLIC}
    if only.namespace is None:
        namespaces = only.readable.intersection(shared.get("namespace", only.readable))
        yield {**shared, "namespace": sorted(namespaces), "is_public": _PRIVATE}


def _each_namespace() -> Select[Any]:
    """Those that have builds of a repository of the name; each is looked up, and no build is read."""
    named = table.c.repo_name == bindparam("of_repo_name")
    found = select(func.min(table.c.namespace).label("namespace")).where(named).cte(recursive=True)
    following = select(func.min(table.c.namespace)).where(named, table.c.namespace > found.c.namespace)
    found = found.union_all(select(following.scalar_subquery()).where(found.c.namespace.is_not(None)))
    return select(found.c.namespace).where(found.c.namespace.is_not(None))


_NAMESPACES: Final = _each_namespace()
