"""What finds the deliveries that a filter asks for, along an index."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func, select

from bridge.model.delivery import DeliveryState
from bridge.store.schema import build
from bridge.store.schema import delivery as table
from bridge.store.sqlite.listing import Part, part_of, values_of
from bridge.store.values import DeliveryFilter


def parts(only: DeliveryFilter) -> list[Part]:
    """For `listing.page`; a delivery that made builds in two namespaces is found by both."""
    wanted = {"state": only.state, "source": only.source, "forge": only.forge}
    own = {name: value for name, value in wanted.items() if value is not None}
    if only.namespaces is None:
        return [part_of(table, {name: [value] for name, value in own.items()})]
    if only.state not in {None, DeliveryState.DISPATCHED}:
        return []  # what made builds was dispatched
    own.pop("state", None)
    # Builds are kept longer than deliveries: those of the time before are not looked at.
    oldest = select(func.min(table.c.id)).scalar_subquery()
    same = [table.c[name] == value for name, value in own.items()]
    kept = select(table.c.id).where(table.c.id == build.c.delivery_id, *same).exists()

    def stream(given: Mapping[str, Any]) -> Select[Any]:
        there = [build.c[name] == value for name, value in given.items()]
        ids = select(build.c.delivery_id.label("id")).where(*there, build.c.delivery_id >= oldest, kept)
        return ids.distinct()

    return [Part(stream, values_of(only))]
