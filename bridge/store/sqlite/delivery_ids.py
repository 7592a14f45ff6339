"""What finds the deliveries that a filter asks for, along an index."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select

from bridge.errors import CannotList
from bridge.model.delivery import DeliveryState
from bridge.store.schema import build
from bridge.store.schema import delivery as table
from bridge.store.sqlite.listing import Part, part_of, values_of
from bridge.store.values import DeliveryFilter

_NO_SOURCE: Final = (
    "source: deliveries of one source are listed only for all namespaces at once: leave out namespace and "
    "repo_name, and use a token for all namespaces; state may be given, too"
)
_KEPT: Final = (
    select(build.c.delivery_id.label("id"))
    .where(select(table.c.id).where(table.c.id == build.c.delivery_id).exists())
    .distinct()
)
"""Builds are kept longer than deliveries."""


def parts(only: DeliveryFilter) -> list[Part]:
    """For `listing.page`; a delivery that made builds in two namespaces is found by both.

    Raises CannotList for a source in some namespaces: builds do not have theirs.
    """
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
