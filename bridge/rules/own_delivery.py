"""Deliveries of our own: what people, schedules and looks at Git hosts ask for."""

from uuid_utils import uuid7

from bridge.model.delivery import Delivery


def own_delivery(
    source: str, event: str, body: bytes, now: float, *, key: str = "", delivery_id: str | None = None
) -> Delivery:
    """What the bridge asks of itself, stored and evaluated like any other; with no `key` it repeats none."""
    delivery_id = delivery_id or str(uuid7())
    return Delivery(
        id=delivery_id,
        source=source,
        forge=source,
        key=key or delivery_id,
        event=event,
        headers={},
        body=body,
        received_at=now,
    )
