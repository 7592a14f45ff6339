"""What happened to deliveries, builds and notices, in the order in which it was written."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, func, select

from bridge.store.schema import build, delivery, notice, step
from bridge.store.sql.database import Database
from bridge.store.values import Happening

_ID_LENGTH: Final = 36
"""What follows in a subject is the number of a run."""


class Feed:
    """The feed of one store: `bridge.store.base.Feed`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self) -> int:
        return await self._database.read(
            lambda connection: connection.execute(select(func.max(step.c.id))).scalar_one() or 0
        )

    async def after(self, seq: int, limit: int) -> list[Happening]:
        return await self._database.read(lambda connection: _after(connection, seq, limit))

    def follow(self, on_written: Callable[[], None]) -> None:
        self._database.follow(on_written)


def _after(connection: Connection, seq: int, limit: int) -> list[Happening]:
    subject = func.substr(step.c.subject, 1, _ID_LENGTH)
    # A notice about a build is for who may see that.
    about = func.coalesce(notice.c.build_id, subject)
    query = (
        select(
            step.c.id,
            step.c.at,
            step.c.what,
            step.c.detail,
            subject.label("subject"),
            delivery.c.id.label("delivery_id"),
            notice.c.id.label("notice_id"),
            build.c.namespace,
            build.c.repo_name,
            build.c.number,
            build.c.is_public,
        )
        .select_from(step)
        .outerjoin(delivery, delivery.c.id == subject)
        .outerjoin(notice, notice.c.id == subject)
        .outerjoin(build, build.c.id == about)
        .where(step.c.id > seq)
        .order_by(step.c.id)
        .limit(limit)
    )
    return [
        Happening(
            seq=row.id,
            at=row.at,
            what=row.what,
            detail=row.detail,
            kind="delivery" if row.delivery_id else "notice" if row.notice_id else "build",
            subject=row.subject,
            namespace=row.namespace,
            repo_name=row.repo_name,
            number=row.number,
            is_public=bool(row.is_public),
        )
        for row in connection.execute(query)
    ]
