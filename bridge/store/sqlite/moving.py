"""Notices that go to the fallback of their channel while that is out of order.

A batch is one transaction, so that each notice is always in one place. One goes a single step: what is here
for another channel stays.
"""

from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, exists, not_, select, update

from bridge.model.notice import EventName, NoticeState
from bridge.store.schema import notice as table
from bridge.store.sqlite import timeline
from bridge.store.sqlite.notice_rows import IS_OPEN, MOVED, finish

_AT_ONCE: Final = 100
"""The most notices that move in one transaction."""
_SAME_SECONDS: Final = 60.0
"""Notices about the bridge that say the same to two channels were made within so many."""
_RUN_STATE_EVENT: Final = 3
"""The parts of the key of a notice about a build that are the same for all channels."""
_URGENT: Final = [event for event in EventName if event.urgent]
_IS_DIGEST: Final = table.c.job.startswith("digest ")


def are_to_move(connection: Connection, channel: str) -> bool:
    """Whether anything has to move."""
    return bool(_batch(connection, channel) or _digests(connection, channel))


def move(connection: Connection, channel: str, to: str, now: float) -> int:
    """Have the oldest notices of `channel` sent by `to`, and return how many have left.

    One stays to show when the channel works again, unless something else does: one that is not urgent, if
    there is any, and the first to be due. A digest is taken apart. What `to` has of the same event already
    ends.
    """
    for digest_id in _digests(connection, channel):
        why = f"taken apart: its notices go to {to}"
        finish(connection, digest_id, NoticeState.SUPPRESSED, now, reason=MOVED, detail=why)
    batch = _batch(connection, channel)
    for row in batch:
        if _has(connection, to, row):
            why = f"{channel} is out of order, and {to} has a notice of the same event"
            finish(connection, row["id"], NoticeState.SUPPRESSED, now, reason=MOVED, detail=why)
            continue
        values = {"channel": to, "moved_from": channel, "recipient": None, "next_at": now, "attempts": 0}
        again = update(table).where(table.c.id == row["id"]).values(**values, reason="", detail="")
        connection.execute(again)
        timeline.add(connection, row["id"], now, "moved", f"to {to}: {channel} is out of order")
    return len(batch)


def _digests(connection: Connection, channel: str) -> list[str]:
    """The digests with members that may go."""
    member = table.alias("member")
    may_go = exists().where(member.c.digest_id == table.c.id, member.c.moved_from.is_(None))
    query = select(table.c.id).where(_waits(channel), _IS_DIGEST, may_go).limit(_AT_ONCE)
    return list(connection.execute(query).scalars())


def _batch(connection: Connection, channel: str) -> list[RowMapping]:
    """The oldest that may go, without the one that stays."""
    may_go = _waits(channel) & not_(_IS_DIGEST) & table.c.moved_from.is_(None)
    others = select(table.c.id).where(table.c.channel == channel, IS_OPEN, not_(may_go)).limit(1)
    query = select(table).where(may_go)
    if connection.execute(others).first() is None:
        first = (table.c.event.in_(_URGENT), table.c.next_at, table.c.id)
        query = query.where(
            table.c.id != select(table.c.id).where(may_go).order_by(*first).limit(1).scalar_subquery()
        )
    return list(connection.execute(query.order_by(table.c.id).limit(_AT_ONCE)).mappings())


def _waits(channel: str) -> ColumnElement[bool]:
    """What is under way stays: nobody knows yet whether it came."""
    waits = (table.c.channel == channel) & IS_OPEN & (table.c.state == NoticeState.PENDING)
    return waits & table.c.digest_id.is_(None)


def _has(connection: Connection, channel: str, row: RowMapping) -> bool:
    """Whether this channel has a notice of the same event: its own, or that of another recipient."""
    whole = row["id"].partition(".")[0]
    same: ColumnElement[bool] = table.c.id.between(
        whole, f"{whole}/"
    )  # `WHOLE.01` is that of another recipient
    found = select(table.c.id).where(table.c.channel == channel, same).limit(1)
    if connection.execute(found).first() is not None:
        return True
    if row["build_id"] is None:
        near = row["created_at"] - _SAME_SECONDS, row["created_at"] + _SAME_SECONDS
        same = table.c.created_at.between(*near) & (table.c.job == row["job"])
        same &= table.c.facts == row["facts"]
    else:
        key = row["dedupe"].split(":")
        if len(key) <= _RUN_STATE_EVENT:  # somebody asked for it once more
            return False
        same = table.c.dedupe.startswith(":".join([*key[:_RUN_STATE_EVENT], ""]), autoescape=True)
    found = select(table.c.id).where(
        table.c.channel == channel,
        table.c.event == row["event"],
        table.c.build_id.is_not_distinct_from(row["build_id"]),
        same,
    )
    return connection.execute(found.limit(1)).first() is not None
