"""The tokens and access keys of the API: who has them, until when, and which were revoked."""

from dataclasses import asdict

from sqlalchemy import ColumnElement, RowMapping, insert, select, update

from bridge.model.access import IssuedToken, Role
from bridge.runtime.clock import Clock
from bridge.store.codec import PARAMETERS, Parts, to_json
from bridge.store.schema_callers import token as table
from bridge.store.sqlite.database import Database


class Tokens:
    """The tokens of one SQLite store: `bridge.store.base.Tokens`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, token: IssuedToken) -> None:
        values = asdict(token)
        values["namespaces"] = None if token.namespaces is None else to_json(sorted(token.namespaces))
        await self._database.write(
            lambda connection: connection.execute(insert(table).values(values)).rowcount
        )

    async def get(self, token_id: str) -> IssuedToken | None:
        return await self._one(table.c.id == token_id)

    async def by_access_key(self, access_key: str) -> IssuedToken | None:
        return await self._one(table.c.access_key == access_key)

    async def newest(self, limit: int) -> list[IssuedToken]:
        query = select(table).order_by(table.c.id.desc()).limit(limit)
        return await self._database.read(
            lambda connection: [_token_of(row) for row in connection.execute(query).mappings()]
        )

    async def revoke(self, token_id: str) -> bool:
        valid = (table.c.id == token_id) & table.c.revoked_at.is_(None)
        statement = update(table).where(valid).values(revoked_at=self._clock())
        return bool(await self._database.write(lambda connection: connection.execute(statement).rowcount))

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
