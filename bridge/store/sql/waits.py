"""What open builds and notices wait for: a few reads answer it for a whole page."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, func, select

from bridge.model.build import Build, BuildState
from bridge.model.notice import NoticeState
from bridge.model.outbox import PUSH_SECONDS
from bridge.runtime.clock import Clock
from bridge.store.schema import build as build_table
from bridge.store.schema import notice as notice_table
from bridge.store.schema import service
from bridge.store.schema_notices import channel_wait
from bridge.store.sql import clockstep
from bridge.store.sql.build_rows import build_of
from bridge.store.sql.database import Database
from bridge.store.sql.eligibility import ahead_by_tag, first_active
from bridge.store.sql.notice_rows import IN_ORDER, IS_OPEN
from bridge.store.values import HealthRecord, NoticeRow
from bridge.store.waits import Wait

_UNENDED = [state for state in BuildState if not state.terminal]
_MOST_BEFORE = 1000
_WITH_BUILDER = [BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING]


class Waits:
    """What the rows of one store wait for: `bridge.store.waits.Waits`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of_builds(self, builds: Sequence[Build]) -> Mapping[str, Wait]:
        unended = [build for build in builds if not build.state.terminal]
        if not unended:
            return {}
        now = self._clock()

        def work(connection: Connection) -> Mapping[str, Wait]:
            waiting = [build.id for build in unended if build.state is BuildState.WAITING]
            ahead = _ahead(connection, waiting) if waiting else {}
            builders = _Builders(connection, unended)
            found = {
                build.id: _of_its_own(build) or ahead.get(build.id) or builders.wait(build, now)
                for build in unended
            }
            return {build_id: wait for build_id, wait in found.items() if wait is not None}

        return await self._database.read(work)

    async def before(self, build_id: str) -> int:
        one, other = build_table.alias(), build_table
        earlier = (
            select(other.c.id)
            .join(one, one.c.builder == other.c.builder)
            .where(one.c.id == build_id, other.c.released == 0, other.c.state == BuildState.WAITING)
            .where(other.c.turn < one.c.turn)
            .limit(_MOST_BEFORE)
        )
        query = select(func.count()).select_from(earlier.subquery())
        return await self._database.read(lambda connection: connection.execute(query).scalar_one())

    async def limit(self) -> int:
        now = self._clock()
        if not await self._database.read(partial(clockstep.is_any_too_long, now=now)):
            return 0
        return await self._database.write(partial(clockstep.limit_waits, now=now))

    async def of_notices(self, rows: Sequence[NoticeRow]) -> Mapping[str, Wait]:
        pending = [row for row in rows if row.state is NoticeState.PENDING]
        if not pending:
            return {}
        now = self._clock()

        def work(connection: Connection) -> Mapping[str, Wait]:
            parts = _parts(connection, {f"channel:{row.notice.channel}" for row in pending})
            first = _first_of_jobs(connection, {row.notice.channel for row in pending})
            keeping = _Keeping(connection, pending)
            found = {row.notice.id: _of_notice(row, parts, first, keeping, now) for row in pending}
            return {notice_id: wait for notice_id, wait in found.items() if wait is not None}

        return await self._database.read(work)


def _of_its_own(build: Build) -> Wait | None:
    """Whether its end was asked for: then nothing else matters."""
    why = build.cancel_reason or build.superseded
    return None if why is None else Wait(kind="end", why=why)


def _ahead(connection: Connection, waiting: Sequence[str]) -> Mapping[str, Wait]:
    """The builds that have to end before those may start."""
    by_tag, active = ahead_by_tag(), first_active()
    query = select(
        build_table.c.id, build_table.c.concurrency, by_tag.label("by_tag"), active.label("active")
    ).where(build_table.c.id.in_(waiting))
    rows = connection.execute(query).mappings().all()
    ids = {row[name] for row in rows for name in ("by_tag", "active")} - {None}
    if not ids:
        return {}
    others = {
        row["id"]: build_of(row)
        for row in connection.execute(select(build_table).where(build_table.c.id.in_(ids))).mappings()
    }
    found = {}
    for row in rows:
        if row["by_tag"]:
            found[row["id"]] = Wait(kind="tag", ahead=others[row["by_tag"]])
        elif row["active"]:
            found[row["id"]] = Wait(kind="places", ahead=others[row["active"]], count=row["concurrency"])
    return found


