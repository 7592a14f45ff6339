"""In-app messages: the notices to the channel `message`."""

from typing import Final

from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.sqlite import insert as insert_ignore

from bridge.model.notice import BuildFacts, DigestFacts, EventName, Notice, ServiceFacts
from bridge.store.codec import MESSAGE_FACTS, Parts, dump
from bridge.store.schema import message as table
from bridge.store.sql import listing
from bridge.store.sql.database import Database
from bridge.store.values import ANY_MESSAGE, Cursor, MessageFilter, MessageRow, Page

_ROWS: Final = select(table)


class Messages:
    """The in-app messages of one store: `bridge.store.base.Messages`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_message(self, notice: Notice) -> None:
        facts = notice.facts
        assert not isinstance(facts, DigestFacts), "each notice is a message of its own"
        key = (facts.namespace, facts.repo_name) if isinstance(facts, BuildFacts) else (None, None)
        statement = (
            insert_ignore(table)
            .values(
                notice_id=notice.id,
                at=notice.created_at,
                event=notice.event,
                facts=dump(MESSAGE_FACTS, facts),
                namespace=key[0],
                repo_name=key[1],
            )
            .on_conflict_do_nothing(index_elements=["notice_id"])
        )
        await self._database.write(lambda connection: connection.execute(statement).rowcount)

    async def page(self, cursor: Cursor, size: int, only: MessageFilter = ANY_MESSAGE) -> Page[MessageRow]:
        values = listing.values_of(only)
        if values or only.event is not None:
            values["event"] = [*EventName] if only.event is None else [only.event]
        found = [listing.part_of(table, values)]
        return await self._database.read(
            lambda connection: listing.page(connection, _ROWS, found, cursor=cursor, size=size, make=_row)
        )


def _row(row: RowMapping) -> MessageRow:
    parts = Parts()
    nothing: BuildFacts | ServiceFacts = ServiceFacts(subject="", detail="")
    facts = parts.read("facts", lambda: MESSAGE_FACTS.validate_json(row["facts"]), nothing)
    event = parts.read("event", lambda: EventName(row["event"]), EventName.DEGRADED)
    if parts.damage:
        facts = ServiceFacts(subject=row["notice_id"], detail=parts.damage)
    return MessageRow(id=row["id"], notice_id=row["notice_id"], at=row["at"], event=event, facts=facts)
