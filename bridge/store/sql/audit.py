"""The audit trail: entries are written with what they are about, and go with the builds of their time."""

from typing import Any, Final

from sqlalchemy import Connection, RowMapping, insert, select, update
from uuid_utils import uuid7

from bridge.model.audit import Action, AuditEntry, Change
from bridge.runtime.clock import Clock
from bridge.runtime.redaction import without_secrets
from bridge.store.codec import Parts, from_json, to_json
from bridge.store.schema_callers import audit as table
from bridge.store.sql import listing
from bridge.store.sql.database import Database
from bridge.store.values import Cursor, Page, Redact

_ROWS: Final = select(table)


class Audit:
    """The audit trail of one store: `bridge.store.base.Audit`."""

    def __init__(self, database: Database, clock: Clock, redact: Redact) -> None:
        self._database = database
        self._clock = clock
        self._redact = redact

    def keep(self, connection: Connection, change: Change) -> str:
        """Write the entry of a change, in the transaction that makes it; returns its id."""
        entry_id = str(uuid7())
        values = {
            "id": entry_id,
            "at": self._clock(),
            "name": change.who.name,
            "token_id": change.who.token_id,
            "action": change.action,
            "subject": change.subject,
            "origin": change.origin,
            "before": self._storable(change.before),
            "after": self._storable(change.after),
        }
        connection.execute(insert(table).values(values))
        return entry_id

    async def begin(self, change: Change) -> str:
        return await self._database.write(lambda connection: self.keep(connection, change))

    async def end(self, entry_id: str, after: Any) -> None:
        ended = update(table).where(table.c.id == entry_id).values(after=self._storable(after))
        await self._database.write(lambda connection: connection.execute(ended).rowcount)

    async def page(
        self, cursor: Cursor, size: int, *, name: str | None = None, action: Action | None = None
    ) -> Page[AuditEntry]:
        wanted = {"name": name, "action": action}
        values = {column: [value] for column, value in wanted.items() if value is not None}
        return await self._database.read(
            lambda connection: listing.page(
                connection,
                _ROWS,
                [listing.part_of(table, values)],
                cursor=cursor,
                size=size,
                make=_entry_of,
            )
        )

    def _storable(self, value: Any) -> str | None:
        return None if value is None else to_json(without_secrets(value, self._redact))


def _entry_of(row: RowMapping) -> AuditEntry:
    parts = Parts()

    def read(name: str) -> Any:
        return None if row[name] is None else parts.read(name, lambda: from_json(row[name]), None)

    values = {**row, "before": read("before"), "after": read("after")}
    return AuditEntry(**values)
