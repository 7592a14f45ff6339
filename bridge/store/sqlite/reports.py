"""What repositories have built over time."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, select, text

from bridge.model.build import Build, BuildState
from bridge.model.plan import RepositoryKey
from bridge.store.codec import json_text
from bridge.store.reports import Period
from bridge.store.schema import build as table
from bridge.store.sqlite.build_rows import build_of
from bridge.store.sqlite.database import Database
from bridge.store.sqlite.listing import COUNTED

# Word for word the condition of the index over what has not ended.
_UNENDED: Final = text("state IN ('waiting', 'triggering', 'queued', 'running')")


class Reports:
    """The reports of one SQLite store: `bridge.store.reports.Reports`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(
        self, keys: Sequence[RepositoryKey], size: int, public: Collection[RepositoryKey] = ()
    ) -> Mapping[RepositoryKey, Sequence[Build]]:
        def work(connection: Connection) -> Mapping[RepositoryKey, Sequence[Build]]:
            return {key: _read(connection, _newest(key, size, public=key in public)) for key in keys}

        return await self._database.read(work)

    async def page(
        self, key: RepositoryKey, period: Period, *, skip: int, size: int
    ) -> tuple[int, Sequence[Build]]:
        conditions = _conditions(key, period)
        counted = select(table.c.created_at).where(*conditions).limit(COUNTED).subquery()
        # Of a time that begins far back only the index is read up to the page.
        numbers = (
            select(table.c.number)
            .where(*conditions)
            .order_by(table.c.created_at.desc(), table.c.number.desc())
            .limit(size)
            .offset(skip)
        )
        rows = select(table).where(*_of(key), table.c.number.in_(numbers)).order_by(table.c.number.desc())

        def work(connection: Connection) -> tuple[int, Sequence[Build]]:
            count: int = connection.execute(select(func.count()).select_from(counted)).scalar_one()
            return count, _read(connection, rows)

        return await self._database.read(work)

    async def outcomes(self, key: RepositoryKey, period: Period) -> Mapping[BuildState, int]:
        query = select(table.c.state, func.count()).where(*_conditions(key, period)).group_by(table.c.state)
        return await self._database.read(
            lambda connection: {BuildState(state): count for state, count in connection.execute(query)}
        )

    async def first_numbers(self, asked: Sequence[tuple[RepositoryKey, float]]) -> Sequence[int]:
        def work(connection: Connection) -> Sequence[int]:
            return [connection.execute(_first(key, begin)).scalar() or 0 for key, begin in asked]

        return await self._database.read(work)

    async def unended(self, key: RepositoryKey, *, public: bool = False) -> bool:
        query = select(table.c.number).where(*_of(key, public=public), _UNENDED).limit(1)
        return await self._database.read(lambda connection: connection.execute(query).first() is not None)


def _of(key: RepositoryKey, *, public: bool = False) -> list[ColumnElement[bool]]:
    found = [table.c.namespace == key[0], table.c.repo_name == key[1]]
    return [*found, table.c.is_public == 1] if public else found


def _newest(key: RepositoryKey, size: int, *, public: bool) -> Select[Any]:
    return select(table).where(*_of(key, public=public)).order_by(table.c.number.desc()).limit(size)


def _first(key: RepositoryKey, begin: float) -> Select[Any]:
    return (
        select(table.c.number)
        .where(*_of(key), table.c.created_at >= begin)
        .order_by(table.c.created_at)
        .limit(1)
    )


def _conditions(key: RepositoryKey, period: Period) -> list[ColumnElement[bool]]:
    time = [*_of(key), table.c.created_at >= period.begin, table.c.created_at < period.end]
    if period.refs is None and period.causes is None and not period.public:
        return time
    newest = select(table.c.number).where(*time).order_by(table.c.created_at.desc()).limit(COUNTED)
    found = [*_of(key, public=period.public), table.c.number.in_(newest)]
    if period.refs is not None:
        found.append(table.c.ref.in_(period.refs))
    if period.causes is not None:
        found.append(json_text(table.c.origin, "cause").in_(period.causes))
    return found


def _read(connection: Connection, query: Select[Any]) -> list[Build]:
    return [build_of(row) for row in connection.execute(query).mappings()]
