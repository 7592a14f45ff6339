"""Deliveries: kept before they are answered, then turned into builds or a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import anyio
import anyio.to_thread
import structlog
from sqlalchemy import Connection, bindparam, func, insert, select, update
from uuid_utils import uuid7

from bridge.errors import StoreError
from bridge.model.audit import Change
from bridge.model.delivery import DIGEST, Delivery, DeliveryState
from bridge.model.plan import KnownMove, Planner
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.store import compression
from bridge.store.codec import Parts, to_json
from bridge.store.schema import delivery as table
from bridge.store.sql import delivery_ids, history, listing, pushed_refs, timeline
from bridge.store.sql.activity import RejectionCounts
from bridge.store.sql.apply import apply
from bridge.store.sql.audit import Audit
from bridge.store.sql.constructs import driver_sql, insert_new
from bridge.store.sql.database import Database
from bridge.store.sql.delivery_rows import HEADS, WAITS, explained, head_of, oldest, row_of
from bridge.store.sql.turns import next_turn
from bridge.store.values import (
    ANY_DELIVERY,
    MAX_DETAIL,
    Cursor,
    Decision,
    DeliveryFilter,
    DeliveryHead,
    DeliveryRow,
    NoticesFor,
    Page,
    Receipt,
    RecordedDecision,
    Step,
)

log = structlog.get_logger()

_COLUMNS: Final = dict.fromkeys(("id", "source", "forge", "key", "event", "headers"), "text") | {
    "body": "bytea",
    "received_at": "float8",
    "state": "text",
}
_UNIQUE: Final = ("source", "key", "replay")
Row = tuple[str, str, str, str, str, str, bytes, float, str]
"""A delivery in the order of `_COLUMNS`."""
_Mark = tuple[str, Decision, float]
"""The id of a delivery, what was decided about it, and when."""
_Deciding = tuple[str, Decision, float, NoticesFor, Planner]
_STORED: Final = DeliveryState.STORED.value
_FIND: Final = "SELECT id, received_at FROM delivery WHERE source = ? AND key = ? AND replay = 0"
_RENAME: Final = "UPDATE delivery SET key = ? WHERE source = ? AND key = ?"
_COUNT_REPEATS: Final = "SELECT count(*) FROM step WHERE subject = ? AND what = 'repeated'"

PATIENCE: Final = 7.0
"""Seconds for which a delivery waits for the disk: Git hosts hang up after ten."""
_BATCH_BYTES: Final = 16 << 20
_SMALL: Final = 64 << 10
"""Bodies up to this size are compressed in less time than it takes to hand them to a thread."""

SAME_SECONDS: Final = 3600.0
"""How long the same body again is the same delivery, where the host gives no ids."""
MAX_REPEATS: Final = 20
"""At most so many repeats of a delivery are in its timeline."""
CROWD: Final = 8
"""More deliveries than this that wait for the disk at once are a crowd."""

_MARK: Final = update(table).where(table.c.id == bindparam("marked"))


class Deliveries:
    """The deliveries of one store: `bridge.store.base.Deliveries`."""

    def __init__(self, database: Database, clock: Clock, rejections: RejectionCounts, audit: Audit) -> None:
        self._database = database
        self._clock = clock
        self._rejections = rejections
        self._audit = audit
        self._arriving = 0
        self._most_arriving = 0

    async def put(self, delivery: Delivery) -> Receipt:
        row = _values(delivery, await _compressed(delivery.body))
        self._arriving += 1
        self._most_arriving = max(self._most_arriving, self._arriving)
        try:
            until = anyio.current_time() + PATIENCE
            if await self._database.insert(_insert, row, patience=PATIENCE):
                return Receipt(delivery.id, new=True)
            return await self._database.add(_keep, row, patience=until - anyio.current_time())
        finally:
            self._arriving -= 1

    async def order(self, delivery: Delivery, change: Change) -> None:
        def work(connection: Connection) -> None:
            if not _is_kept(connection, delivery.id):
                keep(connection, delivery)
                self._audit.keep(connection, change)

        await self._database.write(work)

    def reject(self, source: str, reason: str) -> None:
        self._rejections.add(source, reason)

    def crowded(self) -> bool:
        most, self._most_arriving = self._most_arriving, self._arriving
        return most > CROWD

    async def claim(self, limit: int) -> list[Delivery]:
        def work(connection: Connection) -> list[DeliveryRow]:
            found: list[DeliveryRow] = []
            size = 0
            for row in oldest(connection, limit):
                found.append(_with_first(connection, row_of(row)))
                size += len(found[-1].delivery.body)
                if size > _BATCH_BYTES:
                    break
            return found

        while rows := await self._database.read(work):
            for row in rows:
                if row.damage:
                    await self._give_up(row)
            if readable := [row.delivery for row in rows if not row.damage]:
                return readable
        return []

    async def _give_up(self, row: DeliveryRow) -> None:
        delivery_id = row.delivery.id
        why = f"{row.damage}: send it again from the Git host"
        decision = Decision(state=DeliveryState.DEAD, detail=why, explanation=[])
        await self._database.add(_give_up, (delivery_id, decision, self._clock()))
        log.error(LogEvent.STORE_ROW_DAMAGED, delivery_id=delivery_id, reason=row.damage)

    async def moves(self, code: str, ref: str) -> list[KnownMove]:
        return await self._database.read(lambda connection: history.moves_of(connection, code, ref))

    async def record_decision(
        self, delivery_id: str, decision: Decision, notices_for: NoticesFor, planner: Planner
    ) -> RecordedDecision | None:
        row = delivery_id, decision, self._clock(), notices_for, planner
        return await self._database.add(_record, row)

    async def redeliver(self, delivery_id: str, change: Change, claim_id: str | None = None) -> str:
        now = self._clock()
        new_id = claim_id or str(uuid7())

        def work(connection: Connection) -> str:
            if _is_kept(connection, new_id):
                return new_id
            old = connection.execute(select(table).where(table.c.id == delivery_id)).mappings().first()
            if old is None:
                raise StoreError(f"there is no delivery {delivery_id}: see `deliveries list`")
            same = (table.c.source == old["source"]) & (table.c.key == old["key"])
            replay = connection.execute(select(func.max(table.c.replay)).where(same)).scalar_one() + 1
            values = dict(old) | {"id": new_id, "replay": replay, "received_at": now, "state": "stored"}
            values |= {"detail": "", "explanation": "[]", "turn": next_turn(table, WAITS)}
            connection.execute(insert(table).values(values))
            timeline.add(connection, delivery_id, now, "redelivered", f"as {new_id}")
            timeline.add(connection, new_id, now, "stored", f"redelivery of {delivery_id}")
            self._audit.keep(connection, replace(change, after={"delivery_id": new_id}))
            return new_id

        return await self._database.write(work)

    async def get(self, delivery_id: str) -> tuple[DeliveryRow, list[Step]] | None:
        def work(connection: Connection) -> tuple[DeliveryRow, list[Step]] | None:
            found = connection.execute(select(table).where(table.c.id == delivery_id)).mappings().first()
            return None if found is None else (row_of(found), timeline.of(connection, delivery_id))

        return await self._database.read(work)

    async def explanations(self, delivery_ids: Sequence[str]) -> Mapping[str, Sequence[Any]]:
        query = select(table.c.id, table.c.explanation).where(table.c.id.in_(delivery_ids))
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.id: explained(Parts(), row.explanation) for row in rows}

    async def page(
        self, cursor: Cursor, size: int, only: DeliveryFilter = ANY_DELIVERY
    ) -> Page[DeliveryHead]:
        def work(connection: Connection) -> Page[DeliveryHead]:
            found = delivery_ids.parts(connection, only)
            return listing.page(
                connection, HEADS, found, cursor=cursor, size=size, make=head_of, overlap=True
            )

        return await self._database.read(work)


def keep(connection: Connection, delivery: Delivery) -> Receipt:
    """Keep a small delivery of our own, in a transaction of the caller's."""
    return _kept(connection, _values(delivery, compression.compress(delivery.body)))


