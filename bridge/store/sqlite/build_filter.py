"""A filter of builds as conditions, such that each set of them is found along an index."""

from collections.abc import Iterator
from itertools import product
from typing import Final

from sqlalchemy import ColumnElement, literal_column

from bridge.store.schema import build as table
from bridge.store.sqlite.listing import Conditions
from bridge.store.values import BuildFilter

# Word for word the condition of the index over public builds: a bound parameter would not use it.
_IS_PUBLIC: Final[ColumnElement[bool]] = literal_column("is_public = 1")


def alternatives(only: BuildFilter) -> Iterator[Conditions]:
    """The sets of conditions one of which a build fulfils that the filter asks for."""
    wanted = {
        table.c.id: only.build_id,
        table.c.delivery_id: only.delivery_id,
        table.c.namespace: only.namespace,
        table.c.repo_name: only.repo_name,
        table.c.number: only.number,
    }
    shared = [column == value for column, value in wanted.items() if value is not None]
    states = [[]] if only.states is None else [[table.c.state == state] for state in only.states]
    for state, reader in product(states, _readable(only)):
        yield [*shared, *state, *reader]


def _readable(only: BuildFilter) -> list[list[ColumnElement[bool]]]:
    if only.readable is None or only.namespace in only.readable:
        return [[]]
    namespaces = [] if only.namespace is not None else sorted(only.readable)
    private = table.c.is_public == 0
    return [[_IS_PUBLIC], *([table.c.namespace == namespace, private] for namespace in namespaces)]
