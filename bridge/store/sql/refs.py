"""What Git hosts said of their refs, and the pushes that no webhook had reported."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, func, insert, literal, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bridge.model.missed import MissedRef, MissedState, Redelivery, RedeliveryState
from bridge.store.refs import CodeLook, NewLook
from bridge.store.schema import delivery, ref_move
from bridge.store.schema_refs import code_look, known_ref, missed_ref
from bridge.store.sql import deliveries, redeliveries
from bridge.store.sql.database import Database
from bridge.store.sql.notices import add as add_notice

_FORGOTTEN_AT_ONCE: Final = 100
_COLUMNS: Final = [column for column in missed_ref.c if column.name != "id"]
_NEW: Final = upsert(known_ref)
_SET: Final = _NEW.on_conflict_do_update(
    index_elements=["look_id", "ref"], set_={"object": _NEW.excluded.object}
)


class Looks:
    """The looks of one store: `bridge.store.base.Looks`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last(self, code: str) -> CodeLook:
        return await self._database.read(lambda connection: _last(connection, code))

    async def keep(self, look: NewLook) -> bool:
        def work(connection: Connection) -> bool:
            if (look_id := _claimed(connection, look)) is None:
                return False
            changed = [{"look_id": look_id, "ref": ref, "object": at} for ref, at in look.changed.items()]
            if set_to := [row for row in changed if row["object"]]:
                connection.execute(_SET, set_to)
            for row in changed:
                if not row["object"]:
                    gone = (known_ref.c.look_id == look_id) & (known_ref.c.ref == row["ref"])
                    connection.execute(delete(known_ref).where(gone))
            for one in look.missed:
                values = {column.name: getattr(one, column.name) for column in _COLUMNS}
                connection.execute(insert(missed_ref).values(values))
            for asked in look.deliveries:
                deliveries.keep(connection, asked)
            for notice in look.notices:
                add_notice(connection, notice, dedupe=notice.id)
            _note_late(connection, look)
            return True

        return await self._database.write(work)

    async def fail(self, code: str, clone_url: str, error: str, now: float) -> bool:
        def work(connection: Connection) -> bool:
            known = _last(connection, code)
            if known.error == error:
                return False
            values = {"clone_url": clone_url, "error": error, "failed_since": known.failed_since or now}
            new = upsert(code_look).values(code=code, looks=0, **values)
            connection.execute(new.on_conflict_do_update(index_elements=["code"], set_=values))
            return True

        return await self._database.write(work)

    async def forget_others(self, codes: Collection[str]) -> None:
        seen = select(code_look.c.id, code_look.c.code).where(code_look.c.looked_at.is_not(None))
        found = await self._database.read(lambda connection: connection.execute(seen).all())
        ids = [look_id for look_id, code in found if code not in codes]
        for first in range(0, len(ids), _FORGOTTEN_AT_ONCE):
            await self._database.write(partial(_forget, ids[first : first + _FORGOTTEN_AT_ONCE]))

    async def states(self) -> Mapping[str, CodeLook]:
        names = ("code", "looks", "clone_url", "looked_at", "failed_since", "error")
        query = select(*(code_look.c[name] for name in names))

        def work(connection: Connection) -> dict[str, CodeLook]:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            return {row.pop("code"): CodeLook(**row) for row in rows}

        return await self._database.read(work)

    async def begin_redeliveries(self, wanted: Sequence[Redelivery]) -> Collection[str]:
        return await self._database.write(lambda connection: redeliveries.begin(connection, wanted))

    async def end_redelivery(self, source: str, key: str, state: RedeliveryState) -> None:
        await self._database.write(lambda connection: redeliveries.end(connection, source, key, state))

    async def last_sign(self, before: float) -> float | None:
        signs = code_look.c.looked_at, delivery.c.received_at
        queries = [select(func.max(sign)).where(sign < before) for sign in signs]

        def work(connection: Connection) -> float | None:
            found = [connection.execute(query).scalar() for query in queries]
            return max((at for at in found if at is not None), default=None)

        return await self._database.read(work)

    async def missed(self, limit: int) -> Sequence[MissedRef]:
        query = select(*_COLUMNS).order_by(missed_ref.c.at.desc(), missed_ref.c.id.desc()).limit(limit)

        def work(connection: Connection) -> list[MissedRef]:
            rows = connection.execute(query).mappings()
            found = [MissedRef(**{**row, "state": MissedState(row["state"])}) for row in rows]
            found += redeliveries.shown(connection, limit)
            return sorted(found, key=lambda one: one.at, reverse=True)[:limit]

        return await self._database.read(work)


