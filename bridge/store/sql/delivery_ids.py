"""What finds the deliveries that a filter asks for, along an index."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from bridge.errors import CannotList
from bridge.model.delivery import DeliveryState
from bridge.store.schema import build
from bridge.store.schema import delivery as table
from bridge.store.sql import pushed_refs
from bridge.store.sql.listing import Part, part_of, values_of
from bridge.store.values import DeliveryFilter

_NO_SOURCE: Final = (
    "source: deliveries of one source are listed only for all namespaces at once: leave out namespace and "
    "repo_name, and use a token for all namespaces; state may be given, too"
)
_NO_NAMESPACE: Final = (
    "repo: deliveries of one repo, ref or sha are listed only for all namespaces at once: leave out "
    "namespace and repo_name, and use a token for all namespaces, or list builds by namespace and repo_name"
)
_NO_REF: Final = "source: deliveries of one source are not listed by repo, ref or sha: leave out source"
_KEPT: Final = (
    select(build.c.delivery_id.label("id"))
    .where(select(table.c.id).where(table.c.id == build.c.delivery_id).exists())
    .distinct()
)
"""Builds are kept longer than deliveries."""


def parts(connection: Connection, only: DeliveryFilter) -> list[Part]:
    """For `listing.page`; a delivery that made builds in two namespaces is found by both.

    Raises CannotList for what no index finds together: a source, repo, ref or sha in some namespaces, which
    builds do not have, and a source with one of the others.
    """
    if any(one is not None for one in (only.repo, only.ref, only.sha)):
        if only.namespaces is not None:
            raise CannotList(_NO_NAMESPACE)
        if only.source is not None:
            raise CannotList(_NO_REF)
        return [pushed_refs.part(connection, only)]
    if only.namespaces is None:
        values: dict[str, Sequence[Any]] = {} if only.state is None else {"state": [only.state]}
        if only.source is not None:
            values = {"source": [only.source], "state": [*DeliveryState], **values}
        return [part_of(table, values)]
    if only.source is not None:
        raise CannotList(_NO_SOURCE)
    if only.state not in {None, DeliveryState.DISPATCHED}:
        return []  # what made builds was dispatched
    return [Part(build, _KEPT, values_of(only))]
