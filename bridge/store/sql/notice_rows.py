"""Rows of notices as values, and how one ends."""

from typing import Any, Final

import structlog
from sqlalchemy import Connection, RowMapping, select, text, update

from bridge.model.notice import BuildFacts, DigestFacts, EventName, Notice, NoticeState, ServiceFacts
from bridge.runtime.events import LogEvent
from bridge.store.codec import FACTS, Parts
from bridge.store.schema import notice as table
from bridge.store.sql import timeline
from bridge.store.values import NoticeRow

log = structlog.get_logger()

# Word for word the condition of the index over open notices: bound parameters would not use it.
IS_OPEN: Final = text("state IN ('pending', 'sending')")
IN_ORDER: Final = (table.c.turn, table.c.id)
"""By their turns, and where one was made for each recipient, by their ids."""
SILENCE: Final = "silence"
"""The reason of what a silence holds."""
MOVED: Final = "fallback"
"""The reason of what ends since the fallback of its channel says it."""
_REJECTED: Final = frozenset({"content", "damaged"})
TAKEN_APART: Final = _REJECTED | {SILENCE, MOVED}
"""The reasons of digests whose members go without them."""


def parts_of(row: RowMapping) -> tuple[Notice, Parts]:
    """The notice, as far as it can be read."""
    parts = Parts()
    nothing: BuildFacts | ServiceFacts | DigestFacts = ServiceFacts(subject=row["job"], detail="")
    notice = Notice(
        id=row["id"],
        channel=row["channel"],
        event=parts.read("event", lambda: EventName(row["event"]), EventName.DEGRADED),
        facts=parts.read("facts", lambda: FACTS.validate_json(row["facts"]), nothing),
        created_at=row["created_at"],
        attempt=row["attempts"] + 1,
        recipient=row["recipient"],
        moved_from=row["moved_from"],
    )
    return notice, parts


def row_of(row: RowMapping) -> NoticeRow:
    notice, parts = parts_of(row)
    state = parts.read("state", lambda: NoticeState(row["state"]), NoticeState.DEAD)
    return NoticeRow(
        notice=notice,
        build_id=row["build_id"],
        namespace=row["namespace"],
        repo_name=row["repo_name"],
        job=row["job"],
        state=state,
        reason=row["reason"],
        detail=parts.detail(row["detail"]),
        attempts=row["attempts"],
        next_at=row["next_at"],
        ended_at=row["ended_at"],
        digest_id=row["digest_id"],
    )


def finish(
    connection: Connection,
    notice_id: str,
    state: NoticeState,
    now: float,
    *,
    reason: str = "",
    detail: str = "",
) -> None:
    """End a notice. The members of a digest went out with it, or end like it.

    A digest whose content was rejected, or that can no longer be read, is taken apart: its members go one by
    one. One with something that a silence holds is, too: the rest of it may go in another; and one whose
    members another channel is to send.
    """
    values: dict[str, Any] = {"state": state, "reason": reason, "detail": detail, "ended_at": now}
    connection.execute(update(table).where(table.c.id == notice_id).values(**values))
    timeline.add(connection, notice_id, now, state, f"{reason}: {detail}" if reason else detail)
    in_digest = (table.c.digest_id == notice_id, IS_OPEN)
    members = connection.execute(select(table.c.id).where(*in_digest)).scalars().all()
    if not members:
        return
    what, why = str(state), f"with {notice_id}"
    if state is NoticeState.SENT:
        values["state"] = what = NoticeState.MERGED
    elif reason in _REJECTED:
        values = {"digest_id": None, "folds": 0, "next_at": now}
        what, why = "retry", f"by itself: {notice_id} ended with {reason!r}"
    elif reason in TAKEN_APART:
        values = {"digest_id": None, "next_at": now}
        what, why = "retry", f"{notice_id} was taken apart"
    connection.execute(update(table).where(*in_digest).values(**values | {"detail": why}))
    for member in members:
        timeline.add(connection, member, now, what, why)


def give_up(connection: Connection, notice_id: str, damage: str, now: float) -> None:
    """End a notice that cannot be read."""
    log.error(LogEvent.STORE_ROW_DAMAGED, notice_id=notice_id, reason=damage)
    finish(connection, notice_id, NoticeState.DEAD, now, reason="damaged", detail=damage)
