"""Notices and in-app messages as callers may see them, and notices that are sent once more."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import anyio

from bridge.errors import CannotReplay
from bridge.model.access import Principal, Role
from bridge.model.audit import Action, Change
from bridge.model.notice import MESSAGE_CHANNEL, BuildFacts, DigestFacts, NoticeState
from bridge.model.outbox import About
from bridge.model.silence import SilencedBy
from bridge.planning.silences import holder
from bridge.rules.checking import Names
from bridge.runtime.clock import moment
from bridge.store.base import Store
from bridge.store.values import Cursor, MessageFilter, MessageRow, NoticeFilter, NoticeRow, Page, Step
from bridge.web.api.core.access import require, require_in
from bridge.web.api.core.builds import sees
from bridge.web.api.core.errors import Conflict, NotFound
from bridge.web.api.core.reasons import notices_with_reasons
from bridge.web.api.core.repositories import RuleKeeper

_NO_NOTICE: Final = "no notice has this id that your token may see: it is wrong, or the notice is too old"


class NoticeAccess:
    """One about a build is for who sees its namespace; one about the bridge, for who may read all."""

    def __init__(
        self, store: Store, keeper: RuleKeeper, wake: Callable[[], None], one_list: anyio.Semaphore
    ) -> None:
        self._store = store
        self._notices = store.notices
        self._messages = store.messages
        self._keeper = keeper
        self._wake = wake
        self._one_list = one_list

    async def page(self, caller: Principal, cursor: Cursor, size: int, only: NoticeFilter) -> Page[NoticeRow]:
        """The notices that the caller may see, of those that `only` asks for, with what they wait for."""
        async with self._one_list:
            page = await self._notices.page(cursor, size, replace(only, readable=caller.namespaces))
            return replace(page, rows=await notices_with_reasons(self._store, page.rows))

    async def messages(
        self, caller: Principal, cursor: Cursor, size: int, only: MessageFilter
    ) -> Page[MessageRow]:
        """The in-app messages that the caller may see, of those that `only` asks for."""
        async with self._one_list:
            return await self._messages.page(cursor, size, replace(only, readable=caller.namespaces))

    async def one(self, caller: Principal, notice_id: str) -> tuple[NoticeRow, list[Step]]:
        """A notice with what it waits for, and its timeline. Raises NotFound."""
        found = await self._notices.get(notice_id)
        if found is None or not _visible(caller, found[0]):
            raise NotFound(_NO_NOTICE)
        (row,) = await notices_with_reasons(self._store, [found[0]])
        return row, found[1]

    async def replay(
        self, caller: Principal, notice_id: str, origin: str, claim_id: str | None = None
    ) -> str:
        """Have a notice that has ended sent once more, as a new one; returns the id of that.

        With the id of a claimed idempotency key this is done once. Takes the role member in its namespace,
        everywhere for one about the bridge. Raises NotFound, Forbidden, and Conflict for one that is still to
        be sent, or whose channel is gone.
        """
        row = await self._changeable(caller, notice_id)
        channel = row.notice.channel
        if channel not in self._keeper.in_force.files.names.channels:
            raise Conflict(f"there is no channel {channel} any more: add it to bridge.yaml, then try again")
        change = Change(who=caller, action=Action.NOTICE_REPLAYED, subject=notice_id, origin=origin)
        try:
            new_id = await self._notices.replay(notice_id, change, claim_id)
        except CannotReplay as error:
            raise Conflict(str(error)) from None
        self._wake()
        return new_id

    async def drop(self, caller: Principal, notice_id: str, origin: str) -> NoticeRow:
        """End a notice that waits, unsent; returns it as it is then.

        Takes the role that `replay` does. Raises NotFound, Forbidden, and Conflict for one that is being
        sent, has ended, or goes with others in one.
        """
        row = await self._changeable(caller, notice_id)
        change = Change(
            who=caller,
            action=Action.NOTICE_DROPPED,
            subject=notice_id,
            origin=origin,
            before={"channel": row.notice.channel},
        )
        if not await self._notices.drop(notice_id, f"dropped by {caller.name}", change):
            row, _ = await self.one(caller, notice_id)
            if row.digest_id is not None and row.state is NoticeState.PENDING:
                raise Conflict(f"{notice_id} goes with others in the notice {row.digest_id}: drop that")
            raise Conflict(f"{notice_id} does not wait: it is {row.state}")
        self._wake()
        return (await self.one(caller, notice_id))[0]

    async def _changeable(self, caller: Principal, notice_id: str) -> NoticeRow:
        """Raises NotFound and Forbidden."""
        row, _ = await self.one(caller, notice_id)
        if row.namespace is None:
            require(caller, Role.MEMBER)
        else:
            require_in(caller, Role.MEMBER, row.namespace)
        return row

    async def replayed(self, caller: Principal, notice_id: str) -> NoticeRow:
        """A notice that was just made again; `detail` says which silence will hold it. Raises NotFound."""
        row, _ = await self.one(caller, notice_id)
        why = await held_again(self._store, row, self._keeper.in_force.files.names)
        return replace(row, detail=why) if why else row


async def held_again(store: Store, row: NoticeRow, names: Names) -> str:
    """Why a notice that was made again is not sent either: a silence in force; empty where there is none."""
    by: SilencedBy = "its-own" if row.notice.channel in names.whole_channels else "any"
    in_app = names.channels.get(row.notice.channel) == names.channels.get(MESSAGE_CHANNEL)
    if in_app or isinstance(row.notice.facts, DigestFacts):
        by = "none"
    facts = row.notice.facts
    about = About(
        row.notice.event,
        f"{row.namespace}/{row.repo_name}" if row.namespace else None,
        facts.ref_name if isinstance(facts, BuildFacts) else None,
    )
    found = holder(about, await store.silences.active(), channel=row.notice.channel, by=by)
    if found is None:
        return ""
    return (
        f"silence {found.id} of {found.author} holds it until {moment(found.until)}: end that, then replay it"
    )


def _visible(caller: Principal, row: NoticeRow) -> bool:
    return caller.namespaces is None if row.namespace is None else sees(caller, row.namespace)
