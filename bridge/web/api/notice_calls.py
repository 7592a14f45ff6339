"""The calls of our own API about notices and in-app messages."""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.web.api.core.core import Core
from bridge.web.api.notice_documents import (
    MessageDocument,
    NoticeDocument,
    NoticeStory,
    message_document,
    notice_document,
    notice_story,
)
from bridge.web.api.operation import Call, Dialect, Operation
from bridge.web.api.pages import PAGE_SIZE, ListPage, PageLinks
from bridge.web.api.queries import MessageQuery, NoticeQuery

_NOTICE: Final = "/v1/notices/{notice_id}"


class NoticeCalls(Dialect):
    """The views."""

    _core: Core
    _links: PageLinks

    async def list_notices(self, call: Call, query: NoticeQuery) -> ListPage[NoticeDocument]:
        """List notices, the newest first."""
        page = await self._core.notices.page(call.caller, query.cursor, PAGE_SIZE, query.filter)
        return self._links.listed(call, page, lambda row: row.notice.id, notice_document)

    async def show_notice(self, call: Call) -> NoticeStory:
        """Show a notice and its timeline."""
        return notice_story(*await self._core.notices.one(call.caller, call.path["notice_id"]))

    async def replay_notice(self, call: Call) -> NoticeDocument:
        """Have a notice that has ended sent once more; the answer is the new notice.

        Where a silence in force will hold it, its `detail` says which.
        """
        new_id = await self._core.notices.replay(
            call.caller, call.path["notice_id"], call.origin, call.claim_id
        )
        return notice_document(await self._core.notices.replayed(call.caller, new_id))

    async def drop_notice(self, call: Call) -> NoticeDocument:
        """End a notice that waits, unsent; the next one of its build may go then."""
        return notice_document(
            await self._core.notices.drop(call.caller, call.path["notice_id"], call.origin)
        )

    async def list_messages(self, call: Call, query: MessageQuery) -> ListPage[MessageDocument]:
        """List in-app messages, the newest first."""
        page = await self._core.notices.messages(call.caller, query.cursor, PAGE_SIZE, query.filter)
        return self._links.listed(call, page, lambda row: row.id, message_document)

    notice_operations: ClassVar[Sequence[Operation]] = (
        Operation("GET", "/v1/notices", list_notices),
        Operation("GET", _NOTICE, show_notice),
        Operation("POST", f"{_NOTICE}/replay", replay_notice, status=201),
        Operation("POST", f"{_NOTICE}/drop", drop_notice),
        Operation("GET", "/v1/messages", list_messages),
    )
