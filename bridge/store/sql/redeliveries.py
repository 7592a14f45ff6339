"""The failed deliveries that hosts are asked to send again: noted before that, and with what they said."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bridge.model.missed import MissedRef, MissedState, Redelivery, RedeliveryState
from bridge.store.schema import delivery
from bridge.store.schema_deliveries import pushed_ref
from bridge.store.schema_refs import redelivery as table

_FIELDS: Final = ("code", "source", "repo", "key", "reason", "at")
_ARRIVED: Final = and_(
    delivery.c.source == table.c.source, delivery.c.key == table.c.key, delivery.c.replay == 0
)
_FIRST: Final = and_(pushed_ref.c.delivery_id == delivery.c.id, pushed_ref.c.position == 0)
_SHOWN: Final = (
    select(
        *(table.c[name] for name in ("code", "source", "repo", "reason", "at")),
        pushed_ref.c.ref,
        pushed_ref.c.sha,
        delivery.c.id.label("delivery_id"),
    )
    .select_from(table.outerjoin(delivery, _ARRIVED).outerjoin(pushed_ref, _FIRST))
    .where(table.c.state != RedeliveryState.REFUSED)
    .order_by(table.c.at.desc(), table.c.id.desc())
)


def begin(connection: Connection, wanted: Sequence[Redelivery]) -> list[str]:
    return [one.key for one in wanted if _is_new(connection, one)]


def _is_new(connection: Connection, one: Redelivery) -> bool:
    arrived = select(delivery.c.id).where(delivery.c.source == one.source, delivery.c.key == one.key).limit(1)
    if connection.execute(arrived).first() is not None:
        return False
    known = select(table.c.state).where(table.c.source == one.source, table.c.key == one.key)
    state = connection.execute(known).scalar()
    if state is None:
        values: dict[str, Any] = {name: getattr(one, name) for name in _FIELDS}
        new = upsert(table).values(**values, state=RedeliveryState.ASKING).on_conflict_do_nothing()
        return bool(connection.execute(new).rowcount)
    # Who was asking has died, or got no answer: the host may not have heard of it.
    return bool(state == RedeliveryState.ASKING)


def end(connection: Connection, source: str, key: str, state: RedeliveryState) -> None:
    same = (table.c.source == source) & (table.c.key == key)
    connection.execute(update(table).where(same).values(state=state))


def shown(connection: Connection, limit: int) -> list[MissedRef]:
    """As missed pushes, the newest first."""
    return [
        MissedRef(
            code=row["code"],
            source=row["source"],
            repo=row["repo"],
            ref=row["ref"] or "",
            before="",
            after=row["sha"] or "",
            at=row["at"],
            reason=row["reason"],
            state=MissedState.REDELIVERED if row["delivery_id"] else MissedState.ASKED,
            delivery_id=row["delivery_id"],
        )
        for row in connection.execute(_SHOWN.limit(limit)).mappings()
    ]
