"""What goes next to a channel: one notice, or a digest that is made of several in the same transaction.

The members of a digest stay open until it has ended, so that later notices of their jobs wait for it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from typing import Any, Final

from sqlalchemy import CTE, Connection, RowMapping, bindparam, func, insert, or_, select, update
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
from bridge.model.outbox import About, Send, Waiting
from bridge.model.silence import Silence
from bridge.store.codec import FACTS, dump
from bridge.store.schema import build
from bridge.store.schema import notice as table
from bridge.store.sql import timeline
from bridge.store.sql.notice_rows import IN_ORDER, IS_OPEN, finish, give_up, parts_of
from bridge.store.sql.silences import active
from bridge.store.sql.turns import next_turn

_COLUMNS: Final = (
    *("id", "job", "recipient", "event", "created_at", "next_at", "turn"),
    *("batch", "folds", "digest_id", "build_id", "namespace", "repo_name"),
)
_JOBS: Final = 500
"""The most jobs whose notices are considered at once: those that are due first."""
_OF_JOB: Final = 100
"""The most notices of a job that are considered: the oldest."""
_AT_ONCE: Final = 100
"""The most notices that are made ready for their recipients, or given up, in one transaction."""
_UNENDED: Final = [state for state in BuildState if not state.terminal]
_URGENT: Final = [event for event in EventName if event.urgent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The notices of the jobs that are due, when another job is, and the silences in force."""

    waiting: Sequence[Waiting]
    next_at: float | None
    silences: Sequence[Silence]


def look(connection: Connection, channel: str, now: float, *, since: float, has_recipients: bool) -> Look:
    """What may go now: of each job and recipient what follows the oldest one, if that is due.

    One that is `sending` may go, too: only the channel's own notifier asks, so the outcome of that attempt
    could not be written. A job with a notice in a digest waits for that.
    """
    is_open, bound = _open(has_recipients=has_recipients), {"of": channel, "since": since}
    head = is_open.c.place == 1, is_open.c.digest_id.is_(None)
    later = select(func.min(is_open.c.next_at)).where(*head, is_open.c.next_at > now)
    due = (
        select(is_open.c.job, is_open.c.recipient)
        .where(*head, is_open.c.next_at <= now)
        .order_by(is_open.c.next_at, is_open.c.id)
        .limit(_JOBS)
        .subquery()
    )
    same_job = (is_open.c.job == due.c.job) & is_open.c.recipient.is_not_distinct_from(due.c.recipient)
    rows = connection.execute(
        select(is_open, build.c.tag_set, build.c.ref)
        .join(due, same_job)
        .outerjoin(build, build.c.id == is_open.c.build_id)
        .where(is_open.c.place <= _OF_JOB, is_open.c.digest_id.is_(None))
        .order_by(is_open.c.turn, is_open.c.id),
        bound,
    )
    found = rows.mappings().all()
    pressed = _pressed(connection, is_open, bound) if any(not row["folds"] for row in found) else set()
    unended = _unended(connection, {row["batch"] for row in found if row["batch"]})
    silences = active(connection, now)
    about = _about(connection, channel, found) if silences else {}
    waiting = [
        Waiting(
            id=row["id"],
            job=row["job"],
            recipient=row["recipient"],
            urgent=row["event"] in _URGENT or row["id"] in pressed,
            created_at=row["created_at"],
            next_at=row["next_at"],
            tag_set=row["tag_set"],
            batch=row["batch"],
            complete=row["batch"] not in unended,
            folds=bool(row["folds"]),
            about=tuple(about.get(row["id"], ())),
        )
        for row in found
    ]
    return Look(waiting=waiting, next_at=connection.execute(later, bound).scalar(), silences=silences)


def take(connection: Connection, chosen: Send, now: float) -> RowMapping | None:
    """The notice to send, which may be a digest that this makes; None when something has changed meanwhile.

    One that cannot be read ends.
    """
    still_open = (table.c.id.in_(chosen.ids), IS_OPEN, table.c.digest_id.is_(None))
    rows = connection.execute(select(table).where(*still_open).order_by(*IN_ORDER)).mappings().all()
    damaged = [(row["id"], damage) for row in rows if (damage := parts_of(row)[1].damage)]
    for notice_id, damage in damaged:
        give_up(connection, notice_id, damage, now)
    if damaged or len(rows) != len(chosen.ids):
        return None
    return rows[0] if chosen.kind is None else _digest(connection, rows, chosen.kind, now)


