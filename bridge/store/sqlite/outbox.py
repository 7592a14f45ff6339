"""What goes next to a channel: one notice, or a digest that is made of several in the same transaction.

The members of a digest stay open until it has ended, so that later notices of their jobs wait for it.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, func, insert, select, update
from uuid_utils import uuid7

from bridge.model.build import BuildState
from bridge.model.notice import (
    BuildFacts,
    DigestFacts,
    DigestKind,
    EventName,
    Member,
    NoticeState,
    ServiceFacts,
)
from bridge.model.outbox import Choose, Later, Waiting
from bridge.store.codec import FACTS, dump
from bridge.store.schema import build
from bridge.store.schema import notice as table
from bridge.store.sqlite import timeline
from bridge.store.sqlite.notice_rows import IS_OPEN, give_up, parts_of

_COLUMNS: Final = ["id", "job", "recipient", "event", "created_at", "next_at", "batch", "folds"]
_CONSIDERED: Final = 1000
"""The most open notices among which the next one is chosen: the oldest."""
_SPLIT: Final = 100
"""The most notices that are made ready for their recipients, or given up, in one transaction."""
_UNENDED: Final = [state for state in BuildState if not state.terminal]


def head(channel: str) -> Select[Any]:
    """The notice that is due first: of each job and recipient only the oldest open one may go.

    One that is `sending` may, too: only the channel's own notifier asks, so the outcome of that attempt could
    not be written. One in a digest goes with that.
    """
    heads = select(func.min(table.c.id)).where(table.c.channel == channel, IS_OPEN)
    return (
        select(table)
        .where(table.c.id.in_(heads.group_by(table.c.job, table.c.recipient)), table.c.digest_id.is_(None))
        .order_by(table.c.next_at, table.c.id)
        .limit(1)
    )


def next_row(
    connection: Connection, channel: str, choose: Choose, now: float, *, has_recipients: bool
) -> RowMapping | Later | None:
    """The notice to send now, which may be a digest that this makes. One that cannot be read ends."""
    while True:
        chosen = choose(_waiting(connection, channel, has_recipients=has_recipients))
        if chosen is None or isinstance(chosen, Later):
            return chosen
        query = select(table).where(table.c.id.in_(chosen.ids)).order_by(table.c.id)
        rows = connection.execute(query).mappings().all()
        damaged = [(row["id"], damage) for row in rows if (damage := parts_of(row)[1].damage)]
        for notice_id, damage in damaged:
            give_up(connection, notice_id, damage, now)
        if not damaged:
            return rows[0] if chosen.kind is None else _digest(connection, rows, chosen.kind, now)


def expire(connection: Connection, channel: str, since: float, now: float) -> None:
    """Give up what is from before `since`; a notice in a digest goes with that."""
    old = (table.c.channel == channel, IS_OPEN, table.c.digest_id.is_(None), table.c.created_at < since)
    columns = (table.c.id, table.c.reason, table.c.detail)
    for notice_id, reason, detail in connection.execute(select(*columns).where(*old).limit(_SPLIT)).all():
        why, said = reason or "expired", detail or "it could not be sent in time"
        values = {"state": NoticeState.DEAD, "reason": why, "detail": said, "ended_at": now}
        connection.execute(update(table).where(table.c.id == notice_id).values(**values))
        timeline.add(connection, notice_id, now, NoticeState.DEAD, f"{why}: {said}")
        end_members(connection, notice_id, NoticeState.DEAD, why, now)


def split(connection: Connection, channel: str, recipients: Sequence[str], now: float) -> None:
    """Make one notice for each recipient of the oldest that have none: each has its own attempts and end."""
    whole = select(table).where(table.c.channel == channel, IS_OPEN, table.c.recipient.is_(None))
    for row in connection.execute(whole.order_by(table.c.id).limit(_SPLIT)).mappings().all():
        first, *others = recipients
        connection.execute(update(table).where(table.c.id == row["id"]).values(recipient=first))
        for number, recipient in enumerate(others, 1):
            # The id sorts behind the first one's and before that of a later notice.
            copy = {"id": f"{row['id']}.{number:02}", "dedupe": f"{row['dedupe']} {recipient}"}
            connection.execute(insert(table).values({**row, **copy, "recipient": recipient}))
            timeline.add(connection, copy["id"], now, NoticeState.PENDING, f"for {recipient}")


def end_members(connection: Connection, digest_id: str, state: NoticeState, reason: str, now: float) -> None:
    """What becomes of the notices of a digest that ended so: they went out, or end like it.

    A digest whose content was rejected is taken apart: its members go one by one.
    """
    members = connection.execute(select(table.c.id).where(table.c.digest_id == digest_id)).scalars().all()
    if not members:
        return
    values: dict[str, Any] = {"state": state, "reason": reason, "ended_at": now}
    what, why = str(state), f"with {digest_id}"
    if state is NoticeState.SENT:
        values["state"], what = NoticeState.MERGED, NoticeState.MERGED
    elif reason == "content":
        values = {"state": NoticeState.PENDING, "digest_id": None, "folds": 0, "next_at": now}
        what, why = "retry", f"by itself: {digest_id} was rejected"
    same = table.c.digest_id == digest_id
    connection.execute(update(table).where(same, IS_OPEN).values(**values, detail=why))
    for member in members:
        timeline.add(connection, member, now, what, why)


def _waiting(connection: Connection, channel: str, *, has_recipients: bool) -> list[Waiting]:
    """What is open, but for what is in a digest and what has to wait for that."""
    of_channel = (table.c.channel == channel, IS_OPEN)
    in_digest = select(table.c.job, table.c.recipient).where(*of_channel, table.c.digest_id.is_not(None))
    behind = {(job, recipient) for job, recipient in connection.execute(in_digest.distinct())}
    query = select(*(table.c[name] for name in _COLUMNS)).where(*of_channel, table.c.digest_id.is_(None))
    if has_recipients:  # more than are split at once have none yet
        query = query.where(table.c.recipient.is_not(None))
    # A digest is younger than all that waits: behind many it would never have its turn again.
    oldest = query.order_by(table.c.folds, table.c.id).limit(_CONSIDERED)
    rows = [
        row for row in connection.execute(oldest).mappings() if (row["job"], row["recipient"]) not in behind
    ]
    batches = {row["batch"] for row in rows if row["batch"]}
    unended = select(build.c.delivery_id).where(build.c.delivery_id.in_(batches), build.c.state.in_(_UNENDED))
    incomplete = set(connection.execute(unended).scalars()) if batches else set()
    urgent = {name for name in EventName if name.urgent}
    return [
        Waiting(
            id=row["id"],
            job=row["job"],
            recipient=row["recipient"],
            urgent=row["event"] in urgent,
            created_at=row["created_at"],
            next_at=row["next_at"],
            batch=row["batch"],
            complete=row["batch"] not in incomplete,
            folds=bool(row["folds"]),
        )
        for row in rows
    ]


def _digest(connection: Connection, rows: Sequence[RowMapping], kind: DigestKind, now: float) -> RowMapping:
    """Write the digest of these notices, which may leave in this order."""
    digest_id = str(uuid7())
    members = []
    for row in rows:
        notice, _ = parts_of(row)
        assert isinstance(notice.facts, BuildFacts | ServiceFacts), "a digest does not fold"
        members.append(Member(notice_id=notice.id, event=notice.event, facts=notice.facts))
    first = next((member for member in members if member.event.urgent), members[-1])
    values = {
        "id": digest_id,
        "dedupe": digest_id,
        "channel": rows[0]["channel"],
        "event": first.event,
        "job": f"digest {digest_id}",
        "facts": dump(FACTS, DigestFacts(kind=kind, members=tuple(members))),
        "state": NoticeState.PENDING,
        # As old as its oldest member: so late it is, and so early it expires.
        "created_at": rows[0]["created_at"],
        "next_at": now,
        "recipient": rows[0]["recipient"],
        "folds": 0,
        **{name: _common(rows, name) for name in ("namespace", "repo_name")},
    }
    connection.execute(insert(table).values(values))
    timeline.add(connection, digest_id, now, NoticeState.PENDING, f"of {len(rows)} notices")
    ids = [row["id"] for row in rows]
    connection.execute(update(table).where(table.c.id.in_(ids)).values(digest_id=digest_id))
    for notice_id in ids:
        timeline.add(connection, notice_id, now, "digest", f"goes with {digest_id}")
    return connection.execute(select(table).where(table.c.id == digest_id)).mappings().one()


def _common(rows: Sequence[RowMapping], name: str) -> str | None:
    """What all of them have; None when they differ."""
    values = {row[name] for row in rows}
    return values.pop() if len(values) == 1 else None