def _with_first(connection: Connection, row: DeliveryRow) -> DeliveryRow:
    """With the id of the delivery that this one repeats, if it is still kept."""
    if not row.replay:
        return row
    same = (table.c.source == row.delivery.source, table.c.key == row.delivery.key, table.c.replay == 0)
    first = connection.execute(select(table.c.id).where(*same)).scalar()
    return replace(row, delivery=replace(row.delivery, repeats=first))


def _is_kept(connection: Connection, delivery_id: str) -> bool:
    return connection.execute(select(table.c.id).where(table.c.id == delivery_id)).first() is not None


def _values(delivery: Delivery, body: bytes) -> Row:
    """In the order of `_COLUMNS`."""
    return (
        delivery.id,
        delivery.source,
        delivery.forge,
        delivery.key,
        delivery.event,
        to_json(delivery.headers),
        body,
        delivery.received_at,
        _STORED,
    )


def _insert(connection: Connection, rows: Sequence[Row]) -> list[bool]:
    """Insert deliveries that are no repeats with one statement; whether each is there now.

    This is the hot path: SQLAlchemy composes nothing.
    """
    if insert_new(connection, table.name, _COLUMNS, rows, _UNIQUE, among=WAITS.text) == len(rows):
        return [True] * len(rows)
    query = select(table.c.id).where(table.c.id.in_([row[0] for row in rows]))
    there = set(connection.execute(query).scalars())
    return [row[0] in there for row in rows]


