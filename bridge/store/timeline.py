"""The timeline: what happened to a delivery, a build or a notice, and when."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from bridge.store.schema import step

MAX_DETAIL = 2000


@dataclass(frozen=True, slots=True)
class Step:
    at: float
    what: str
    detail: str


def add(connection: Connection, subject: str, at: float, what: str, detail: str = "") -> None:
    """Note that `what` (one word) happened to the row with the id `subject`."""
    connection.execute(insert(step).values(subject=subject, at=at, what=what, detail=detail[:MAX_DETAIL]))


def of(connection: Connection, subject: str) -> list[Step]:
    rows = connection.execute(
        select(step.c.at, step.c.what, step.c.detail).where(step.c.subject == subject).order_by(step.c.id)
    )
    return [Step(row.at, row.what, row.detail) for row in rows]
