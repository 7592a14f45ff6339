"""The timeline: what happened to a delivery, a build or a notice, and when."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from bridge.store.schema import step
from bridge.store.values import Step

MAX_DETAIL = 2000


def add(connection: Connection, subject: str, at: float, what: str, detail: str = "") -> None:
    """Note that `what` (one word) happened to the row with the id `subject`."""
    add_all(connection, [(subject, at, what, detail)])


def add_all(connection: Connection, steps: Sequence[tuple[str, float, str, str]]) -> None:
    """As `add`, for several: the subject, when, what, and the detail."""
    rows = [
        {"subject": subject, "at": at, "what": what, "detail": detail[:MAX_DETAIL]}
        for subject, at, what, detail in steps
    ]
    connection.execute(insert(step).inline(), rows)  # their ids are not asked for


def of(connection: Connection, subject: str) -> list[Step]:
    rows = connection.execute(
        select(step.c.at, step.c.what, step.c.detail).where(step.c.subject == subject).order_by(step.c.id)
    )
    return [Step(row.at, row.what, row.detail) for row in rows]
