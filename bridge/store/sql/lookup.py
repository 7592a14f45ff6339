"""Ids by a part of them: the index with all ids is read, and no row."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Table, func, or_, select

from bridge.store.lookup import RecordKind
from bridge.store.schema import build, delivery, notice
from bridge.store.sql.database import Database

_TABLES: Final[Mapping[RecordKind, Table]] = {"delivery": delivery, "build": build, "notice": notice}


class Lookup:
    """The ids of one store: `bridge.store.lookup.Lookup`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ids(self, kind: RecordKind, part: str, limit: int) -> list[str]:
        key = _TABLES[kind].c.id
        begins = func.substr(key, 1, len(part)) == part
        ends = func.substr(key, func.length(key) - len(part) + 1) == part
        query = select(key).where(or_(begins, ends)).order_by(key).limit(limit)
        return await self._database.read(lambda connection: list(connection.execute(query).scalars()))