def has_open(connection: Connection, channel: str) -> bool:
    """Whether the channel has anything to do: mostly it has not, and this costs far less than `look`."""
    found = select(table.c.id).where(table.c.channel == channel, IS_OPEN)
    return connection.execute(found.limit(1)).first() is not None


def needs_upkeep(connection: Connection, channel: str, since: float, *, has_recipients: bool) -> bool:
    """Whether something is too old, or has no recipient yet."""
    waits = table.c.created_at < since
    if has_recipients:
        waits |= table.c.recipient.is_(None)
    found = select(table.c.id).where(table.c.channel == channel, IS_OPEN, table.c.digest_id.is_(None), waits)
    return connection.execute(found.limit(1)).first() is not None


def expire(connection: Connection, channel: str, since: float, now: float) -> None:
    """Give up what is from before `since`; a notice in a digest goes with that."""
    old = (table.c.channel == channel, IS_OPEN, table.c.digest_id.is_(None), table.c.created_at < since)
    columns = (table.c.id, table.c.reason, table.c.detail)
    for notice_id, reason, detail in connection.execute(select(*columns).where(*old).limit(_AT_ONCE)).all():
        why = detail or "it could not be sent in time"
        finish(connection, notice_id, NoticeState.DEAD, now, reason=reason or "expired", detail=why)


def split(connection: Connection, channel: str, recipients: Sequence[str], now: float) -> None:
    """Make one notice for each recipient of the oldest that have none: each has its own attempts and end."""
    whole = select(table).where(table.c.channel == channel, IS_OPEN, table.c.recipient.is_(None))
    for row in connection.execute(whole.order_by(*IN_ORDER).limit(_AT_ONCE)).mappings().all():
        first, *others = recipients
        connection.execute(update(table).where(table.c.id == row["id"]).values(recipient=first))
        if not others:
            continue
        # A channel where the notice was before may have made copies, too.
        copies = select(table.c.id).where(table.c.id.between(f"{row['id']}.", f"{row['id']}/"))
        known = set(connection.execute(copies).scalars())
        numbered = (f"{row['id']}.{number:02}" for number in count(1))
        unused = (copy_id for copy_id in numbered if copy_id not in known)
        for recipient, copy_id in zip(others, unused, strict=False):
            # The id sorts behind the first one's and before that of a later notice.
            copy = {"id": copy_id, "dedupe": f"{row['dedupe']} {copy_id}"}
            connection.execute(insert(table).values({**row, **copy, "recipient": recipient}))
            timeline.add(connection, copy_id, now, NoticeState.PENDING, f"for {recipient}")


@cache  # a statement that is compiled keeps the one that it was made of, and each has many columns
def _open(*, has_recipients: bool) -> CTE:
    """The open notices `of` a channel, each with its place in its job; in digests those of any age."""
    place = func.row_number().over(partition_by=(table.c.job, table.c.recipient), order_by=IN_ORDER)
    lives = or_(table.c.created_at >= bindparam("since"), table.c.digest_id.is_not(None))
    query = select(*(table.c[name] for name in _COLUMNS), place.label("place"))
    query = query.where(table.c.channel == bindparam("of"), IS_OPEN, lives)
    if has_recipients:  # more than are split at once have none yet
        query = query.where(table.c.recipient.is_not(None))
    return query.cte("open")


def _about(connection: Connection, channel: str, found: Sequence[RowMapping]) -> Mapping[str, list[About]]:
    """What these notices are about; a digest is about what its members are."""
    in_digest = (table.c.channel == channel, IS_OPEN, table.c.digest_id.is_not(None))
    member = select(table).where(*in_digest).order_by(table.c.id).subquery()
    columns = (member.c.digest_id, member.c.event, member.c.namespace, member.c.repo_name, build.c.ref)
    members = select(*columns).select_from(member).outerjoin(build, build.c.id == member.c.build_id)
    of_digest: defaultdict[str, list[About]] = defaultdict(list)
    for row in connection.execute(members).mappings():
        of_digest[row["digest_id"]].append(_about_row(row))
    return {row["id"]: of_digest.get(row["id"]) or _about_alone(row) for row in found}


