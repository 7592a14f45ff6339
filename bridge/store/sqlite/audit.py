"""The audit trail: entries are written once, and go with the builds of their time."""

from typing import Any, Final

from sqlalchemy import Connection, RowMapping, insert, select
from uuid_utils import uuid7

from bridge.model.access import Principal
from bridge.model.audit import Action, AuditEntry, Change
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
        change = Change(who=who, action=action, subject=subject, origin=origin, before=before, after=after)
        at = self._clock()
        await self._database.write(lambda connection: keep(connection, change, at, self._redact))

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


def keep(connection: Connection, change: Change, at: float, redact: Redact) -> None:
    """Write the entry of a change, in the transaction that makes it."""

    def shown(value: Any) -> str | None:
        return None if value is None else to_json(without_secrets(value, redact))

    values = {
        "id": str(uuid7()),
        "at": at,
        "name": change.who.name,
        "token_id": change.who.token_id,
        "action": change.action,
        "subject": change.subject,
        "origin": change.origin,
        "before": shown(change.before),
        "after": shown(change.after),
    }
    connection.execute(insert(table).values(values))


def _entry_of(row: RowMapping) -> AuditEntry:
    parts = Parts()

    def read(name: str) -> Any:
        return None if row[name] is None else parts.read(name, lambda: from_json(row[name]), None)

    values = {**row, "before": read("before"), "after": read("after")}
    return AuditEntry(**values)
