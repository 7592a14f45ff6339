"""What finds the deliveries that a filter asks for, along an index."""

from typing import Any

from sqlalchemy import Select, func, select

from bridge.store.schema import build
from bridge.store.schema import delivery as table
from bridge.store.sqlite.listing import Conditions, in_namespace
from bridge.store.values import DeliveryFilter


def delivery_ids(only: DeliveryFilter) -> list[Select[Any]]:
    """For `listing.page`; a delivery that made builds in two namespaces is found by both."""
    wanted = {table.c.state: only.state, table.c.source: only.source, table.c.forge: only.forge}
    own = [column == value for column, value in wanted.items() if value is not None]
    if only.namespaces is None:
        return [select(table.c.id).where(*own)]
    return [_of_builds(in_namespace(build, one, only), own) for one in only.namespaces]


def _of_builds(there: Conditions, own: Conditions) -> Select[Any]:
    # Builds are kept longer than deliveries: those of the time before are not looked at.
    oldest = select(func.min(table.c.id)).scalar_subquery()
    kept = select(table.c.id).where(table.c.id == build.c.delivery_id, *own).exists()
    ids = select(build.c.delivery_id.label("id")).where(*there, build.c.delivery_id >= oldest, kept)
    return ids.distinct()
