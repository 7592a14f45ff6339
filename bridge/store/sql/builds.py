"""Builds: their states change only along the table of transitions."""

import math
import re
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any, Final, Unpack

import anyio.to_thread
import structlog
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    func,
    or_,
    select,
    update,
)

from bridge.model.audit import Change
from bridge.model.build import LOG_LIMIT, TRANSITIONS, Build, BuildState, parse_run_id, run_id_of
from bridge.model.notice import Streak
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.redaction import MASK
from bridge.store.schema import build as table
from bridge.store.schema import build_log
from bridge.store.sql import (
    built_tags,
    idempotency,
    listing,
    log_range,
    logs,
    notices,
    outcomes,
    runs,
    streak,
    timeline,
)
from bridge.store.sql.audit import Audit
from bridge.store.sql.build_filter import parts
from bridge.store.sql.build_rows import build_of
from bridge.store.sql.database import Database
from bridge.store.sql.eligibility import due, next_due
from bridge.store.values import (
    ANY_BUILD,
    BuildChange,
    BuildFilter,
    Cursor,
    LogPiece,
    LogRange,
    NoticesFor,
    Page,
    Redact,
    Step,
    no_notices,
)

log = structlog.get_logger()

MAX_TEXT: Final = 4096
_USUAL: Final = 9
"""So many builds say how long one usually takes."""
_ROWS: Final = select(table)
_WORD: Final = re.compile(r"\A[^\s,;&]+")
"""What follows a secret whose beginning was taken out: its end."""


def transition(
    connection: Connection,
    build_id: str,
    to: BuildState,
    now: float,
    notices_for: NoticesFor,
    *,
    run: int | None = None,
    **change: Unpack[BuildChange],
) -> Build | None:
    """`Builds.transition` in a transaction of the caller's, of the newest run or only where that is `run`."""
    values = _storable(change)
    row = connection.execute(select(table).where(table.c.id == build_id)).mappings().first()
    if row is None or run not in {None, row["run"]} or to not in TRANSITIONS[BuildState(row["state"])]:
        return None
    connection.execute(update(table).where(table.c.id == build_id).values(state=to, **values))
    outcomes.moved(connection, row, to)
    build = build_of({**row, **values, "state": to})
    timeline.add(connection, build.run_id, now, to, values.get("detail", ""))
    if to is BuildState.SUCCEEDED:
        built_tags.made(connection, row, build, now)
    before = streak.before(connection, build, row["tag_set"]) if to.terminal else Streak()
    notices.add_all(connection, build, notices_for(build, before))
    return build


def _update(connection: Connection, run_id: str, values: dict[str, Any]) -> None:
    where, same = runs.place(connection, *parse_run_id(run_id))
    connection.execute(update(where).where(same).values(**values))


def _storable(change: BuildChange) -> dict[str, Any]:
    """The columns of a change; what builders say is bounded."""
    return {
        name: _utf8(value)[:MAX_TEXT] if isinstance(value, str) else value for name, value in change.items()
    }


