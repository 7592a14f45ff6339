"""The tokens and access keys of the API: who has them, until when, and which were revoked."""

from dataclasses import asdict
from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select, update

from bridge.model.access import IssuedToken, Role
from bridge.model.audit import Change
from bridge.runtime.clock import Clock
from bridge.store.codec import PARAMETERS, Parts, to_json
from bridge.store.schema_callers import session
from bridge.store.schema_callers import token as table
from bridge.store.sql import listing
from bridge.store.sql.audit import Audit
from bridge.store.sql.database import Database
from bridge.store.values import Cursor, Page

_ROWS: Final = select(table)


class Tokens:
    """The tokens of one store: `bridge.store.base.Tokens`."""

    def __init__(self, database: Database, clock: Clock, audit: Audit) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit

    async def add(self, token: IssuedToken, change: Change) -> None:
        values = asdict(token)
        values["namespaces"] = None if token.namespaces is None else to_json(sorted(token.namespaces))

        def work(connection: Connection) -> None:
            connection.execute(insert(table).values(values))
            self._audit.keep(connection, change)

        await self._database.write(work)

    async def get(self, token_id: str) -> IssuedToken | None:
        return await self._one(table.c.id == token_id)

    async def by_access_key(self, access_key: str) -> IssuedToken | None:
        return await self._one(table.c.access_key == access_key)

    async def newest(self, limit: int) -> list[IssuedToken]:
        query = select(table).order_by(table.c.id.desc()).limit(limit)
        return await self._database.read(
            lambda connection: [_token_of(row) for row in connection.execute(query).mappings()]
        )

    async def page(self, cursor: Cursor, size: int) -> Page[IssuedToken]:
        all_of_them = [listing.part_of(table, {})]
        return await self._database.read(
            lambda connection: listing.page(
                connection, _ROWS, all_of_them, cursor=cursor, size=size, make=_token_of
            )
        )

    async def revoke(self, token_id: str, change: Change) -> bool:
        valid = (table.c.id == token_id) & table.c.revoked_at.is_(None)
        statement = update(table).where(valid).values(revoked_at=self._clock())

        def work(connection: Connection) -> bool:
            if not connection.execute(statement).rowcount:
                return False
            connection.execute(delete(session).where(session.c.token_id == token_id))
            self._audit.keep(connection, change)
            return True

        return await self._database.write(work)

    async def used(self, token_id: str) -> None:
        statement = update(table).where(table.c.id == token_id).values(last_used_at=self._clock())
        await self._database.write(lambda connection: connection.execute(statement).rowcount)

    async def _one(self, condition: ColumnElement[bool]) -> IssuedToken | None:
        query = select(table).where(condition)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else _token_of(row)


def _token_of(row: RowMapping) -> IssuedToken:
    """The token; one whose role or namespaces cannot be read any more has the least rights."""
    parts, text = Parts(), row["namespaces"]
    nothing: frozenset[str] | None = frozenset()
    role = parts.read("role", lambda: Role(row["role"]), Role.VIEWER)
    namespaces = parts.read(
        "namespaces", lambda: None if text is None else frozenset(PARAMETERS.validate_json(text)), nothing
    )
    return IssuedToken(**{**row, "role": role, "namespaces": nothing if parts.damage else namespaces})
