"""What a delivery is planned from: moves of refs, tips, tag names and earlier builds that concern it.

The planner decides inside the writer's transaction. So all of this is read by index, in a bounded number of
rows, and without the documents of the builds. The last MAX_MOVES moves of a ref are known, as long as
deliveries are kept.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import JSON, ColumnElement, Connection, and_, delete, func, select, text, type_coerce, union
from sqlalchemy.dialects.sqlite import insert as upsert

from bridge.model.build import BuildState, NewBuild
from bridge.model.event import RefMove
from bridge.model.plan import Known, KnownBuild, KnownMove, RefKey, RepositoryKey, TagKey, TagSet, Tip
from bridge.store.schema import build as table
from bridge.store.schema import ref_move, tag_name, tip

MAX_MOVES: Final = 100
_MAX_BUILDS: Final = 1000
"""Of one tag set; of more the oldest are not known."""
# Word for word the condition of the index: bound parameters would not use it.
_OPEN: Final = text("state IN ('waiting', 'triggering', 'queued', 'running')")


def known(
    connection: Connection,
    delivery_id: str,
    moves: Sequence[RefMove],
    wanted: Sequence[NewBuild],
    *,
    now: float,
    asked: bool,
) -> Known:
    """All that concerns the moves that a delivery reports and the builds that the rules want of it."""
    moved = list(dict.fromkeys((move.code, move.ref) for move in moves))
    refs = list(dict.fromkeys([*moved, *((new.code, new.ref) for new in wanted)]))
    recorded = {ref: moves_of(connection, *ref) for ref in refs}
    tips = [one for ref in moved for one in _tips(connection, ref)]
    objects = _objects(recorded, moves, wanted)
    sets = {one: objects[new.code, new.ref] for new in wanted for one in _sets(new)}
    sets |= {one.tag_set: objects[one.code, one.ref] for one in tips}
    repositories = {one.repository for one in sets}
    return Known(
        delivery_id=delivery_id,
        now=now,
        asked=asked,
        moves=recorded,
        tips=tips,
        builds={one: _builds(connection, one, its_objects) for one, its_objects in sets.items()},
        last_triggered={one.tag_set: _last_triggered(connection, one) for one in tips},
        last_numbers={one: _last_number(connection, one) for one in repositories},
        names=_names(connection, wanted),
    )


def moves_of(connection: Connection, code: str, ref: str) -> list[KnownMove]:
    """The recorded moves of a ref, the first recorded first."""
    query = select(ref_move.c.before, ref_move.c.after, ref_move.c.at)
    rows = connection.execute(query.where(_of_ref(code, ref)).order_by(ref_move.c.id))
    return [KnownMove(row.before, row.after, row.at) for row in rows]


def of_repository(namespace: str, repo_name: str) -> ColumnElement[bool]:
    return and_(table.c.namespace == namespace, table.c.repo_name == repo_name)


def record_move(connection: Connection, move: RefMove, now: float) -> None:
    """Remember that a ref moved; one that was recorded before was reported again now."""
    before, after = move.before or "", move.after or ""
    connection.execute(
        upsert(ref_move)
        .values(code=move.code, ref=move.ref, before=before, after=after, at=now, clone_url=move.clone_url)
        .on_conflict_do_update(index_elements=["code", "ref", "before", "after"], set_={"at": now})
    )
    newest = select(ref_move.c.id).where(_of_ref(move.code, move.ref)).order_by(ref_move.c.id.desc())
    too_many = newest.limit(-1).offset(MAX_MOVES)
    connection.execute(delete(ref_move).where(ref_move.c.id.in_(too_many)))


def set_tip(connection: Connection, new: Tip, now: float) -> None:
    """From now on the moving tags of the tag set stand for this push."""
    values = {"code": new.code, "ref": new.ref, "pushed": new.pushed, "at": now}
    one = new.tag_set
    connection.execute(
        upsert(tip)
        .values(namespace=one.namespace, repo_name=one.repo_name, tag_set=one.name, **values)
        .on_conflict_do_update(index_elements=["namespace", "repo_name", "tag_set"], set_=values)
    )


def hold_name(connection: Connection, key: TagKey, original: str, now: float) -> None:
    """The tag stands for this text from now on, or still."""
    namespace, repo_name, tag = key
    connection.execute(
        upsert(tag_name)
        .values(namespace=namespace, repo_name=repo_name, tag=tag, original=original, at=now)
        .on_conflict_do_update(index_elements=["namespace", "repo_name", "tag"], set_={"at": now})
    )


def _of_ref(code: str, ref: str) -> ColumnElement[bool]:
    return (ref_move.c.code == code) & (ref_move.c.ref == ref)


def _of_tag_set(one: TagSet) -> ColumnElement[bool]:
    return of_repository(*one.repository) & (table.c.tag_set == one.name)


def _tips(connection: Connection, ref: RefKey) -> list[Tip]:
    code, name = ref
    rows = connection.execute(select(tip).where(tip.c.code == code, tip.c.ref == name).order_by(tip.c.id))
    return [
        Tip(TagSet(row.namespace, row.repo_name, row.tag_set), row.code, row.ref, row.pushed) for row in rows
    ]


def _sets(new: NewBuild) -> tuple[TagSet, TagSet]:
    whole = TagSet.of(new)
    return whole, whole.of_commit


def _objects(
    recorded: Mapping[RefKey, Sequence[KnownMove]], moves: Sequence[RefMove], wanted: Sequence[NewBuild]
) -> dict[RefKey, set[str]]:
    """All that each ref was ever set to, now included."""
    objects = {ref: {one.after for one in known_moves} for ref, known_moves in recorded.items()}
    for move in moves:
        objects[move.code, move.ref].add(move.after or "")
    for new in wanted:
        objects[new.code, new.ref].add(new.pushed)
    return {ref: its_objects - {""} for ref, its_objects in objects.items()}


def _builds(connection: Connection, one: TagSet, objects: set[str]) -> list[KnownBuild]:
    """The builds of a tag set that have not ended, and those of these objects, by their numbers."""
    columns = (
        table.c.id,
        table.c.number,
        table.c.pushed,
        table.c.state,
        type_coerce(table.c.origin, JSON)["cause"].as_string().label("cause"),
        table.c.delivery_id,
        table.c.created_at,
        table.c.superseded,
    )
    either = union(
        select(*columns).where(_of_tag_set(one), table.c.pushed.in_(objects)),
        select(*columns).where(_of_tag_set(one), _OPEN),
    ).subquery()
    rows = connection.execute(select(either).order_by(either.c.number.desc()).limit(_MAX_BUILDS)).all()
    return [
        KnownBuild(
            id=row.id,
            number=row.number,
            pushed=row.pushed,
            state=BuildState(row.state),
            cause=row.cause,
            delivery_id=row.delivery_id,
            created_at=row.created_at,
            superseded=row.superseded,
        )
        for row in reversed(rows)
    ]


def _last_triggered(connection: Connection, one: Tip) -> int:
    """The number of the tag set's last build that was sent to its builder, 0 when there is none."""
    # By way of the ref, whose builds an index has in the order of their numbers.
    same = _of_tag_set(one.tag_set) & (table.c.ref == one.ref) & table.c.triggered_at.is_not(None)
    query = select(table.c.number).where(same).order_by(table.c.number.desc()).limit(1)
    return connection.execute(query).scalar() or 0


def _last_number(connection: Connection, repository: RepositoryKey) -> int:
    """The number of the repository's last build, 0 when there is none."""
    query = select(func.max(table.c.number)).where(of_repository(*repository))
    return connection.execute(query).scalar() or 0


def _names(connection: Connection, wanted: Sequence[NewBuild]) -> dict[TagKey, str]:
    """What the tags of these builds stand for."""
    names: dict[TagKey, str] = {}
    for new in wanted:
        if new.named:
            same = (tag_name.c.namespace == new.namespace) & (tag_name.c.repo_name == new.repo_name)
            query = select(tag_name.c.tag, tag_name.c.original).where(same, tag_name.c.tag.in_(new.named))
            names |= {
                (new.namespace, new.repo_name, row.tag): row.original for row in connection.execute(query)
            }
    return names
