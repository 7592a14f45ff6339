"""The jobs of build systems as calls of them have seen them."""

from collections.abc import Iterator
from functools import partial

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bridge.model.build import SeenJob
from bridge.store.codec import PARAMETERS, Parts, dump
from bridge.store.schema import seen_job as table
from bridge.store.sql.database import Database


class Jobs:
    """The jobs of one store: `bridge.store.base.Jobs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, builder: str, seen: SeenJob) -> None:
        names = dump(PARAMETERS, seen.parameters)
        values = {"builder": builder, "job": seen.job, "parameters": names, "seen_at": seen.seen_at}
        statement = upsert(table).values(values)
        statement = statement.on_conflict_do_update(index_elements=["builder", "job"], set_=values)
        await self._database.write(lambda connection: connection.execute(statement).close())

    async def of(self, builder: str) -> list[SeenJob]:
        return await self._database.read(lambda connection: list(_of(connection, builder)))


def _of(connection: Connection, builder: str) -> Iterator[SeenJob]:
    for row in connection.execute(select(table).where(table.c.builder == builder)):
        parts = Parts()
        names = parts.read("parameters", partial(PARAMETERS.validate_json, row.parameters), None)
        if names is not None:
            yield SeenJob(job=row.job, parameters=names, seen_at=row.seen_at)
