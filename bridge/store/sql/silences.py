"""Silences, and how one holds notices that wait."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select, update

from bridge.model.audit import Change
from bridge.model.notice import EventName, NoticeState
from bridge.model.silence import MAX_OF_NAMESPACE, MAX_SILENCES, Silence
from bridge.runtime.clock import Clock, moment
from bridge.store.codec import PARAMETERS, Parts, to_json
from bridge.store.schema import notice
from bridge.store.schema_notices import silence as table
from bridge.store.sql.audit import Audit
from bridge.store.sql.database import Database
from bridge.store.sql.notice_rows import IS_OPEN, SILENCE, finish
from bridge.store.values import Redact

_AT_ONCE: Final = 100
"""The most notices that are held in one transaction."""


class Silences:
    """The silences of one store: `bridge.store.silences.Silences`."""

    def __init__(self, database: Database, clock: Clock, redact: Redact, audit: Audit) -> None:
        self._database = database
        self._clock = clock
        self._redact = redact
        self._audit = audit

    async def add(self, silence: Silence, change: Change) -> bool:
        now = self._clock()
        values: dict[str, Any] = {**asdict(silence), "reason": self._redact(silence.reason)}
        values["events"] = to_json(sorted(silence.events))

        def work(connection: Connection) -> bool:
            if connection.execute(select(table.c.id).where(table.c.id == silence.id)).first():
                return True
            in_force = active(connection, now)
            of_namespace = [one for one in in_force if one.namespace == silence.namespace]
            if len(in_force) >= MAX_SILENCES or (silence.namespace and len(of_namespace) >= MAX_OF_NAMESPACE):
                return False
            connection.execute(insert(table).values(values))
            self._audit.keep(connection, change)
            return True

        return await self._database.write(work)

    async def get(self, silence_id: str) -> Silence | None:
        query = select(table).where(table.c.id == silence_id)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else _silence_of(row)

    async def active(self) -> list[Silence]:
        now = self._clock()
        return await self._database.read(lambda connection: active(connection, now))

    async def newest(self, limit: int) -> list[Silence]:
        query = select(table).order_by(table.c.id.desc()).limit(limit)
        return await self._database.read(
            lambda connection: [_silence_of(row) for row in connection.execute(query).mappings()]
        )

    async def end(self, silence_id: str, change: Change) -> bool:
        now = self._clock()
        values = {"ended_at": now, "ended_by": change.who.name}
        ended = update(table).where(table.c.id == silence_id, _in_force(now)).values(values)

        def work(connection: Connection) -> bool:
            if not connection.execute(ended).rowcount:
                return False
            self._audit.keep(connection, change)
            return True

        return await self._database.write(work)


def active(connection: Connection, now: float) -> list[Silence]:
    """Those in force, the oldest first."""
    query = select(table).where(_in_force(now)).order_by(table.c.id).limit(MAX_SILENCES)
    found = [_silence_of(row) for row in connection.execute(query).mappings()]
    return [one for one in found if one.state(now) == "active"]


def hold(connection: Connection, held: Mapping[str, Silence], now: float) -> None:
    """End these notices unsent, some at once; one whose silence has ended meanwhile waits on.

    A digest with one of them is taken apart: the others may go.
    """
    for notice_id, silence in list(held.items())[:_AT_ONCE]:
        is_ours = (notice.c.id == notice_id, IS_OPEN, notice.c.digest_id.is_(None))
        row = connection.execute(select(notice.c.detail).where(*is_ours)).first()
        if row is None:
            continue
        if connection.execute(select(notice.c.id).where(notice.c.digest_id == notice_id).limit(1)).first():
            why = f"taken apart: silence {silence.id} holds some of it"
        else:
            more = update(table).where(table.c.id == silence.id, _in_force(now))
            if not connection.execute(more.values(held=table.c.held + 1)).rowcount:
                continue
            why = f"silence {silence.id} of {silence.author} until {moment(silence.until)}: {silence.reason}"
            why += f"; the last attempt: {row.detail}" if row.detail else ""
        finish(connection, notice_id, NoticeState.SUPPRESSED, now, reason=SILENCE, detail=why)


def _in_force(now: float) -> ColumnElement[bool]:
    return (table.c.until > now) & table.c.ended_at.is_(None)


def _silence_of(row: RowMapping) -> Silence:
    """The silence; one whose events cannot be read any more holds nothing."""
    parts = Parts()
    nothing: frozenset[EventName] | None = None
    events = parts.read(
        "events", lambda: frozenset(map(EventName, PARAMETERS.validate_json(row["events"]))), nothing
    )
    if events is None:
        return Silence(**{**row, "events": frozenset(), "until": row["created_at"]})
    return Silence(**{**row, "events": events})