class _Builders:
    """How the builders are whose builds are looked at, and the disks that they fill."""

    def __init__(self, connection: Connection, builds: Sequence[Build]) -> None:
        names = {build.builder for build in builds}
        self._parts = _parts(
            connection, {"disk", *(f"{kind}:{name}" for kind in ("builder", "disk") for name in names)}
        )
        counted = select(build_table.c.builder, func.count().label("count")).where(
            build_table.c.builder.in_(names),
            build_table.c.released == 0,
            build_table.c.state.in_(_WITH_BUILDER),
        )
        self._counts: Mapping[str, int] = {
            row.builder: row.count
            for row in connection.execute(counted.group_by(build_table.c.builder)).mappings()
        }

    def wait(self, build: Build, now: float) -> Wait | None:
        waiting = build.state is BuildState.WAITING
        disks = ("disk", f"disk:{build.builder}") if waiting else ()
        for name in (*disks, f"builder:{build.builder}"):
            if (part := self._parts.get(name)) is not None and (wait := _of_part(part, now)) is not None:
                return wait
        if not waiting:
            return None
        if build.detail:
            return Wait(kind="again", why=build.detail, until=build.next_at) if build.next_at > now else None
        count = self._counts.get(build.builder, 0)
        return Wait(kind="busy", name=build.builder, count=count) if count else None


class _Keeping:
    """What keeps notices that are due: quiet hours, the other builds of their push, or the rate."""

    def __init__(self, connection: Connection, rows: Sequence[NoticeRow]) -> None:
        channels = {row.notice.channel for row in rows}
        noted = select(channel_wait).where(channel_wait.c.channel.in_(channels))
        self._noted = {row["channel"]: row for row in connection.execute(noted).mappings()}
        ids = [row.notice.id for row in rows]
        others = select(build_table.c.id).where(
            build_table.c.delivery_id == notice_table.c.batch, build_table.c.state.in_(_UNENDED)
        )
        of_pushes = select(notice_table.c.id).where(notice_table.c.id.in_(ids), others.exists())
        self._incomplete = set(connection.execute(of_pushes).scalars())

    def wait(self, row: NoticeRow, now: float) -> Wait | None:
        name, made = row.notice.channel, row.notice.created_at
        noted = self._noted.get(name)
        if noted and noted["quiet_until"] > now and not row.notice.event.urgent:
            return Wait(kind="quiet", name=name, until=noted["quiet_until"])
        if row.notice.id in self._incomplete and made + PUSH_SECONDS > now:
            return Wait(kind="push", until=made + PUSH_SECONDS)
        if noted and noted["rate_until"] > now:
            return Wait(kind="rate", name=name, until=noted["rate_until"])
        return None


def _of_notice(
    row: NoticeRow,
    parts: Mapping[str, HealthRecord],
    first: Mapping[Any, str],
    keeping: _Keeping,
    now: float,
) -> Wait | None:
    part = parts.get(f"channel:{row.notice.channel}")
    if part is not None and (wait := _of_part(part, now)) is not None:
        return wait
    if row.digest_id is not None:
        return Wait(kind="digest", name=row.digest_id)
    head = first.get((row.notice.channel, row.job, row.notice.recipient))
    if head is not None and head != row.notice.id:
        return Wait(kind="order", name=head)
    if row.next_at > now:
        return Wait(kind="again", why=row.detail, until=row.next_at) if row.detail else None
    return keeping.wait(row, now)


def _first_of_jobs(connection: Connection, channels: set[str]) -> Mapping[Any, str]:
    """The notice that goes first, of each channel, job and recipient."""
    key = (notice_table.c.channel, notice_table.c.job, notice_table.c.recipient)
    place = func.row_number().over(partition_by=key, order_by=IN_ORDER).label("place")
    is_open = (notice_table.c.channel.in_(channels), IS_OPEN)
    placed = select(*key, notice_table.c.id, place).where(*is_open).subquery()
    first = select(placed).where(placed.c.place == 1)
    return {(row.channel, row.job, row.recipient): row.id for row in connection.execute(first)}


def _parts(connection: Connection, names: set[str]) -> Mapping[str, HealthRecord]:
    rows = connection.execute(select(service).where(service.c.name.in_(names))).mappings()
    return {row["name"]: HealthRecord(**row) for row in rows}


def _of_part(part: HealthRecord, now: float) -> Wait | None:
    name = part.name.partition(":")[2] or part.name
    if part.down_since is not None:
        return Wait(kind="down", name=name, why=part.why, since=part.down_since)
    if part.paused_until > now:
        return Wait(kind="paused", name=name, why=part.why, until=part.paused_until)
    return None
