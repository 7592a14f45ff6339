"""Repositories and settings made by API, and the numbers of all repositories and their tag configurations.

A number is never used again: SQLite's AUTOINCREMENT remembers the highest one that was ever given.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Table, bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bridge.model.notice import Notice
from bridge.model.plan import RepositoryKey
from bridge.model.repository import (
    NO_OVERRIDE,
    Disabled,
    NoticesSet,
    Override,
    RepositoryChange,
    RepositoryIds,
    StoredRepository,
    StoredRules,
)
from bridge.store.schema_rules import build_config, repository_override, rules_revision, tag_config
from bridge.store.schema_rules import repository as table
from bridge.store.sql.audit import Audit
from bridge.store.sql.database import Database
from bridge.store.sql.notices import add as add_notice

_ONLY_ROW: Final = 1
_KEY: Final = ["namespace", "repo_name"]


class Repositories:
    """The repositories of one store: `bridge.store.base.Repositories`."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    async def all(self) -> StoredRules:
        return await self._database.read(_all)

    async def revision(self) -> int:
        return await self._database.read(_revision)

    async def begin(
        self, tags: Mapping[RepositoryKey, Sequence[str]], *, forget: bool
    ) -> Mapping[RepositoryKey, RepositoryIds]:
        def work(connection: Connection) -> dict[RepositoryKey, RepositoryIds]:
            known = _kept(connection)
            if forget:
                overrides = select(repository_override.c.namespace, repository_override.c.repo_name)
                for key in {*known, *map(_key, connection.execute(overrides))} - tags.keys():
                    _forget(connection, key)
            _insert(connection, build_config, [_named(key) for key in tags if key not in known])
            kept = _kept(connection)
            stale = [
                {"stale": one_id}
                for key, names in tags.items()
                for name, one_id in kept[key].tag_configs.items()
                if name not in names
            ]
            if stale:
                connection.execute(delete(tag_config).where(tag_config.c.id == bindparam("stale")), stale)
            new = [
                {"build_config_id": kept[key].build_config, "name": name}
                for key, names in tags.items()
                for name in names
                if name not in kept[key].tag_configs
            ]
            _insert(connection, tag_config, new)
            found = _kept(connection) if new else kept
            return {key: found[key].ids(names) for key, names in tags.items()}

        return await self._database.write(work)

    async def take(
        self,
        tags: Mapping[RepositoryKey, Sequence[str]],
        gone: Collection[RepositoryKey],
        notices: Sequence[Notice],
        change: RepositoryChange | None = None,
    ) -> Mapping[RepositoryKey, RepositoryIds]:
        def work(connection: Connection) -> dict[RepositoryKey, RepositoryIds]:
            if change is not None:
                _write(connection, change)
                self._audit.keep(connection, change.entry)
            for key in gone:
                _forget(connection, key)
            ids = {}
            for key, names in tags.items():
                given = change.tag_config_ids if change is not None and change.key == key else None
                ids[key] = _number(connection, key, names, given)
            for notice in notices:
                add_notice(connection, notice, dedupe=notice.id)
            return ids

        return await self._database.write(work)


@dataclass(slots=True)
class _Kept:
    """The numbers that are kept of a repository: of its build_config, and of its tag_configs by name."""

    build_config: int
    tag_configs: dict[str, int] = field(default_factory=dict)

    def ids(self, names: Sequence[str]) -> RepositoryIds:
        return RepositoryIds(self.build_config, tuple(self.tag_configs[name] for name in names))


