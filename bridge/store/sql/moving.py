"""Notices that go to the fallback of their channel while that is out of order, and back where it is gone.

A batch is one transaction, so that each notice is always in one place.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, exists, select, update

from bridge.model.notice import NoticeState
from bridge.store.schema import notice as table
from bridge.store.sql import timeline
from bridge.store.sql.notice_rows import IN_ORDER, IS_OPEN, MOVED, finish

_AT_ONCE: Final = 100
"""The most notices that move in one transaction."""
_RUN_STATE_EVENT: Final = 3
"""The parts of the key of a notice about a build that are the same for all channels."""
_COUNTS: Final = frozenset({NoticeState.PENDING, NoticeState.SENDING, NoticeState.SENT, NoticeState.MERGED})
"""The states of what people hear of, or have heard of."""


def are_to_move(connection: Connection, channel: str, to: str) -> bool:
    """Whether anything has to move."""
    return connection.execute(select(table.c.id).where(_waits(channel, to)).limit(1)).first() is not None


def move(connection: Connection, channel: str, to: str, now: float) -> int:
    """Have the oldest notices of `channel` sent by `to`, and return how many have left.

    A digest is taken apart; one that was asked for once more has no notices of its own, and moves as it is.
    What `to` has of the same event already ends. What is about `to` itself stays.
    """
    member = table.alias("member")
    has_members = exists().where(member.c.digest_id == table.c.id)
    digests = select(table.c.id).where(_waits(channel, to), has_members).limit(_AT_ONCE)
    for digest_id in connection.execute(digests).scalars().all():
        why = f"taken apart: its notices go to {to}"
        finish(connection, digest_id, NoticeState.SUPPRESSED, now, reason=MOVED, detail=why)
    batch = select(table).where(_waits(channel, to), ~has_members).order_by(*IN_ORDER).limit(_AT_ONCE)
    rows = connection.execute(batch).mappings().all()
    for row in rows:
        if _has(connection, to, row):
            why = f"{channel} is out of order, and {to} has a notice of the same event"
            finish(connection, row["id"], NoticeState.SUPPRESSED, now, reason=MOVED, detail=why)
        else:
            _hand_over(connection, row, to, now, f"to {to}: {channel} is out of order")
    return len(rows)


def move_back(connection: Connection, channels: Collection[str], now: float) -> None:
    """Give back what waits for a fallback that is not among `channels`, where the first channel is."""
    gone = (IS_OPEN, table.c.channel.not_in(channels), table.c.moved_from.in_(channels))
    digests = select(table.c.digest_id).where(*gone, table.c.digest_id.is_not(None)).distinct()
    for digest_id in connection.execute(digests).scalars().all():
        why = "taken apart: its notices go back"
        finish(connection, digest_id, NoticeState.SUPPRESSED, now, reason=MOVED, detail=why)
    back: set[tuple[str, str]] = set()
    for row in connection.execute(select(table).where(*gone).order_by(*IN_ORDER)).mappings().all():
        first = row["moved_from"]
        if (whole := (first, _whole(row))) in back:
            why = f"there is no channel {row['channel']} any more, and {first} has a notice of the same event"
            finish(connection, row["id"], NoticeState.SUPPRESSED, now, reason=MOVED, detail=why)
            continue
        back.add(whole)
        _hand_over(
            connection, row, first, now, f"back to {first}: there is no channel {row['channel']} any more"
        )


def _hand_over(connection: Connection, row: RowMapping, to: str, now: float, why: str) -> None:
    first = row["moved_from"] or row["channel"]
    values = {"channel": to, "moved_from": None if first == to else first, "recipient": None}
    values |= {"state": NoticeState.PENDING, "next_at": now, "attempts": 0, "reason": "", "detail": ""}
    connection.execute(update(table).where(table.c.id == row["id"]).values(**values))
    timeline.add(connection, row["id"], now, "moved", why)


def _waits(channel: str, to: str) -> ColumnElement[bool]:
    """What may go. What is under way stays: whether it came is not known yet."""
    # Not `== PENDING`, for which the planner reads what waits for all channels.
    waits = (table.c.channel == channel) & IS_OPEN & (table.c.state != NoticeState.SENDING)
    return waits & table.c.digest_id.is_(None) & (table.c.job != f"bridge channel:{to}")


def _whole(row: RowMapping) -> str:
    """The notice of which this is that of one recipient: `WHOLE.01` is one."""
    whole: str = row["id"].partition(".")[0]
    return whole


def _has(connection: Connection, channel: str, row: RowMapping) -> bool:
    """Whether this channel has a notice of the same event: its own, or that of another recipient.

    Few rows are of one notice, build or moment: they are compared here, so that the planner can choose no
    index that leads through all that the channel has ever sent.
    """
    whole = _whole(row)
    same = table.c.created_at == row["created_at"]
    if row["build_id"] is not None:
        same = table.c.build_id == row["build_id"]
    for where in (table.c.id.between(whole, f"{whole}/"), same):
        for other in connection.execute(select(table).where(where)).mappings():
            if other["channel"] != channel or other["state"] not in _COUNTS:
                continue
            if _whole(other) == whole or _event(other) == _event(row):
                return True
    return False


def _event(row: RowMapping) -> tuple[str, ...]:
    """What two notices have in common that say the same of one event to two channels."""
    if row["build_id"] is None:
        return (row["event"], row["job"], row["facts"])
    key = row["dedupe"].split(":")
    # One that somebody asked for once more is an event of its own.
    return (row["event"], *(key[:_RUN_STATE_EVENT] if len(key) > _RUN_STATE_EVENT else [row["id"]]))
