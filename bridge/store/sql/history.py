"""What a delivery is planned from: moves of refs, tips, tag names and earlier builds that concern it.

The planner decides inside the writer's transaction. So all of this is read by index, in a bounded number of
rows, without the documents of the builds, and by statements that are composed once. The last MAX_MOVES moves
of a ref are known, as long as deliveries are kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Connection,
    Select,
    Table,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    union,
)
from sqlalchemy.dialects.sqlite import Insert, insert

from bridge.model.build import MANUAL, REPAIR, BuildState, NewBuild
from bridge.model.event import RefMove
from bridge.model.plan import (
    MAX_MOVES,
    Known,
    KnownBuild,
    KnownMove,
    RefKey,
    RepositoryKey,
    TagKey,
    TagSet,
    Tip,
)
from bridge.store.codec import to_json
from bridge.store.schema import build as table
from bridge.store.schema import delivery, earlier_run, ref_move, tag_name, tip
from bridge.store.sql.constructs import elements_of, json_text, unindexed
from bridge.store.sql.turns import next_turn

_MAX_BUILDS: Final = 1000
"""Of one tag set; of more the oldest are not known."""


def _listed(name: str) -> Select[Any]:
    """The values of a JSON array, however many."""
    return select(elements_of(bindparam(name)).c.value)


def _upsert(into: Table, key: Sequence[str], *changed: str) -> Insert:
    """Insert a row, or change these columns of the row with the same key."""
    new = insert(into)
    return new.on_conflict_do_update(index_elements=key, set_={name: new.excluded[name] for name in changed})


_OF_REF: Final = (ref_move.c.code == bindparam("of_code")) & (ref_move.c.ref == bindparam("of_ref"))
_MOVES: Final = (
    select(ref_move.c.before, ref_move.c.after, ref_move.c.at, ref_move.c.turn, ref_move.c.seen)
    .where(_OF_REF)
    .order_by(ref_move.c.id)
)
_RECORD: Final = _upsert(ref_move, ["code", "ref", "before", "after"], "at", "turn")
_NEXT_TURN: Final = select(next_turn(ref_move, _OF_REF))
_TRIM: Final = delete(ref_move).where(
    _OF_REF,
    ref_move.c.id
    <= select(ref_move.c.id)
    .where(_OF_REF)
    .order_by(ref_move.c.id.desc())
    .limit(1)
    .offset(MAX_MOVES)
    .scalar_subquery(),
)
_TIPS: Final = (
    select(tip).where(tip.c.code == bindparam("of_code"), tip.c.ref == bindparam("of_ref")).order_by(tip.c.id)
)
_SET_TIP: Final = _upsert(tip, ["namespace", "repo_name", "tag_set"], "code", "ref", "pushed", "at")
_OF_REPOSITORY: Final = (table.c.namespace == bindparam("of_namespace")) & (
    table.c.repo_name == bindparam("of_repo_name")
)
_LAST_NUMBER: Final = select(func.max(table.c.number)).where(_OF_REPOSITORY)
_RAN_BEFORE: Final = (
    select(1)
    .where(earlier_run.c.build_id == table.c.id, earlier_run.c.triggered_at.is_not(None))
    .correlate(table)
    .exists()
)
# By way of the ref, whose builds an index has in the order of their numbers.
_LAST_TRIGGERED: Final = (
    select(table.c.number)
    .where(
        _OF_REPOSITORY,
        table.c.ref == bindparam("of_ref"),
        table.c.tag_set == bindparam("of_tag_set"),
        or_(table.c.triggered_at.is_not(None), _RAN_BEFORE),
    )
    .order_by(table.c.number.desc())
    .limit(1)
)
_LIGHT: Final = select(
    table.c.id,
    table.c.number,
    table.c.tag_set,
    table.c.pushed,
    table.c.state,
    json_text(table.c.origin, "cause").label("cause"),
    table.c.delivery_id,
    table.c.created_at,
    table.c.superseded,
    table.c.run,
).where(_OF_REPOSITORY)
_OF_TAG_SETS: Final[Sequence[BindParameter[str]]] = (bindparam("of_tag_set"), bindparam("of_commit_set"))
_EITHER: Final = union(
    _LIGHT.where(table.c.tag_set.in_(_OF_TAG_SETS), table.c.pushed.in_(_listed("objects"))),
    # The index of tag sets has all that ever ended.
    _LIGHT.where(
        unindexed(table.c.tag_set).in_(_OF_TAG_SETS),
        text("state IN ('waiting', 'triggering', 'queued', 'running')"),
    ),
).subquery()
_REPLAY: Final = select(delivery.c.replay).where(delivery.c.id == _EITHER.c.delivery_id).scalar_subquery()
_BUILDS: Final = select(_EITHER, _REPLAY).order_by(_EITHER.c.number.desc()).limit(_MAX_BUILDS)
_NAMES: Final = select(tag_name.c.tag, tag_name.c.original).where(
    tag_name.c.namespace == bindparam("of_namespace"),
    tag_name.c.repo_name == bindparam("of_repo_name"),
    tag_name.c.tag.in_(_listed("tags")),
)
_HOLD_NAME: Final = _upsert(tag_name, ["namespace", "repo_name", "tag"], "at")


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
    sets = {TagSet.of(new): objects[new.code, new.ref] for new in wanted}
    sets |= {one.tag_set: objects[one.code, one.ref] for one in tips}
    builds: dict[TagSet, list[KnownBuild]] = {}
    for tag_set, its_objects in sets.items():
        builds |= _builds(connection, tag_set, its_objects)
    return Known(
        delivery_id=delivery_id,
        now=now,
        asked=asked,
        moves=recorded,
        tips=tips,
        builds=builds,
        last_triggered={one.tag_set: _last_triggered(connection, one) for one in tips},
        last_numbers={one: _last_number(connection, one) for one in {one.repository for one in sets}},
        names=_names(connection, wanted),
    )


def moves_of(connection: Connection, code: str, ref: str) -> list[KnownMove]:
    """The recorded moves of a ref, the first recorded first."""
    rows = connection.execute(_MOVES, {"of_code": code, "of_ref": ref})
    return [KnownMove(before, after, at, turn, bool(seen)) for before, after, at, turn, seen in rows]


def record_move(connection: Connection, move: RefMove, now: float) -> None:
    """Remember that a ref moved; one that was recorded before was reported again now."""
    values = {"code": move.code, "ref": move.ref, "before": move.before or "", "after": move.after or ""}
    of_ref = {"of_code": move.code, "of_ref": move.ref}
    turn = connection.execute(_NEXT_TURN, of_ref).scalar_one()
    facts = {"at": now, "clone_url": move.clone_url, "seen": int(move.seen), "turn": turn}
    connection.execute(_RECORD, values | facts)
    connection.execute(_TRIM, of_ref)


def set_tip(connection: Connection, new: Tip, now: float) -> None:
    """From now on the moving tags of the tag set stand for this push."""
    one = new.tag_set
    values = {"namespace": one.namespace, "repo_name": one.repo_name, "tag_set": one.name}
    connection.execute(_SET_TIP, values | {"code": new.code, "ref": new.ref, "pushed": new.pushed, "at": now})


def hold_name(connection: Connection, key: TagKey, original: str, now: float) -> None:
    """The tag stands for this text from now on, or still."""
    namespace, repo_name, tag = key
    values = {"namespace": namespace, "repo_name": repo_name, "tag": tag}
    connection.execute(_HOLD_NAME, values | {"original": original, "at": now})


def _tips(connection: Connection, ref: RefKey) -> list[Tip]:
    code, name = ref
    return [
        Tip(TagSet(row.namespace, row.repo_name, row.tag_set), row.code, row.ref, row.pushed)
        for row in connection.execute(_TIPS, {"of_code": code, "of_ref": name})
    ]


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


def _builds(connection: Connection, tag_set: TagSet, objects: set[str]) -> dict[TagSet, list[KnownBuild]]:
    """The builds of a tag set, and of the tags of one commit among it, by their numbers.

    They are those that have not ended, and those of these objects.
    """
    builds: dict[TagSet, list[KnownBuild]] = {tag_set: [], tag_set.of_commit: []}
    by_name = {one.name: found for one, found in builds.items()}
    names = {"of_tag_set": tag_set.name, "of_commit_set": tag_set.of_commit.name}
    parameters = _of(tag_set.repository) | names | {"objects": to_json(list(objects))}
    for row in reversed(connection.execute(_BUILDS, parameters).all()):
        build_id, number, name, pushed, state, cause, delivery_id, created_at, superseded, run, replay = row
        by_name[name].append(
            KnownBuild(
                id=build_id,
                number=number,
                pushed=pushed,
                state=BuildState(state),
                # A redelivery may also repair the order: that is not what the person asked for.
                asked=run > 1 or cause == MANUAL or (bool(replay) and cause != REPAIR),
                delivery_id=delivery_id,
                created_at=created_at,
                superseded=superseded,
            )
        )
    return builds


def _last_triggered(connection: Connection, one: Tip) -> int:
    """The number of the tag set's last build that was sent to its builder, 0 when there is none."""
    parameters = _of(one.tag_set.repository) | {"of_ref": one.ref, "of_tag_set": one.tag_set.name}
    return connection.execute(_LAST_TRIGGERED, parameters).scalar() or 0


def _last_number(connection: Connection, repository: RepositoryKey) -> int:
    """The number of the repository's last build, 0 when there is none."""
    return connection.execute(_LAST_NUMBER, _of(repository)).scalar() or 0


def _names(connection: Connection, wanted: Sequence[NewBuild]) -> dict[TagKey, str]:
    """What the tags of these builds stand for."""
    names: dict[TagKey, str] = {}
    for new in wanted:
        if new.named:
            repository = (new.namespace, new.repo_name)
            parameters = _of(repository) | {"tags": to_json(list(new.named))}
            for tag, original in connection.execute(_NAMES, parameters):
                names[*repository, tag] = original
    return names


def _of(repository: RepositoryKey) -> dict[str, str]:
    return {"of_namespace": repository[0], "of_repo_name": repository[1]}
