"""The audit trail: entries are written once, and go with the builds of their time."""

from typing import Any, Final

from sqlalchemy import RowMapping, insert, select
from uuid_utils import uuid7

from bridge.model.access import Principal
from bridge.model.audit import Action, AuditEntry
from bridge.runtime.clock import Clock
from bridge.runtime.redaction import without_secrets
from bridge.store.codec import Parts, from_json, to_json
from bridge.store.schema_callers import audit as table
from bridge.store.sqlite import listing
from bridge.store.sqlite.database import Database
from bridge.store.values import Cursor, Page, Redact

_ROWS: Final = select(table)


class Audit:
    """The audit trail of one SQLite store: `bridge.store.base.Audit`."""

    def __init__(self, database: Database, clock: Clock, redact: Redact) -> None:
        self._database = database
        self._clock = clock
        self._redact = redact

    async def add(
        self,
        who: Principal,
        action: Action,
        subject: str,
        *,
        origin: str,
        before: Any = None,
        after: Any = None,
    ) -> None:
        values = {
            "id": str(uuid7()),
            "at": self._clock(),
            "name": who.name,
            "token_id": who.token_id,
            "action": action,
            "subject": subject,
            "origin": origin,
            "before": self._shown(before),
            "after": self._shown(after),
        }
        await self._database.write(
            lambda connection: connection.execute(insert(table).values(values)).rowcount
        )

    def _shown(self, value: Any) -> str | None:
        return None if value is None else to_json(without_secrets(value, self._redact))

    async def page(self, cursor: Cursor, size: int) -> Page[AuditEntry]:
        return await self._database.read(
            lambda connection: listing.page(
                connection,
                _ROWS,
                [listing.part_of(table, {})],
                cursor=cursor,
                size=size,
                make=_entry_of,
            )
        )


def _entry_of(row: RowMapping) -> AuditEntry:
    parts = Parts()

    def read(name: str) -> Any:
        return None if row[name] is None else parts.read(name, lambda: from_json(row[name]), None)

    values = {**row, "before": read("before"), "after": read("after")}
    return AuditEntry(**values)
