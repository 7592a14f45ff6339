"""Steps of the wall clock: the times of everything open move with the clock."""

from typing import Any, Final

from sqlalchemy import Connection, Table, update

from bridge.model.build import BuildState
from bridge.store.schema import build, notice, send, service, target_pause

LONGEST_WAIT: Final = 7200.0
"""Nothing is postponed for longer; what is due later was written under a clock that ran ahead."""

_UNENDED: Final = build.c.state.in_([state for state in BuildState if not state.terminal])
_OPEN: Final[list[tuple[Table, list[str], Any]]] = [
    (
        build,
        ["enqueued_at", "triggered_at", "started_at", "next_at"],
        _UNENDED,
    ),
    (build, ["created_at"], _UNENDED & (build.c.run == 1)),
    (notice, ["created_at", "next_at"], notice.c.state.in_(["pending", "sending"])),
    (service, ["down_since"], service.c.down_since.is_not(None)),
    (service, ["paused_until"], service.c.paused_until > 0),
    (send, ["at"], send.c.at > 0),
    (target_pause, ["until"], target_pause.c.until > 0),
]


def shift(connection: Connection, seconds: float) -> None:
    """Move the times of everything open by so many seconds, so that nothing is due sooner or later."""
    for table, columns, is_open in _OPEN:
        moved = {name: table.c[name] + seconds for name in columns}
        connection.execute(update(table).where(is_open).values(moved))


def clamp(connection: Connection, now: float) -> None:
    """Make due now what seems due in many hours only: the clock may have been set while no daemon ran."""
    waits = ((build, "next_at"), (notice, "next_at"), (service, "paused_until"), (target_pause, "until"))
    for table, name in waits:
        column = table.c[name]
        connection.execute(update(table).where(column > now + LONGEST_WAIT).values({name: now}))
