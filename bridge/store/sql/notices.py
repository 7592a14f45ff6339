"""Notices: sent at least once, in order for each job and channel, and every attempt counts for the rate."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_ignore
from uuid_utils import uuid7

from bridge.errors import CannotReplay
from bridge.model.audit import Change
from bridge.model.build import Build
from bridge.model.notice import DigestFacts, Notice, NoticeState, ServiceFacts
from bridge.model.outbox import Choose, Later, Send, Waiting
from bridge.model.silence import Silence, Silenced
from bridge.runtime.clock import Clock
from bridge.store.codec import FACTS, dump
from bridge.store.schema import notice as table
from bridge.store.schema import send, target_pause
from bridge.store.schema_notices import channel_wait
from bridge.store.sql import listing, moving, outbox, timeline
from bridge.store.sql.audit import Audit
from bridge.store.sql.constructs import least
from bridge.store.sql.database import Database
from bridge.store.sql.notice_rows import IS_OPEN, TAKEN_APART, finish, parts_of, row_of
from bridge.store.sql.silences import hold
from bridge.store.sql.turns import next_turn
from bridge.store.values import ANY_NOTICE, Cursor, NoticeFilter, NoticeRow, Page, Redact, Step

_ROWS: Final = select(table)
_SEND_LOG_SECONDS: Final = 3600
_APART_SECONDS: Final = 5
"""What another node has just sent may be of the future by so much, at most."""


def add(connection: Connection, notice: Notice, *, dedupe: str, build: Build | None = None) -> None:
    """Write a notice; one with the same `dedupe` was written before and stays as it is."""
    job = f"{build.full_name} {build.request.ref}" if build else _part_of(notice)
    made = connection.execute(
        insert_ignore(table)
        .values(
            id=notice.id,
            dedupe=dedupe,
            build_id=build.id if build else None,
            channel=notice.channel,
            event=notice.event,
            job=job,
            facts=dump(FACTS, notice.facts),
            state=NoticeState.PENDING,
            created_at=notice.created_at,
            next_at=notice.created_at,
            batch=build.origin.delivery_id if build and build.state.terminal else None,
            namespace=build.namespace if build else None,
            repo_name=build.repo_name if build else None,
            turn=next_turn(table),
        )
        .on_conflict_do_nothing(index_elements=["dedupe"])
    )
    if made.rowcount:
        timeline.add(connection, notice.id, notice.created_at, NoticeState.PENDING)


def add_all(connection: Connection, build: Build, made: Sequence[Notice]) -> None:
    """Write what a build in its new state asks for; what its run has asked for in this state stays."""
    for notice in made:
        dedupe = f"{build.run_id}:{build.state}:{notice.event}:{notice.channel}"
        add(connection, notice, dedupe=dedupe, build=build)


def _part_of(notice: Notice) -> str:
    """What a notice without a build is kept in order for."""
    return f"bridge {notice.facts.subject}" if isinstance(notice.facts, ServiceFacts) else "bridge"


def _none_silenced(_waiting: Sequence[Waiting], _silences: Sequence[Silence]) -> Mapping[str, Silence]:
    return {}


class Notices:
    """The notices of one store: `bridge.store.base.Notices`."""

    def __init__(self, database: Database, clock: Clock, redact: Redact, audit: Audit) -> None:
        self._database = database
        self._clock = clock
        self._redact = redact
        self._audit = audit

    async def add(self, notices: Sequence[Notice]) -> None:
        def work(connection: Connection) -> None:
            for notice in notices:
                add(connection, notice, dedupe=notice.id)

        await self._database.write(work)

    async def note_wait(self, channel: str, *, quiet_until: float, rate_until: float) -> None:
        values = {"channel": channel, "quiet_until": quiet_until, "rate_until": rate_until}
        noted = insert_ignore(channel_wait).values(values)
        noted = noted.on_conflict_do_update(index_elements=["channel"], set_=values)
        await self._database.write(lambda connection: connection.execute(noted))

    async def claim(
        self,
        channel: str,
        target: str,
        choose: Choose,
        recipients: Sequence[str] = (),
        *,
        silenced: Silenced = _none_silenced,
        since: float = 0.0,
    ) -> NoticeRow | Later | None:
        now, has_recipients = self._clock(), bool(recipients)

        def upkeep(connection: Connection) -> None:
            outbox.expire(connection, channel, since, now)
            if recipients:
                outbox.split(connection, channel, recipients, now)

        if not await self._database.read(partial(outbox.has_open, channel=channel)):
            return None
        needs = partial(outbox.needs_upkeep, channel=channel, since=since, has_recipients=has_recipients)
        if await self._database.read(needs):
            await self._database.write(upkeep)
        look = partial(outbox.look, channel=channel, now=now, since=since, has_recipients=has_recipients)
        while True:
            # The writer is for all of the daemon: it is not asked before there is something to write.
            found = await self._database.read(look)
            if found.silences and (held := silenced(found.waiting, found.silences)):
                await self._database.write(partial(hold, held=held, now=now))
                continue
            chosen = choose(found.waiting)
            if not isinstance(chosen, Send):
                times = [chosen.at] if chosen else []
                times += [] if found.next_at is None else [found.next_at]
                return Later(min(times), chosen.rate_until if chosen else 0.0) if times else None
            row = await self._database.write(partial(_take, chosen=chosen, target=target, now=now))
            if row is not None:
                return row

    async def end(
        self,
        notice_id: str,
        state: NoticeState,
        detail: str,
        *,
        reason: str = "",
        next_at: float | None = None,
        count: bool = True,
    ) -> None:
        now, detail = self._clock(), self._redact(detail)

        def work(connection: Connection) -> None:
            if not count:
                less = update(table).where(table.c.id == notice_id).values(attempts=table.c.attempts - 1)
                connection.execute(less)
            if state is not NoticeState.PENDING:
                finish(connection, notice_id, state, now, reason=reason, detail=detail)
                return
            again = {"state": state, "reason": reason, "detail": detail}
            again_at = now if next_at is None else next_at
            connection.execute(update(table).where(table.c.id == notice_id).values(**again, next_at=again_at))
            timeline.add(connection, notice_id, now, "retry", f"{reason}: {detail}" if reason else detail)

        await self._database.write(work)

    async def hurry(self, channel: str) -> None:
        now = self._clock()
        waiting = update(table).where(table.c.channel == channel, IS_OPEN, table.c.next_at > now)
        # As if they had not been tried yet: the oldest goes first.
        due = waiting.values(next_at=least(table.c.created_at, now))
        await self._database.write(lambda connection: connection.execute(due).rowcount)

    async def move(self, channel: str, to: str) -> int:
        now = self._clock()
        if not await self._database.read(partial(moving.are_to_move, channel=channel, to=to)):
            return 0
        return await self._database.write(partial(moving.move, channel=channel, to=to, now=now))

    async def sends_since(self, target: str, since: float) -> list[float]:
        query = (
            select(send.c.at)
            .where(send.c.target == target, send.c.at.between(since, self._clock() + _APART_SECONDS))
            .order_by(send.c.at)
        )
        return await self._database.read(lambda connection: list(connection.execute(query).scalars()))

    async def pause(self, target: str, until: float) -> None:
        now = self._clock()

        def work(connection: Connection) -> None:
            connection.execute(
                delete(target_pause).where((target_pause.c.target == target) | (target_pause.c.until < now))
            )
            connection.execute(insert(target_pause).values(target=target, until=until))

        await self._database.write(work)

    async def paused_until(self, target: str) -> float:
        query = select(target_pause.c.until).where(target_pause.c.target == target)
        found = await self._database.read(lambda connection: connection.execute(query).scalar())
        return found or 0.0

    async def end_orphans(self, channels: Collection[str]) -> int:
        now = self._clock()
        orphan = select(table.c.id).where(IS_OPEN, table.c.channel.not_in(channels)).limit(1)
        if await self._database.read(lambda connection: connection.execute(orphan).first()) is None:
            return 0
        return await self._database.write(lambda connection: end_orphans(connection, channels, now))

    async def get(self, notice_id: str) -> tuple[NoticeRow, list[Step]] | None:
        def work(connection: Connection) -> tuple[NoticeRow, list[Step]] | None:
            row = connection.execute(select(table).where(table.c.id == notice_id)).mappings().first()
            return None if row is None else (row_of(row), timeline.of(connection, notice_id))

        return await self._database.read(work)

    async def page(self, cursor: Cursor, size: int, only: NoticeFilter = ANY_NOTICE) -> Page[NoticeRow]:
        def work(connection: Connection) -> Page[NoticeRow]:
            found = [_part(connection, only)]
            return listing.page(connection, _ROWS, found, cursor=cursor, size=size, make=row_of)

        return await self._database.read(work)

    async def drop(self, notice_id: str, why: str, change: Change) -> bool:
        now = self._clock()
        waits = (table.c.id == notice_id, table.c.state == NoticeState.PENDING, table.c.digest_id.is_(None))

        def work(connection: Connection) -> bool:
            if connection.execute(select(table.c.id).where(*waits)).first() is None:
                return False
            finish(connection, notice_id, NoticeState.DEAD, now, reason="dropped", detail=why)
            self._audit.keep(connection, change)
            return True

        return await self._database.write(work)

    async def replay(self, notice_id: str, change: Change, claim_id: str | None = None) -> str:
        now = self._clock()
        new_id = claim_id or str(uuid7())

        def work(connection: Connection) -> str:
            if connection.execute(select(table.c.id).where(table.c.id == new_id)).first():
                return new_id
            old = connection.execute(select(table).where(table.c.id == notice_id)).mappings().first()
            if old is None:
                raise CannotReplay(f"there is no notice {notice_id}: see `notices list`")
            notice, parts = parts_of(old)
            if parts.damage:
                raise CannotReplay(f"{notice_id} cannot be sent again: {parts.damage}")
            is_digest = isinstance(notice.facts, DigestFacts)
            if is_digest and old["reason"] in TAKEN_APART:
                raise CannotReplay(f"the notices of {notice_id} went one by one: replay these")
            if old["state"] in {NoticeState.PENDING, NoticeState.SENDING}:
                raise CannotReplay(f"{notice_id} is still to be sent: it is {old['state']}")
            values = {**old, "id": new_id, "dedupe": new_id, "state": NoticeState.PENDING}
            values |= dict.fromkeys(("ended_at", "digest_id", "batch", "moved_from"))
            values |= {"reason": "", "detail": "", "attempts": 0, "folds": int(not is_digest)}
            values |= {"created_at": now, "next_at": now, "turn": next_turn(table)}
            connection.execute(insert(table).values(values))
            timeline.add(connection, notice_id, now, "replayed", f"as {new_id}")
            timeline.add(connection, new_id, now, NoticeState.PENDING, f"replay of {notice_id}")
            self._audit.keep(connection, replace(change, after={"notice_id": new_id}))
            return new_id

        return await self._database.write(work)


def _part(connection: Connection, only: NoticeFilter) -> listing.Part:
    """The notices that the filter asks for, found along an index."""
    values = listing.values_of(only)
    if only.channel is not None:
        values["channel"] = [only.channel]
    if values or only.state is not None:
        values["state"] = [*NoticeState] if only.state is None else [only.state]
    if only.build_id is None:
        return listing.part_of(table, values)
    return listing.few_of(connection, table, {"build_id": only.build_id}, [values])


def end_orphans(connection: Connection, channels: Collection[str], now: float) -> int:
    """End the open notices to a channel that is not among `channels`; returns how many.

    What came to such a channel as a fallback goes back to where it was first.
    """
    moving.move_back(connection, channels, now)
    orphans = select(table.c.id, table.c.channel).where(IS_OPEN, table.c.channel.not_in(channels))
    rows = connection.execute(orphans).all()
    alone = orphans.where(table.c.digest_id.is_(None))  # what is in a digest ends with that
    for notice_id, channel in connection.execute(alone).all():
        why = f"there is no channel {channel} any more"
        finish(connection, notice_id, NoticeState.DEAD, now, reason="config", detail=why)
    return len(rows)


def _take(connection: Connection, *, chosen: Send, target: str, now: float) -> NoticeRow | None:
    """What was chosen is `sending`, and an attempt on the target; None when it has changed meanwhile."""
    row = outbox.take(connection, chosen, now)
    if row is None:
        return None
    values = {"state": NoticeState.SENDING, "attempts": table.c.attempts + 1}
    connection.execute(update(table).where(table.c.id == row["id"]).values(**values))
    connection.execute(insert(send).values(target=target, at=now))
    connection.execute(delete(send).where(send.c.at < now - _SEND_LOG_SECONDS))
    return row_of(row)