def _last(connection: Connection, code: str) -> CodeLook:
    newest = (
        select(ref_move.c.clone_url)
        .where(ref_move.c.code == code, ref_move.c.clone_url != "")
        .order_by(ref_move.c.at.desc())
        .limit(1)
    )
    pushed_url = connection.execute(newest).scalar()
    row = connection.execute(select(code_look).where(code_look.c.code == code)).mappings().first()
    if row is None:
        return CodeLook(clone_url=pushed_url or "")
    refs = select(known_ref.c.ref, known_ref.c.object).where(known_ref.c.look_id == row["id"])
    moved = select(ref_move.c.ref).where(ref_move.c.code == code, ref_move.c.at >= (row["looked_at"] or 0.0))
    return CodeLook(
        looks=row["looks"],
        clone_url=pushed_url or row["clone_url"],
        looked_at=row["looked_at"],
        failed_since=row["failed_since"],
        error=row["error"],
        refs={row.ref: row.object for row in connection.execute(refs)},
        moved=frozenset(connection.execute(moved).scalars()),
    )


def _claimed(connection: Connection, look: NewLook) -> int | None:
    """The id of the row, which has this look from now on; None where another one was first."""
    values: dict[str, Any] = {"clone_url": look.clone_url, "error": ""}
    if look.looked_at is not None:
        values |= {"looked_at": look.looked_at, "failed_since": None}
    new = upsert(code_look).values(code=look.code, looks=0, clone_url=look.clone_url)
    connection.execute(new.on_conflict_do_nothing())
    same = (code_look.c.code == look.code) & (code_look.c.looks == look.looks)
    if not connection.execute(update(code_look).where(same).values(looks=look.looks + 1, **values)).rowcount:
        return None
    found: int = connection.execute(select(code_look.c.id).where(code_look.c.code == look.code)).scalar_one()
    return found


def _forget(ids: Sequence[int], connection: Connection) -> None:
    """The rows stay, so that a look that is under way is not the next one after this."""
    connection.execute(delete(known_ref).where(known_ref.c.look_id.in_(ids)))
    values = {"looks": code_look.c.looks + 1, "looked_at": None, "failed_since": None, "error": ""}
    connection.execute(update(code_look).where(code_look.c.id.in_(ids)).values(values))


def _note_late(connection: Connection, look: NewLook) -> None:
    """What was named, and then reported by a webhook."""
    named = (missed_ref.c.code == look.code) & (missed_ref.c.state == MissedState.NAMED)
    _set_late(connection, named, missed_ref.c.after)
    if look.peeled:
        for at in connection.execute(select(missed_ref.c.after).where(named)).scalars().all():
            if commit := look.peeled.get(at):
                _set_late(connection, named & (missed_ref.c.after == at), literal(commit))


def _set_late(connection: Connection, which: ColumnElement[bool], name: ColumnElement[str]) -> None:
    """Those of which a delivery has reported since that their ref was set to this."""
    reported = (
        select(1)
        .where(
            ref_move.c.code == missed_ref.c.code,
            ref_move.c.ref == missed_ref.c.ref,
            ref_move.c.after == name,
            ref_move.c.at >= missed_ref.c.at,
        )
        .exists()
    )
    connection.execute(update(missed_ref).where(which, reported).values(state=MissedState.LATE))
