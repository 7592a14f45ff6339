"""Steps of the wall clock: the times of everything open move with the clock."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Table, select, true, update

from bridge.model.build import BuildState
from bridge.model.notice import NoticeState
from bridge.store.schema import build, notice, send, service, target_pause

LONGEST_WAIT: Final = 7200.0
"""Nothing is postponed for longer; what is due later was written under a clock that ran ahead."""

_UNENDED: Final = build.c.state.in_([state for state in BuildState if not state.terminal])
_UNSENT: Final = notice.c.state.in_([NoticeState.PENDING, NoticeState.SENDING])
_OPEN: Final[list[tuple[Table, list[str], Any]]] = [
    (
        build,
        ["enqueued_at", "triggered_at", "started_at", "next_at"],
        _UNENDED,
    ),
    (build, ["created_at"], _UNENDED & (build.c.run == 1)),
    (notice, ["created_at", "next_at"], _UNSENT),
    (service, ["down_since"], service.c.down_since.is_not(None)),
    (service, ["paused_until"], service.c.paused_until > 0),
    (send, ["at"], send.c.at > 0),
    (target_pause, ["until"], target_pause.c.until > 0),
]
_WAITS: Final[list[tuple[Column[Any], Any]]] = [
    (build.c.next_at, _UNENDED),
    (notice.c.next_at, _UNSENT),
    (service.c.paused_until, true()),
    (target_pause.c.until, true()),
]


def shift(connection: Connection, seconds: float) -> None:
    """Move the times of everything open by so many seconds, so that nothing is due sooner or later."""
    for table, columns, is_open in _OPEN:
        moved = {name: table.c[name] + seconds for name in columns}
        connection.execute(update(table).where(is_open).values(moved))


def is_any_too_long(connection: Connection, now: float) -> bool:
    """Whether `limit_waits` has something to do: mostly it has not, and this does not wait for the writer."""
    return any(
        connection.execute(select(column).where(*late).limit(1)).first() is not None
        for column, late in _too_long(now)
    )


def limit_waits(connection: Connection, now: float) -> int:
    """Make due now what seems due in many hours only, since a clock ran ahead; returns how many rows."""
    return sum(
        connection.execute(update(column.table).where(*late).values({column.name: now})).rowcount
        for column, late in _too_long(now)
    )


def _too_long(now: float) -> Iterator[tuple[Column[float], tuple[ColumnElement[bool], ...]]]:
    for column, is_open in _WAITS:
        yield column, (is_open, column > now + LONGEST_WAIT)
