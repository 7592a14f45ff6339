"""When schedules are due next: a due time is claimed and its delivery kept in one transaction."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as insert_ignore

from bridge.model.build import MANUAL
from bridge.model.delivery import Delivery
from bridge.model.notice import Notice
from bridge.model.plan import KnownBranch
from bridge.store.schema import build, ref_move
from bridge.store.schema import schedule as table
from bridge.store.sql import deliveries, history
from bridge.store.sql.constructs import json_text
from bridge.store.sql.database import Database
from bridge.store.sql.notices import add as add_notice


class Schedules:
    """The schedules of one store: `bridge.store.base.Schedules`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sync(self, wanted: Mapping[str, float]) -> None:
        def work(connection: Connection) -> None:
            known = set(connection.execute(select(table.c.name)).scalars())
            for name in known - wanted.keys():
                connection.execute(delete(table).where(table.c.name == name))
            new = [{"name": name, "due_at": due_at} for name, due_at in wanted.items() if name not in known]
            if new:
                connection.execute(insert_ignore(table).on_conflict_do_nothing(), new)

        await self._database.write(work)

    async def due(self, now: float) -> list[tuple[str, float]]:
        query = select(table.c.name, table.c.due_at).where(table.c.due_at <= now).order_by(table.c.due_at)
        return await self._database.read(
            lambda connection: [(row.name, row.due_at) for row in connection.execute(query)]
        )

    async def next_due(self) -> float | None:
        return await self._database.read(
            lambda connection: connection.execute(select(func.min(table.c.due_at))).scalar_one()
        )

    async def claim(
        self, name: str, due_at: float, next_at: float, delivery: Delivery | None, notices: Sequence[Notice]
    ) -> bool:
        def work(connection: Connection) -> bool:
            same = (table.c.name == name) & (table.c.due_at == due_at)
            if not connection.execute(update(table).where(same).values(due_at=next_at)).rowcount:
                return False
            if delivery is not None:
                deliveries.keep(connection, delivery)
            for notice in notices:
                add_notice(connection, notice, dedupe=notice.id)
            return True

        return await self._database.write(work)

    async def branch(self, code: str, branch: str, namespace: str, repo_name: str) -> KnownBranch:
        ref = f"refs/heads/{branch}"

        def work(connection: Connection) -> KnownBranch:
            moves = history.moves_of(connection, code, ref)
            built, built_url = _built(connection, namespace, repo_name, ref)
            return KnownBranch(moves, built, _clone_url(connection, code, ref) or built_url)

        return await self._database.read(work)


def _clone_url(connection: Connection, code: str, ref: str) -> str | None:
    """Where the code is, as the last move of the ref that named an address says."""
    same = (ref_move.c.code == code) & (ref_move.c.ref == ref) & (ref_move.c.clone_url != "")
    query = select(ref_move.c.clone_url).where(same).order_by(ref_move.c.at.desc()).limit(1)
    return connection.execute(query).scalar()


def _built(connection: Connection, namespace: str, repo_name: str, ref: str) -> tuple[str | None, str | None]:
    """The commit that was last built of the ref, and where the code of the repository's newest build is.

    A build by hand may be of any commit: it does not show where the ref is.
    """
    same = (build.c.namespace == namespace) & (build.c.repo_name == repo_name)
    newest = (
        select(json_text(build.c.request, "repo_url")).where(same).order_by(build.c.number.desc()).limit(1)
    )
    of_ref = newest.with_only_columns(json_text(build.c.request, "commit")).where(
        build.c.ref == ref, json_text(build.c.origin, "cause") != MANUAL
    )
    url, commit = (connection.execute(query).scalar() for query in (newest, of_ref))
    return commit or None, url or None
