"""What is open keeps its pace when the wall clock is set: its times move with the clock."""

from typing import Any, Final

from sqlalchemy import Connection, Table, update

from bridge.model.build import BuildState
from bridge.store.schema import build, notice, send, service

LONGEST_WAIT: Final = 7200.0
"""Nothing is put off for longer; what is due later was written under a clock that ran ahead."""

_OPEN: Final[list[tuple[Table, list[str], Any]]] = [
    (
        build,
        ["created_at", "triggered_at", "started_at", "next_at"],
        build.c.state.in_([state for state in BuildState if not state.terminal]),
    ),
    (notice, ["created_at", "next_at"], notice.c.state.in_(["pending", "sending"])),
    (service, ["down_since", "paused_until"], service.c.paused_until > 0),
    (send, ["at"], send.c.at > 0),
]


def shift(connection: Connection, seconds: float) -> None:
    """The clock was set forward by so many seconds, or back: nothing is due sooner or later for that."""
    for table, columns, is_open in _OPEN:
        moved = {name: table.c[name] + seconds for name in columns}
        connection.execute(update(table).where(is_open).values(moved))


def clamp(connection: Connection, now: float) -> None:
    """At start, when nobody knows whether the clock was set meanwhile: what seems far away is due now."""
    for table, name in ((build, "next_at"), (notice, "next_at"), (service, "paused_until")):
        column = table.c[name]
        connection.execute(update(table).where(column > now + LONGEST_WAIT).values({name: now}))