def _keep(connection: Connection, rows: Sequence[Row]) -> list[Receipt]:
    return [_kept(connection, row) for row in rows]


def _kept(connection: Connection, row: Row) -> Receipt:
    """Keep a delivery that may be a repeat."""
    delivery_id, source, _, key, *_, received_at, _ = row
    if _insert(connection, [row])[0]:
        return Receipt(delivery_id, new=True)
    found, first_at = driver_sql(connection, _FIND, (source, key)).one()
    if key.startswith(DIGEST) and received_at - first_at > SAME_SECONDS:
        driver_sql(connection, _RENAME, (f"{key} {found}", source, key))
        _insert(connection, [row])
        return Receipt(delivery_id, new=True)
    # A client that has one signed delivery could send it for ever.
    if driver_sql(connection, _COUNT_REPEATS, (found,)).scalar_one() < MAX_REPEATS:
        timeline.add(connection, found, received_at, "repeated", "the same was sent again")
    return Receipt(found, new=False)


def _record(connection: Connection, rows: Sequence[_Deciding]) -> list[RecordedDecision | None]:
    """Record decisions one after the other, for each may see what the one before has made.

    None for a delivery that was decided before.
    """
    replays = _undecided(connection, [delivery_id for delivery_id, *_ in rows])
    recorded: list[RecordedDecision | None] = []
    marks: list[_Mark] = []
    for row in rows:
        delivery_id, _, now, *_ = row
        replay = replays.pop(delivery_id, None)
        if replay is None:
            recorded.append(None)
            continue
        decision, builds = _carried_out(connection, row, asked=replay > 0)
        marks.append((delivery_id, decision, now))
        recorded.append(RecordedDecision(decision.state, decision.detail, builds))
    _write(connection, marks)
    return recorded


def _carried_out(connection: Connection, row: _Deciding, *, asked: bool) -> tuple[Decision, tuple[str, ...]]:
    """What became of a decision, and the ids of the builds that it made."""
    delivery_id, decision, now, notices_for, planner = row
    moves, wanted = decision.moves, decision.builds
    if not (wanted or moves):
        return decision, ()
    known = history.known(connection, delivery_id, moves, wanted, now=now, asked=asked)
    applied = apply(connection, planner(known, moves, wanted), delivery_id, now, notices_for)
    state = DeliveryState.DISPATCHED if applied.builds else DeliveryState.IGNORED
    sentences = applied.summaries if applied.builds else [*applied.summaries, decision.detail]
    detail = "; ".join(filter(None, sentences))[:MAX_DETAIL]
    return replace(decision, state=state, detail=detail), applied.builds


def _undecided(connection: Connection, delivery_ids: Sequence[str]) -> dict[str, int]:
    """Those of the deliveries that wait for a decision, and which redelivery each is."""
    query = select(table.c.id, table.c.replay).where(table.c.id.in_(delivery_ids), table.c.state == _STORED)
    return {row.id: row.replay for row in connection.execute(query)}


def _give_up(connection: Connection, marks: Sequence[_Mark]) -> list[None]:
    undecided = _undecided(connection, [delivery_id for delivery_id, *_ in marks])
    _write(connection, [mark for mark in marks if mark[0] in undecided])
    return [None] * len(marks)


def _write(connection: Connection, marks: Sequence[_Mark]) -> None:
    if not marks:
        return
    connection.execute(
        _MARK,
        [
            {
                "marked": delivery_id,
                "state": decision.state,
                "detail": decision.detail,
                "explanation": to_json(decision.explanation),
            }
            for delivery_id, decision, _ in marks
        ],
    )
    pushed_refs.add_all(connection, [(of, one.state, one.explanation) for of, one, _ in marks])
    timeline.add_all(connection, [(of, now, one.state, one.detail) for of, one, now in marks])


async def _compressed(body: bytes) -> bytes:
    if len(body) <= _SMALL:
        return compression.compress_on_loop(body)
    return await anyio.to_thread.run_sync(compression.compress, body)