def _all(connection: Connection) -> StoredRules:
    repositories = {
        _key(row): StoredRepository(
            key=_key(row),
            document=row.document,
            created_by=row.created_by,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in connection.execute(select(table).order_by(table.c.namespace, table.c.repo_name))
    }
    overrides = {_key(row): _override(row) for row in connection.execute(select(repository_override))}
    return StoredRules(repositories=repositories, overrides=overrides, revision=_revision(connection))


def _override(row: Row[Any]) -> Override:
    disabled = notices = None
    if row.disabled_at is not None:
        disabled = Disabled(by=row.disabled_by, at=row.disabled_at, reason=row.disabled_reason)
    if row.notices_at is not None:
        notices = NoticesSet(by=row.notices_by, at=row.notices_at, notices=row.notices)
    return Override(disabled=disabled, notices=notices)


def _revision(connection: Connection) -> int:
    return connection.execute(select(rules_revision.c.number)).scalar() or 0


def _write(connection: Connection, change: RepositoryChange) -> None:
    if change.repository is None:
        connection.execute(delete(table).where(_of(table, change.key)))
    else:
        made = change.repository
        _put(
            connection,
            table,
            change.key,
            document=made.document,
            created_by=made.created_by,
            created_at=made.created_at,
            updated_at=made.updated_at,
        )
    if change.override == NO_OVERRIDE:
        connection.execute(delete(repository_override).where(_of(repository_override, change.key)))
    else:
        disabled, notices = change.override.disabled, change.override.notices
        _put(
            connection,
            repository_override,
            change.key,
            disabled_by=disabled and disabled.by,
            disabled_at=disabled and disabled.at,
            disabled_reason=disabled and disabled.reason,
            notices_by=notices and notices.by,
            notices_at=notices and notices.at,
            notices=notices and notices.notices,
        )
    grown = upsert(rules_revision).values(id=_ONLY_ROW, number=1)
    grown = grown.on_conflict_do_update(index_elements=["id"], set_={"number": rules_revision.c.number + 1})
    connection.execute(grown)


def _put(connection: Connection, into: Table, key: RepositoryKey, **values: object) -> None:
    row = _named(key) | values
    connection.execute(upsert(into).values(row).on_conflict_do_update(index_elements=_KEY, set_=values))


def _insert(connection: Connection, into: Table, rows: Sequence[Mapping[str, object]]) -> None:
    if rows:
        connection.execute(insert(into), rows)


def _forget(connection: Connection, key: RepositoryKey) -> None:
    for one in (build_config, repository_override):
        connection.execute(delete(one).where(_of(one, key)))


def _kept(connection: Connection, *only: ColumnElement[bool]) -> dict[RepositoryKey, _Kept]:
    columns = build_config.c.id, build_config.c.namespace, build_config.c.repo_name
    tag = tag_config.c.id.label("tag_id"), tag_config.c.name
    query = select(*columns, *tag).outerjoin_from(build_config, tag_config).where(*only)
    found: dict[RepositoryKey, _Kept] = {}
    for row in connection.execute(query):
        kept = found.setdefault(_key(row), _Kept(row.id))
        if row.name is not None:
            kept.tag_configs[row.name] = row.tag_id
    return found


def _number(
    connection: Connection, key: RepositoryKey, names: Sequence[str], ids: Sequence[int | None] | None
) -> RepositoryIds:
    """Give numbers to what has none, and take them from what is gone.

    With `ids` the tag configurations have these, new ones where None stands, and else those of their names.
    """
    kept = _kept(connection, _of(build_config, key)).get(key)
    if kept is None:
        made = insert(build_config).values(_named(key)).returning(build_config.c.id)
        kept = _Kept(connection.execute(made).scalar_one())
    before = kept.tag_configs
    wanted = dict(zip(names, map(before.get, names) if ids is None else ids, strict=True))
    of_config = tag_config.c.build_config_id == kept.build_config
    connection.execute(delete(tag_config).where(of_config, tag_config.c.id.not_in(_given(wanted))))
    kept.tag_configs = {}
    for name, given in wanted.items():
        if given is None:
            row = insert(tag_config).values(build_config_id=kept.build_config, name=name)
            kept.tag_configs[name] = connection.execute(row.returning(tag_config.c.id)).scalar_one()
            continue
        kept.tag_configs[name] = given
        if before.get(name) != given:
            connection.execute(
                update(tag_config).where(of_config, tag_config.c.id == given).values(name=name)
            )
    return kept.ids(names)


def _given(wanted: Mapping[str, int | None]) -> list[int]:
    return [one for one in wanted.values() if one is not None]


def _named(key: RepositoryKey) -> dict[str, str]:
    return dict(zip(_KEY, key, strict=True))


def _key(row: Any) -> RepositoryKey:
    return row.namespace, row.repo_name


def _of(one: Table, key: RepositoryKey) -> ColumnElement[bool]:
    return (one.c.namespace == key[0]) & (one.c.repo_name == key[1])
