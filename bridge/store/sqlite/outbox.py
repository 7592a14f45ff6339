"""Notices: written with the change they tell of, sent at least once, in order for each job and channel."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as insert_or_nothing
from uuid_utils import uuid7

from bridge.model.build import Build
from bridge.model.notice import MESSAGE_CHANNEL, EventName, Notice, NoticeState, ServiceFacts, Subscription
from bridge.runtime.clock import Clock
from bridge.store.codec import FACTS, dump
from bridge.store.schema import message, send, service
from bridge.store.schema import notice as table
from bridge.store.sqlite import timeline
from bridge.store.sqlite.clockstep import clamp
from bridge.store.sqlite.database import Database
from bridge.store.values import HealthRecord, NoticeRow, Step

# Word for word the condition of the index over open notices: bound parameters would not use it.
_IS_OPEN: Final = text("state IN ('pending', 'sending')")
_SEND_LOG_SECONDS: Final = 3600


def add(connection: Connection, notice: Notice, *, dedupe: str, build: Build | None = None) -> None:
    """Write a notice; one with the same `dedupe` was written before and stays as it is."""
    job = f"{build.full_name} {build.request.ref}" if build else "bridge"
    made = connection.execute(
        insert_or_nothing(table)
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
        )
        .on_conflict_do_nothing(index_elements=["dedupe"])
    )
    if made.rowcount:
        timeline.add(connection, notice.id, notice.created_at, NoticeState.PENDING)


class Outbox:
    """The notices of one store; `watchers` are told of what happens to the bridge itself."""

    def __init__(self, database: Database, clock: Clock, watchers: Sequence[Subscription] = ()) -> None:
        self._database = database
        self._clock = clock
        self._watchers = watchers

    async def recover(self, channels: Collection[str], services: Collection[str]) -> int:
        """At start: what was being sent when the process died is sent again.

        What seems to be due in many hours only is due now: the clock may have been set meanwhile. What waits
        for a channel that is not among `channels` any more is given up, and only the health of `services` is
        kept. Returns how many notices were given up.
        """
        now = self._clock()

        def work(connection: Connection) -> int:
            clamp(connection, now)
            connection.execute(
                update(table).where(table.c.state == NoticeState.SENDING).values(state=NoticeState.PENDING)
            )
            connection.execute(delete(service).where(service.c.name.not_in(services)))
            return _give_up_strays(connection, channels, now)

        return await self._database.write(work)

    async def give_up_strays(self, channels: Collection[str]) -> int:
        """Give up what waits for a channel that is not among `channels`; returns how many notices that were.

        A build made before the last start may still name a channel that there was then.
        """
        now = self._clock()
        stray = select(table.c.id).where(_IS_OPEN, table.c.channel.not_in(channels)).limit(1)
        if await self._database.read(lambda connection: connection.execute(stray).first()) is None:
            return 0
        return await self._database.write(lambda connection: _give_up_strays(connection, channels, now))

    async def next(self, channel: str) -> tuple[NoticeRow | None, float | None]:
        """The notice to send now; or None and when to look again (None: when something is written).

        Of each job only the oldest open notice may go. One that is `sending` may, too: the channel's only
        notifier asks, so the outcome of that attempt could not be written down.
        """
        now = self._clock()
        heads = select(func.min(table.c.id)).where(table.c.channel == channel, _IS_OPEN)
        query = (
            select(table)
            .where(table.c.id.in_(heads.group_by(table.c.job)))
            .order_by(table.c.next_at, table.c.id)
            .limit(1)
        )
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        if row is None:
            return None, None
        return (_row(row), None) if row["next_at"] <= now else (None, row["next_at"])

    async def begin(self, notice_id: str, channel: str) -> None:
        """An attempt starts: on disk before anything is sent."""
        now = self._clock()

        def work(connection: Connection) -> None:
            connection.execute(
                update(table)
                .where(table.c.id == notice_id)
                .values(state=NoticeState.SENDING, attempts=table.c.attempts + 1)
            )
            connection.execute(insert(send).values(channel=channel, at=now))
            connection.execute(delete(send).where(send.c.at < now - _SEND_LOG_SECONDS))

        await self._database.write(work)

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
        """An attempt ended; pending again means another at `next_at`. Without `count` it was none."""
        now = self._clock()
        values: dict[str, Any] = {"state": state, "detail": detail, "reason": reason}
        if state is NoticeState.PENDING:
            values["next_at"] = now if next_at is None else next_at
        else:
            values["ended_at"] = now
        if not count:
            values["attempts"] = table.c.attempts - 1

        def work(connection: Connection) -> None:
            connection.execute(update(table).where(table.c.id == notice_id).values(**values))
            what = "retry" if state is NoticeState.PENDING else state
            timeline.add(connection, notice_id, now, what, f"{reason}: {detail}" if reason else detail)

        await self._database.write(work)

    async def sends_since(self, channel: str, since: float) -> list[float]:
        """When this channel was last used, oldest first."""
        query = (
            select(send.c.at)
            .where(send.c.channel == channel, send.c.at.between(since, self._clock()))
            .order_by(send.c.at)
        )
        return await self._database.read(lambda connection: list(connection.execute(query).scalars()))

    async def health(self, name: str) -> HealthRecord:
        query = select(service).where(service.c.name == name)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return HealthRecord(**row) if row else HealthRecord(name=name)

    async def all_health(self) -> list[HealthRecord]:
        return await self._database.read(
            lambda connection: [
                HealthRecord(**row)
                for row in connection.execute(select(service).order_by(service.c.name)).mappings()
            ]
        )

    async def down(self, name: str, why: str, *, pause: float = 0.0) -> bool:
        """A part is out of order, and left alone for `pause` seconds; whether it was in order before."""
        now, health = self._clock(), await self.health(name)
        since, until = health.down_since or now, now + pause if pause else 0.0
        await self.set_health(HealthRecord(name=name, down_since=since, paused_until=until, why=why))
        return health.down_since is None

    async def up(self, name: str, why: str) -> bool:
        """A part works; whether it was out of order before."""
        if (await self.health(name)).down_since is None:
            return False
        await self.set_health(HealthRecord(name=name, why=why))
        return True

    async def pause(self, name: str, until: float, why: str) -> None:
        """A part is left alone until then, in order or not."""
        await self.set_health(replace(await self.health(name), paused_until=until, why=why))

    async def set_health(self, health: HealthRecord) -> None:
        """Record the health of a builder, a channel or another part; a change is told."""

        def work(connection: Connection) -> None:
            old = select(service.c.down_since).where(service.c.name == health.name)
            was_down = connection.execute(old).scalar() is not None
            values = {"down_since": health.down_since, "paused_until": health.paused_until, "why": health.why}
            connection.execute(
                insert_or_nothing(service)
                .values(name=health.name, **values)
                .on_conflict_do_update(index_elements=["name"], set_=values)
            )
            if was_down == (health.down_since is not None):
                return
            event = EventName.RESTORED if was_down else EventName.DEGRADED
            for notice in self.about(event, ServiceFacts(subject=health.name, detail=health.why)):
                add(connection, notice, dedupe=notice.id)

        await self._database.write(work)

    def about(self, event: EventName, facts: ServiceFacts) -> list[Notice]:
        """What the app and the watchers are told; no channel is told of itself."""
        channels = [
            MESSAGE_CHANNEL,
            *(watcher.channel for watcher in self._watchers if event in watcher.events),
        ]
        return [
            Notice(id=str(uuid7()), channel=channel, event=event, facts=facts, created_at=self._clock())
            for channel in dict.fromkeys(channels)
            if facts.subject != f"channel:{channel}"
        ]

    async def tell(self, notices: Sequence[Notice]) -> None:
        """Write notices that belong to no build, all or nothing."""

        def work(connection: Connection) -> None:
            for notice in notices:
                add(connection, notice, dedupe=notice.id)

        await self._database.write(work)

    async def add_message(self, notice: Notice) -> None:
        """Keep the notice as an in-app message; a repeat of the same notice changes nothing."""
        statement = (
            insert_or_nothing(message)
            .values(
                notice_id=notice.id,
                at=notice.created_at,
                event=notice.event,
                facts=dump(FACTS, notice.facts),
            )
            .on_conflict_do_nothing(index_elements=["notice_id"])
        )
        await self._database.write(lambda connection: connection.execute(statement).rowcount)

    async def get(self, notice_id: str) -> tuple[NoticeRow, list[Step]] | None:
        def work(connection: Connection) -> tuple[NoticeRow, list[Step]] | None:
            row = connection.execute(select(table).where(table.c.id == notice_id)).mappings().first()
            return None if row is None else (_row(row), timeline.of(connection, notice_id))

        return await self._database.read(work)

    async def newest(self, limit: int, **filters: Any) -> list[NoticeRow]:
        """The newest notices first; `filters` are columns and the value each must have."""
        conditions = [table.c[name] == value for name, value in filters.items()]
        query = select(table).where(*conditions).order_by(table.c.id.desc()).limit(limit)
        return await self._database.read(
            lambda connection: [_row(row) for row in connection.execute(query).mappings()]
        )


def _give_up_strays(connection: Connection, channels: Collection[str], now: float) -> int:
    strays = select(table.c.id, table.c.channel).where(_IS_OPEN, table.c.channel.not_in(channels))
    rows = connection.execute(strays).all()
    for row in rows:
        why = f"there is no channel {row.channel} any more"
        values = {"state": NoticeState.DEAD, "reason": "config", "detail": why, "ended_at": now}
        connection.execute(update(table).where(table.c.id == row.id).values(**values))
        timeline.add(connection, row.id, now, NoticeState.DEAD, f"config: {why}")
    return len(rows)


def _row(row: RowMapping) -> NoticeRow:
    return NoticeRow(
        notice=Notice(
            id=row["id"],
            channel=row["channel"],
            event=EventName(row["event"]),
            facts=FACTS.validate_json(row["facts"]),
            created_at=row["created_at"],
            attempt=row["attempts"] + 1,
        ),
        build_id=row["build_id"],
        job=row["job"],
        state=NoticeState(row["state"]),
        reason=row["reason"],
        detail=row["detail"],
        attempts=row["attempts"],
        next_at=row["next_at"],
        ended_at=row["ended_at"],
    )
