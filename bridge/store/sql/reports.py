"""What repositories have built over time."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Subquery, func, select

from bridge.model.build import Build, BuildState
from bridge.model.plan import RepositoryKey
from bridge.store.reports import BuildMark, BuiltTag, FailingRef, Period
from bridge.store.schema import build as table
from bridge.store.sql import built_tags, failing, outcomes
from bridge.store.sql.build_rows import build_of
from bridge.store.sql.database import Database

MAX_BUILDS: Final = 10_000
"""So many builds of a time are counted, and searched for those with a ref or a cause."""
_REFS_AMONG: Final = 1_000
"""The refs of a repository are looked for among so many of its newest builds."""
_VERDICT_AMONG: Final = 100
"""What is said of a ref is looked for among so many of its newest builds."""
_SAYS_NOTHING: Final = (BuildState.CANCELLED, BuildState.SUPERSEDED)
_MARK: Final = (
    table.c.id,
    table.c.number,
    table.c.state,
    table.c.created_at,
    table.c.started_at,
    table.c.ended_at,
)
_UNENDED: Final = [state for state in BuildState if not state.terminal]


class Reports:
    """The reports of one store: `bridge.store.reports.Reports`."""

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
        found = _of_time(key, period)
        counted = select(found.c.number).limit(MAX_BUILDS).subquery()
        # Of a time that begins far back only the index is read up to the page.
        numbers = select(found.c.number).order_by(found.c.created_at.desc(), found.c.number.desc())
        numbers = numbers.limit(size).offset(skip)
        rows = select(table).where(*_of(key), table.c.number.in_(numbers)).order_by(table.c.number.desc())

        def work(connection: Connection) -> tuple[int, Sequence[Build]]:
            count: int = connection.execute(select(func.count()).select_from(counted)).scalar_one()
            return count, _read(connection, rows) if count else []

        return await self._database.read(work)

    async def outcomes(
        self, key: RepositoryKey, begin: float, end: float, *, public: bool = False
    ) -> Mapping[BuildState, int]:
        return await self._database.read(
            lambda connection: outcomes.counted(connection, key, begin, end, public=public)
        )

    async def first_numbers(self, asked: Sequence[tuple[RepositoryKey, float]]) -> Sequence[int]:
        def work(connection: Connection) -> Sequence[int]:
            return [connection.execute(_first(key, begin)).scalar() or 0 for key, begin in asked]

        return await self._database.read(work)

    async def unended(self, key: RepositoryKey, *, public: bool = False) -> bool:
        query = select(table.c.id).where(*_of(key), table.c.state.in_(_UNENDED)).limit(1)
        if public:
            query = query.where(table.c.is_public == 1)
        return await self._database.read(lambda connection: connection.execute(query).first() is not None)

    async def tags(self, key: RepositoryKey, size: int, *, public: bool = False) -> Sequence[BuiltTag]:
        return await self._database.read(
            lambda connection: built_tags.newest(connection, key, size, public=public)
        )

    async def refs(self, key: RepositoryKey, size: int, *, public: bool = False) -> Sequence[Build]:
        return await self._database.read(
            lambda connection: _read(connection, _refs(key, size, public=public))
        )

    async def verdict(
        self, key: RepositoryKey, ref: str | None = None, *, public: bool = False
    ) -> BuildState | None:
        query = _verdict(key, ref, public=public)

        def work(connection: Connection) -> BuildState | None:
            states = [BuildState(state) for state in connection.execute(query).scalars()]
            telling = [state for state in states if state not in _SAYS_NOTHING]
            return next((state for state in telling if state.terminal), next(iter(telling), None))

        return await self._database.read(work)

    async def failing(self, readable: frozenset[str] | None) -> Sequence[FailingRef]:
        return await self._database.read(lambda connection: failing.newest(connection, readable))

    async def marks(
        self, keys: Sequence[RepositoryKey], size: int, public: Collection[RepositoryKey] = ()
    ) -> Mapping[RepositoryKey, Sequence[BuildMark]]:
        def work(connection: Connection) -> Mapping[RepositoryKey, Sequence[BuildMark]]:
            queries = {key: _newest(key, size, public=key in public) for key in keys}
            return {key: _marks(connection, query) for key, query in queries.items()}

        return await self._database.read(work)


def _of(key: RepositoryKey) -> list[ColumnElement[bool]]:
    return [table.c.namespace == key[0], table.c.repo_name == key[1]]


def _newest(key: RepositoryKey, size: int, *, public: bool) -> Select[Any]:
    query = select(table).where(*_of(key)).limit(size)
    if public:
        # In the order of the index that has the public ones together.
        return query.where(table.c.is_public == 1).order_by(table.c.id.desc())
    return query.order_by(table.c.number.desc())


def _refs(key: RepositoryKey, size: int, *, public: bool) -> Select[Any]:
    # From its index alone.
    columns = (table.c.number, table.c.ref, table.c.is_public)
    newest = (
        select(*columns).where(*_of(key)).order_by(table.c.created_at.desc()).limit(_REFS_AMONG).subquery()
    )
    last = func.max(newest.c.number)
    numbers = select(last).group_by(newest.c.ref).order_by(last.desc()).limit(size)
    if public:
        numbers = numbers.where(newest.c.is_public == 1)
    return select(table).where(*_of(key), table.c.number.in_(numbers)).order_by(table.c.number.desc())


def _verdict(key: RepositoryKey, ref: str | None, *, public: bool) -> Select[Any]:
    query = select(table.c.state, table.c.is_public).where(*_of(key)).order_by(table.c.number.desc())
    if ref is not None:
        query = query.where(table.c.ref == ref)
    newest = query.limit(_VERDICT_AMONG).subquery()
    states = select(newest.c.state)
    return states.where(newest.c.is_public == 1) if public else states


def _first(key: RepositoryKey, begin: float) -> Select[Any]:
    return (
        select(table.c.number)
        .where(*_of(key), table.c.created_at >= begin)
        .order_by(table.c.created_at)
        .limit(1)
    )


def _of_time(key: RepositoryKey, period: Period) -> Subquery:
    """The numbers and times of the builds of a period, read from its index alone."""
    wanted = {"ref": period.refs, "cause": period.causes, "is_public": [1] if period.public else None}
    columns = [table.c.number, table.c.created_at, *(table.c[name] for name in wanted)]
    found = select(*columns).where(
        *_of(key), table.c.created_at >= period.begin, table.c.created_at < period.end
    )
    if all(values is None for values in wanted.values()):
        return found.subquery()
    newest = found.order_by(table.c.created_at.desc(), table.c.number.desc()).limit(MAX_BUILDS).subquery()
    only = [newest.c[name].in_(values) for name, values in wanted.items() if values is not None]
    return select(newest.c.number, newest.c.created_at).where(*only).subquery()


def _read(connection: Connection, query: Select[Any]) -> list[Build]:
    return [build_of(row) for row in connection.execute(query).mappings()]


def _marks(connection: Connection, query: Select[Any]) -> list[BuildMark]:
    rows = connection.execute(query.with_only_columns(*_MARK))
    return [
        BuildMark(build_id, number, BuildState(state), *times) for build_id, number, state, *times in rows
    ]
