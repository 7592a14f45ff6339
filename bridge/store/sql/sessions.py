"""The browsers in which somebody is signed in: sessions that have ended are not kept."""

from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from bridge.model.access import Principal, Role
from bridge.model.audit import Change
from bridge.model.session import IDLE_SECONDS, MAX_OF_TOKEN, Session
from bridge.runtime.clock import Clock
from bridge.store.codec import Parts
from bridge.store.schema_callers import session as table
from bridge.store.sql.audit import Audit
from bridge.store.sql.database import Database
from bridge.store.sql.listing import COUNTED
from bridge.store.values import Cursor, Page

_NEWEST_FIRST: Final = (table.c.created_at.desc(), table.c.id.desc())


class Sessions:
    """The sessions of one store: `bridge.store.callers.Sessions`."""

    def __init__(self, database: Database, clock: Clock, audit: Audit) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    async def add(self, session: Session, change: Change) -> None:
        same = table.c.token_id.is_not_distinct_from(session.token_id)
        newest = select(table.c.id).where(same).order_by(*_NEWEST_FIRST)
        too_many = newest.offset(MAX_OF_TOKEN)

        def work(connection: Connection) -> None:
            connection.execute(insert(table).values(asdict(session)))
            connection.execute(delete(table).where(table.c.id.in_(too_many)))
            self._audit.keep(connection, change)

        await self._database.write(work)

    async def get(self, session_id: str) -> Session | None:
        query = select(table).where(table.c.id == session_id, ~_has_ended(self._clock()))
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else _session_of(row)

    async def seen(self, session_id: str) -> None:
        statement = update(table).where(table.c.id == session_id).values(seen_at=self._clock())
        await self._database.write(lambda connection: connection.execute(statement).rowcount)

    async def newest(self, limit: int, of: Principal | None = None) -> list[Session]:
        query = self._living(of).order_by(*_NEWEST_FIRST).limit(limit)
        return await self._database.read(
            lambda connection: [_session_of(row) for row in connection.execute(query).mappings()]
        )

    async def page(self, cursor: Cursor, size: int, of: Principal | None = None) -> Page[Session]:
        lives = self._living(of)
        shown = _seen_from(cursor, lives, size).limit(size + 1)
        counted = select(func.count()).select_from(lives.limit(COUNTED).subquery())

        def work(connection: Connection) -> Page[Session]:
            found = [_session_of(row) for row in connection.execute(shown).mappings()]
            more, rows = len(found) > size, found[:size]
            count = connection.execute(counted).scalar_one()
            if cursor.after is not None:
                return Page(count=count, rows=rows[::-1], newer=more, older=True)
            newer = cursor.before is not None or cursor.number > 1
            return Page(count=count, rows=rows, newer=newer, older=more)

        return await self._database.read(work)

    async def end(self, session_id: str, change: Change | None) -> bool:
        statement = delete(table).where(table.c.id == session_id, ~_has_ended(self._clock()))

        def work(connection: Connection) -> bool:
            if not connection.execute(statement).rowcount:
                return False
            if change is not None:
                self._audit.keep(connection, change)
            return True

        return await self._database.write(work)

    def _living(self, of: Principal | None) -> Select[Any]:
        lives = select(table).where(~_has_ended(self._clock()))
        return lives if of is None else lives.where(table.c.token_id.is_not_distinct_from(of.token_id))


def _seen_from(cursor: Cursor, sessions: Select[Any], size: int) -> Select[Any]:
    """The sessions beyond the row of the cursor, those that are nearest to it first."""
    place = tuple_(table.c.created_at, table.c.id)
    if cursor.after is not None:
        newer = sessions.where(place > _place_of(cursor.after))
        return newer.order_by(table.c.created_at, table.c.id)
    if cursor.before is not None:
        return sessions.where(place < _place_of(cursor.before)).order_by(*_NEWEST_FIRST)
    return sessions.order_by(*_NEWEST_FIRST).offset((cursor.number - 1) * size)


def _place_of(text: str | int) -> tuple[float, str]:
    at, _, session_id = str(text).partition("-")
    return float(at), session_id


def expire(connection: Connection, now: float) -> None:
    """Forget those that have ended by their age."""
    connection.execute(delete(table).where(_has_ended(now)))


def _has_ended(now: float) -> ColumnElement[bool]:
    return or_(table.c.expires_at <= now, table.c.seen_at <= now - IDLE_SECONDS)


def _session_of(row: RowMapping) -> Session:
    """The session; what it says of the role is for lists: what it may do, its token says."""
    role = Parts().read("role", lambda: Role(row["role"]), Role.VIEWER)
    return Session(**{**row, "role": role})
