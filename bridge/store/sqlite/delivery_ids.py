"""What finds the deliveries that a filter asks for, along an index."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, func, select

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


def parts(connection: Connection, only: DeliveryFilter) -> list[Part]:
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
    # Builds are kept longer than deliveries: those of the time before are not looked at.
    oldest = connection.execute(select(func.min(table.c.id))).scalar()
    if oldest is None or only.state not in {None, DeliveryState.DISPATCHED}:
        return []  # what made builds was dispatched
    kept = select(table.c.id).where(table.c.id == build.c.delivery_id).exists()

    def stream(given: Mapping[str, Any]) -> Select[Any]:
        there = [build.c[name] == value for name, value in given.items()]
        return select(build.c.delivery_id.label("id")).where(*there, kept).distinct()

    return [Part(stream, values_of(only), lowest=oldest)]