def _about_alone(row: RowMapping) -> list[About]:
    """Of a digest that somebody asked to send again no silence judges."""
    return [] if row["job"].startswith("digest ") else [_about_row(row)]


def _about_row(row: RowMapping) -> About:
    if row["namespace"] is None:
        return About(row["event"])
    ref = row["ref"] and row["ref"].removeprefix("refs/heads/").removeprefix("refs/tags/")
    return About(row["event"], f"{row['namespace']}/{row['repo_name']}", ref)


def _pressed(connection: Connection, is_open: CTE, bound: Mapping[str, Any]) -> set[str]:
    """The digests for which something urgent waits."""
    member = is_open.alias("member")
    same_job = (member.c.job == is_open.c.job) & member.c.recipient.is_not_distinct_from(is_open.c.recipient)
    query = (
        select(member.c.digest_id)
        .join(is_open, same_job)
        .where(member.c.digest_id.is_not(None), is_open.c.digest_id.is_(None), is_open.c.event.in_(_URGENT))
    )
    return set(connection.execute(query.distinct(), bound).scalars())


def _unended(connection: Connection, deliveries: set[str]) -> set[str]:
    """Those of which a build has not ended."""
    if not deliveries:
        return set()
    query = select(build.c.delivery_id).where(
        build.c.delivery_id.in_(deliveries), build.c.state.in_(_UNENDED)
    )
    return set(connection.execute(query.distinct()).scalars())


def _digest(connection: Connection, rows: Sequence[RowMapping], kind: DigestKind, now: float) -> RowMapping:
    """Write the digest of these notices, which are for one recipient and may leave in this order."""
    recipient, *others = {row["recipient"] for row in rows}
    assert not others, "a message is for one recipient"
    digest_id = str(uuid7())
    members = [_member(row, is_shown_whole=kind == "job" and row is rows[-1]) for row in rows]
    first = next((member for member in members if member.event.urgent), members[-1])
    values: dict[str, Any] = {
        "id": digest_id,
        "dedupe": digest_id,
        "channel": rows[0]["channel"],
        "event": first.event,
        "job": f"digest {digest_id}",
        "facts": dump(FACTS, DigestFacts(kind=kind, members=tuple(members))),
        "state": NoticeState.PENDING,
        # As old as the newest: that one must not expire with older ones.
        "created_at": max(row["created_at"] for row in rows),
        "next_at": now,
        "recipient": recipient,
        "folds": 0,
        "turn": next_turn(table),
        **{name: _common(rows, name) for name in ("namespace", "repo_name")},
    }
    connection.execute(insert(table).values(values))
    timeline.add(connection, digest_id, now, NoticeState.PENDING, f"of {len(rows)} notices")
    ids = [row["id"] for row in rows]
    connection.execute(update(table).where(table.c.id.in_(ids)).values(digest_id=digest_id))
    for notice_id in ids:
        timeline.add(connection, notice_id, now, "digest", f"goes with {digest_id}")
    return connection.execute(select(table).where(table.c.id == digest_id)).mappings().one()


def _member(row: RowMapping, *, is_shown_whole: bool) -> Member:
    """What a digest shows of a notice; a line of it has no place for the log."""
    notice, _ = parts_of(row)
    facts = notice.facts
    assert isinstance(facts, BuildFacts | ServiceFacts), "a digest does not fold"
    if isinstance(facts, BuildFacts) and not is_shown_whole:
        facts = replace(facts, log_tail="")
    return Member(notice_id=notice.id, event=notice.event, facts=facts, moved_from=notice.moved_from)


def _common(rows: Sequence[RowMapping], name: str) -> str | None:
    """What all of them have; None when they differ."""
    values = {row[name] for row in rows}
    return values.pop() if len(values) == 1 else None
