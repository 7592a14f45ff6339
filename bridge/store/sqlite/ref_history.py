"""The order of pushes on disk: how refs moved, and what each tag set was last built from.

`bridge.planning.ref_history` says which of two pushes is the newer one. Here its answers become deeds:

- A push that is older than something its tag set was built from builds only the tags that name its commit.
- What is newer is built, and becomes the tip of its tag set.
- Where a new link of the chain shows that a tip is older than something that was built before, that is built
  once more; unless nothing newer has reached a builder since: then what still waits is just ended.

One push may be told of twice, by two webhooks under two ids: within REPEAT_SECONDS the second of them builds
nothing.

What a person asks for, a build by hand or the redelivery of an older push, is built as asked, says that
something is newer, and changes no tip. Known are the last MAX_MOVES moves of a ref, as long as deliveries are
kept.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as insert_or_nothing

from bridge.model.build import Build, NewBuild
from bridge.model.event import RefMove
from bridge.planning.ref_history import Chain
from bridge.store.schema import build as table
from bridge.store.schema import ref_move, tip
from bridge.store.sqlite import builds

MAX_MOVES: Final = 100
REPEAT_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class TagSet:
    """What is built of one ref into the same tags, and what it was last built from."""

    namespace: str
    repo_name: str
    name: str
    pushed: str


def note(connection: Connection, move: RefMove, now: float) -> Chain:
    """Keep a move, and answer with all that is known of its ref."""
    before, after = move.before or "", move.after or ""
    connection.execute(
        insert_or_nothing(ref_move)
        .values(code=move.code, ref=move.ref, before=before, after=after, at=now, clone_url=move.clone_url)
        .on_conflict_do_update(index_elements=["code", "ref", "before", "after"], set_={"at": now})
    )
    same = (ref_move.c.code == move.code) & (ref_move.c.ref == move.ref)
    newest = select(ref_move.c.id).where(same).order_by(ref_move.c.id.desc())
    too_many = newest.limit(-1).offset(MAX_MOVES)
    connection.execute(delete(ref_move).where(ref_move.c.id.in_(too_many)))
    return chain(connection, move.code, move.ref)


def is_repeat(connection: Connection, move: RefMove, since: float) -> bool:
    """Whether the very same move was noted `since` then; not where the ref has gone back to `before`."""
    same = (ref_move.c.code == move.code) & (ref_move.c.ref == move.ref)
    query = select(ref_move).where(same, ref_move.c.at >= since)
    noted = connection.execute(query.order_by(ref_move.c.at.desc(), ref_move.c.id.desc())).all()
    before, after = move.before or "", move.after or ""
    return (
        bool(noted) and noted[0].after != before and (before, after) in {(m.before, m.after) for m in noted}
    )


def chain(connection: Connection, code: str, ref: str) -> Chain:
    rows = connection.execute(
        select(ref_move.c.before, ref_move.c.after).where(ref_move.c.code == code, ref_move.c.ref == ref)
    )
    return Chain((row.before, row.after) for row in rows)


def newer_build(connection: Connection, known: Chain, line: TagSet) -> Build | None:
    """The newest code that the tag set was ever built from, where that is newer than `line.pushed`."""
    newer = known.newer(line.pushed)
    if not newer:
        return None
    query = (
        select(table.c.pushed, table.c.id)
        .where(
            table.c.namespace == line.namespace,
            table.c.repo_name == line.repo_name,
            table.c.tag_set == line.name,
            table.c.pushed.in_(newer),
        )
        .order_by(table.c.number)
    )
    found = {row.pushed: row.id for row in connection.execute(query)}
    newest = known.newest(list(reversed(found)))
    return builds.get(connection, found[newest]) if newest is not None else None


def tips(connection: Connection, move: RefMove) -> list[TagSet]:
    """What was last built from the ref that moved."""
    query = select(tip).where(tip.c.code == move.code, tip.c.ref == move.ref)
    return [
        TagSet(row.namespace, row.repo_name, row.tag_set, row.pushed) for row in connection.execute(query)
    ]


def set_tip(connection: Connection, new: NewBuild, now: float) -> None:
    """From now on the tag set stands for this push."""
    values = {"code": new.code, "ref": new.ref, "pushed": new.pushed, "at": now}
    connection.execute(
        insert_or_nothing(tip)
        .values(namespace=new.namespace, repo_name=new.repo_name, tag_set=new.tag_set, **values)
        .on_conflict_do_update(index_elements=["namespace", "repo_name", "tag_set"], set_=values)
    )
