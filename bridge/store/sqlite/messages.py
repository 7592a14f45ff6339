"""In-app messages: the notices to the channel `message`."""

from sqlalchemy.dialects.sqlite import insert as insert_ignore

from bridge.model.notice import Notice
from bridge.store.codec import FACTS, dump
from bridge.store.schema import message as table
from bridge.store.sqlite.database import Database


class Messages:
    """The in-app messages of one SQLite store: `bridge.store.base.Messages`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_message(self, notice: Notice) -> None:
        facts = dump(FACTS, notice.facts)
        statement = (
            insert_ignore(table)
            .values(notice_id=notice.id, at=notice.created_at, event=notice.event, facts=facts)
            .on_conflict_do_nothing(index_elements=["notice_id"])
        )
        await self._database.write(lambda connection: connection.execute(statement).rowcount)