def _utf8(text: str) -> str:
    """Not every engine keeps NUL, and none half a surrogate pair."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


class Builds:
    """The builds of one store: `bridge.store.base.Builds`."""

    def __init__(
        self, database: Database, clock: Clock, redact: Redact, audit: Audit, log_limit: int = LOG_LIMIT
    ) -> None:
        self._database = database
        self._clock = clock
        self._redact = redact
        self._audit = audit
        self._log_limit = log_limit

    async def claim(self, builder: str, slots: int | None, notices_for: NoticesFor) -> Build | None:
        now = self._clock()

        def work(connection: Connection) -> Build | None:
            if slots is not None and _count_with_builder(connection, builder) >= slots:
                return None
            while (row := connection.execute(due(builder, now).limit(1)).mappings().first()) is not None:
                if not (damage := build_of(row).damage):
                    break
                _give_up(connection, row["id"], damage, now, notices_for)
            if row is None:
                return None
            attempts = row["attempts"] + 1
            return transition(
                connection,
                row["id"],
                BuildState.TRIGGERING,
                now,
                notices_for,
                detail=f"attempt {attempts}",
                attempts=attempts,
                triggered_at=now,
                next_at=now,
            )

        # What is due is read first, so that a claim of nothing does not wait for the writer.
        any_due = due(builder, now).with_only_columns(table.c.id).limit(1)
        if await self._database.read(lambda connection: connection.execute(any_due).first()) is None:
            return None
        return await self._database.write(work)

    async def next_due(self, builder: str, since: float) -> float | None:
        return await self._database.read(partial(next_due, builder=builder, since=since))

    async def unwanted(self, builder: str) -> list[Build]:
        return await self._select(
            table.c.builder == builder,
            table.c.released == 0,
            table.c.state == BuildState.WAITING,
            or_(table.c.cancel_reason.is_not(None), table.c.superseded.is_not(None)),
            limit=1000,
        )

    async def orphans(self, builders: Collection[str]) -> list[Build]:
        return await self._select(
            table.c.builder.not_in(builders),
            table.c.released == 0,
            table.c.state.in_(_OPEN),
            limit=10_000,
        )

    async def usual_seconds(self, build: Build) -> float | None:
        same = {
            table.c.repo_name: build.repo_name,
            table.c.namespace: build.namespace,
            table.c.state: BuildState.SUCCEEDED,
            table.c.is_public: int(build.origin.is_public),
        }
        query = (
            select(table.c.ended_at - table.c.started_at)
            .where(*(column == value for column, value in same.items()), table.c.started_at.is_not(None))
            .order_by(table.c.id.desc())
            .limit(_USUAL)
        )
        found = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return sorted(found)[len(found) // 2] if found else None

    async def in_state(self, builder: str, *states: BuildState) -> list[Build]:
        return await self._select(
            table.c.builder == builder, table.c.released == 0, table.c.state.in_(states), limit=10_000
        )

    async def transition(
        self,
        run_id: str,
        to: BuildState,
        notices_for: NoticesFor,
        **change: Unpack[BuildChange],
    ) -> Build | None:
        now, clean, (build_id, run) = self._clock(), self._redacted(change), parse_run_id(run_id)
        move = partial(transition, run=run, **clean)
        return await self._database.write(lambda connection: move(connection, build_id, to, now, notices_for))

    async def resolve(
        self, run_id: str, to: BuildState, why: str, notices_for: NoticesFor, change: Change
    ) -> Build | None:
        now, detail, (build_id, run) = self._clock(), self._redact(why), parse_run_id(run_id)

        def work(connection: Connection) -> Build | None:
            found = runs.find(connection, build_id)
            if found is None or found.state is not BuildState.UNKNOWN:
                return None
            ended = transition(connection, build_id, to, now, notices_for, run=run, detail=detail)
            if ended is not None:
                self._audit.keep(connection, change)
            return ended

        return await self._database.write(work)

    async def retry(
        self,
        build_id: str,
        change: Change,
        reason: str,
        claim_id: str | None = None,
        *,
        notices_for: NoticesFor = no_notices,
    ) -> Build:
        now = self._clock()

        def work(connection: Connection) -> Build:
            done = runs.find(connection, build_id) if idempotency.is_done(connection, claim_id) else None
            if done is not None:
                return done
            idempotency.note_done(connection, claim_id)
            again = runs.retry(connection, build_id, now, change.who.name, reason)
            self._audit.keep(connection, replace(change, after={"run": again.run}))
            notices.add_all(connection, again, notices_for(again, Streak()))
            return again

        return await self._database.write(work)

    def _redacted(self, change: BuildChange) -> BuildChange:
        clean = change.copy()
        for name in ("raw", "detail", "caveat", "stage"):
            if name in clean:
                clean[name] = self._redact(clean[name])
        return clean

    async def update(self, run_id: str, **change: Unpack[BuildChange]) -> None:
        values = _storable(self._redacted(change))
        await self._database.write(lambda connection: _update(connection, run_id, values))

    async def add_step(self, run_id: str, what: str, detail: str, /, **change: Unpack[BuildChange]) -> None:
        now, clean, values = self._clock(), self._redact(detail), _storable(self._redacted(change))

        def work(connection: Connection) -> None:
            if values:
                _update(connection, run_id, values)
            timeline.add(connection, run_id, now, what, clean)

        await self._database.write(work)

    async def append_log(self, run_id: str, text: str, offset: int, *, restarted: bool) -> None:
        now, log_of_run = self._clock(), logs.RunLog(*parse_run_id(run_id))
        # A secret can be cut in two by the moment of reading: the line that goes on is looked at as a whole.
        begun = await self._database.read(log_of_run.unfinished_line)
        rest = _WORD.sub("", text) if begun.endswith(MASK) else text
        clean = await anyio.to_thread.run_sync(self._redact, begun + _utf8(rest))
        append = partial(log_of_run.append, limit=self._log_limit, restarted=restarted)
        await self._database.write(
            lambda connection: append(connection, now, clean, begun=begun, offset=offset)
        )

    async def log(
        self,
        build_id: str,
        after: int = -1,
        limit: int = 1000,
        *,
        run: int | None = None,
        start: float = 0.0,
        end: float = math.inf,
    ) -> list[LogPiece]:
        query = (
            select(build_log)
            .where(logs.is_of_run(build_id, run), build_log.c.seq > after)
            .where(build_log.c.at.between(start, end))
            .order_by(build_log.c.seq)
            .limit(limit)
        )
        return await self._database.read(
            lambda connection: [LogPiece(row.seq, row.at, row.text) for row in connection.execute(query)]
        )

    async def log_range(self, build_id: str, offset: int, length: int, *, run: int | None = None) -> LogRange:
        return await self._database.read(
            lambda connection: log_range.log_range(connection, build_id, offset, length, run), snapshot=True
        )

    async def log_tail(self, build_id: str, characters: int, *, run: int | None = None) -> str:
        query = (
            select(build_log.c.text)
            .where(logs.is_of_run(build_id, run))
            .order_by(build_log.c.seq.desc())
            .limit(20)
        )
        pieces = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return "".join(reversed(pieces))[-characters:]

    async def request_cancel(self, build_id: str, reason: str, change: Change) -> bool:
        now = self._clock()

        def work(connection: Connection) -> bool:
            asked = connection.execute(
                update(table)
                .where(table.c.id == build_id, table.c.state.in_(_OPEN), table.c.cancel_reason.is_(None))
                .values(cancel_reason=reason)
            )
            if asked.rowcount:
                runs.note(connection, build_id, now, "cancel", reason)
                self._audit.keep(connection, change)
            return bool(asked.rowcount)

        return await self._database.write(work)

    async def unreleased(self, builder: str, before: float) -> list[Build]:
        ended = [state for state in BuildState if state.terminal and state is not BuildState.UNKNOWN]
        enqueued_at = func.coalesce(table.c.enqueued_at, table.c.created_at)
        lost = and_(table.c.state == BuildState.UNKNOWN, enqueued_at < before)
        return await self._select(
            table.c.builder == builder,
            table.c.released == 0,
            or_(table.c.state.in_(ended), lost),
            limit=1000,
        )

    async def get(self, build_id: str) -> Build | None:
        return await self._database.read(lambda connection: runs.find(connection, build_id))

    async def run(self, run_id: str) -> Build | None:
        return await self._database.read(lambda connection: runs.find(connection, *parse_run_id(run_id)))

    async def runs(self, build_id: str) -> list[Build]:
        return await self._database.read(lambda connection: runs.runs(connection, build_id))

    async def replaced(self, builder: str) -> list[str]:
        return await self._database.read(lambda connection: runs.replaced(connection, builder, 1000))

    async def by_number(self, namespace: str, repo_name: str, number: int) -> Build | None:
        found = await self._select(
            table.c.namespace == namespace, table.c.repo_name == repo_name, table.c.number == number, limit=1
        )
        return found[0] if found else None

    async def of_delivery(self, delivery_id: str) -> list[Build]:
        return await self._select(table.c.delivery_id == delivery_id, limit=1000)

    async def steps(self, build_id: str, *, run: int | None = None) -> list[Step]:
        def work(connection: Connection) -> list[Step]:
            number = run or runs.newest(connection, build_id) or 1
            return timeline.of(connection, run_id_of(build_id, number))

        return await self._database.read(work)

    async def page(self, cursor: Cursor, size: int, only: BuildFilter = ANY_BUILD) -> Page[Build]:
        def work(connection: Connection) -> Page[Build]:
            found = parts(connection, only)
            return listing.page(connection, _ROWS, found, cursor=cursor, size=size, make=build_of)

        return await self._database.read(work)

    async def _select(self, *conditions: ColumnElement[bool], limit: int) -> list[Build]:
        query = select(table).where(*conditions).order_by(table.c.id).limit(limit)
        return await self._database.read(
            lambda connection: [build_of(row) for row in connection.execute(query).mappings()]
        )


_OPEN: Final = [state for state in BuildState if not state.terminal]
_WITH_BUILDER: Final = [BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING]


def _give_up(connection: Connection, build_id: str, damage: str, now: float, notices_for: NoticesFor) -> None:
    log.error(LogEvent.STORE_ROW_DAMAGED, build_id=build_id, reason=damage)
    why = f"{damage}: ask for the build again, `builds trigger`"
    transition(connection, build_id, BuildState.UNKNOWN, now, notices_for, detail=why, ended_at=now)


def _count_with_builder(connection: Connection, builder: str) -> int:
    query = select(func.count()).where(
        table.c.builder == builder, table.c.released == 0, table.c.state.in_(_WITH_BUILDER)
    )
    return connection.execute(query).scalar_one()
