"""Rows of deliveries as values, and those that are decided next."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, case, func, select, text

from bridge.model.delivery import Delivery, DeliveryState
from bridge.store import compression
from bridge.store.codec import Parts, from_json
from bridge.store.schema import delivery as table
from bridge.store.sql import pushed_refs
from bridge.store.values import DeliveryHead, DeliveryRow

_SMALL: Final = 64 << 10
"""Of bodies up to this size many may be in memory at once."""
WAITS: Final = text(f"state = '{DeliveryState.STORED.value}'")
"""Word for word the condition of the index: bound parameters would not use it."""
_OLDEST: Final = (
    select(
        *(column for column in table.c if column is not table.c.body),
        case((func.length(table.c.body) <= _SMALL, table.c.body)).label("body"),
    )
    .where(WAITS)
    .order_by(table.c.turn, table.c.id)
)
"""Without larger bodies: the driver of PostgreSQL has all rows in memory before it gives the first."""
HEADS: Final = select(
    *(
        table.c[name]
        for name in ("id", "source", "forge", "event", "key", "replay", "received_at", "state", "detail")
    ),
    func.substr(table.c.body, 1, compression.FRAME_HEADER).label("frame"),
    *pushed_refs.COLUMNS,
).select_from(pushed_refs.WITH_FIRST)


def oldest(connection: Connection, limit: int) -> Iterator[Mapping[Any, Any]]:
    """The rows of deliveries that wait for a decision, at most so many."""
    for row in connection.execute(_OLDEST.limit(limit)).mappings():
        if row["body"] is not None:
            yield row
        elif body := connection.execute(select(table.c.body).where(table.c.id == row["id"])).scalar():
            yield {**row, "body": body}


def head_of(row: RowMapping) -> DeliveryHead:
    parts = Parts()
    state = parts.read("state", lambda: DeliveryState(row["state"]), DeliveryState.DEAD)
    size = parts.read("body", lambda: compression.size(row["frame"]), 0)
    pushed, other_refs = pushed_refs.of_row(row)
    return DeliveryHead(
        id=row["id"],
        source=row["source"],
        forge=row["forge"],
        event=row["event"],
        key=row["key"],
        replay=row["replay"],
        size=size,
        received_at=row["received_at"],
        state=state,
        detail=parts.detail(row["detail"]),
        pushed=pushed,
        other_refs=other_refs,
    )


def row_of(row: Mapping[Any, Any]) -> DeliveryRow:
    parts = Parts()
    delivery = Delivery(
        id=row["id"],
        source=row["source"],
        forge=row["forge"],
        key=row["key"],
        event=row["event"],
        headers=parts.read("headers", lambda: dict(from_json(row["headers"])), {}),
        body=parts.read("body", lambda: compression.decompress(row["body"]), b""),
        received_at=row["received_at"],
    )
    state = parts.read("state", lambda: DeliveryState(row["state"]), DeliveryState.DEAD)
    explanation = explained(parts, row["explanation"])
    pushed, other_refs = pushed_refs.of_explanation(explanation)
    return DeliveryRow(
        delivery=delivery,
        state=state,
        detail=parts.detail(row["detail"]),
        replay=row["replay"],
        explanation=explanation,
        damage=parts.damage,
        pushed=pushed,
        other_refs=other_refs,
    )


def explained(parts: Parts, text: str) -> list[Any]:
    found: list[Any] = parts.read("explanation", lambda: list(from_json(text)), [])
    return found
