"""Which build made each image tag last. A row changes in the transaction in which a build succeeds."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, case, select
from sqlalchemy.dialects.sqlite import insert

from bridge.model.build import Build, BuildState
from bridge.model.chain import Chain
from bridge.model.plan import RepositoryKey
from bridge.store.reports import BuiltTag
from bridge.store.schema import build as builds
from bridge.store.schema import tip
from bridge.store.schema_tags import built_tag as table
from bridge.store.sql import history, runs
from bridge.store.sql.build_rows import build_of
from bridge.store.sql.constructs import greatest

_LOOKED_AT: Final = 20
"""So many builds of one push are looked through for one that succeeded."""
_NEW: Final = insert(table)
_IS_LATER: Final = _NEW.excluded.at >= table.c.at
_MADE: Final = _NEW.on_conflict_do_update(
    index_elements=["namespace", "repo_name", "tag"],
    set_={
        **{
            name: case((_IS_LATER, _NEW.excluded[name]), else_=table.c[name])
            for name in ("build_id", "run", "is_public", "at")
        },
        "top": greatest(table.c.top, _NEW.excluded.top),
    },
)


def made(connection: Connection, before: RowMapping, build: Build, now: float) -> None:
    """The build has succeeded, and so made its tags; `before` is its row until now.

    One that was given up as unknown made them when it ended. A builder that did not get the names of the
    images made none of them.
    """
    if not build.images_passed:
        return
    was_unknown = before["state"] == BuildState.UNKNOWN
    at = build.ended_at if was_unknown and build.ended_at is not None else now
    same = {
        "namespace": build.namespace,
        "repo_name": build.repo_name,
        "build_id": build.id,
        "run": build.run,
        "is_public": int(build.origin.is_public),
        "at": at,
        "top": build.number,
    }
    if build.request.tags:
        connection.execute(_MADE, [{**same, "tag": tag} for tag in build.request.tags])


def newest(connection: Connection, key: RepositoryKey, size: int, *, public: bool) -> Sequence[BuiltTag]:
    """`Reports.tags`."""
    return [
        _built_tag(connection, row, public=public)
        for row in connection.execute(of(key, size, public=public)).mappings()
    ]


def of(key: RepositoryKey, size: int, *, public: bool) -> Select[Any]:
    """The rows of a repository, the newest first."""
    found = select(table).where(table.c.namespace == key[0], table.c.repo_name == key[1])
    if public:
        found = found.where(table.c.is_public == 1)
    return found.order_by(table.c.at.desc(), table.c.tag.desc()).limit(size)


def _built_tag(connection: Connection, row: RowMapping, *, public: bool) -> BuiltTag:
    stored = connection.execute(select(builds).where(builds.c.id == row["build_id"])).mappings().one()
    build = (
        build_of(stored)
        if stored["run"] == row["run"]
        else runs.find(connection, row["build_id"], row["run"])
    )
    assert build is not None, "a run goes with its build, and that with its tags"
    newer = _newer(connection, row, stored)
    hidden = newer is not None and public and not newer.origin.is_public
    return BuiltTag(row["tag"], row["at"], build, None if hidden else newer)


def _newer(connection: Connection, row: RowMapping, stored: RowMapping) -> Build | None:
    """A build that made the tag before, of code that is known to be newer.

    That is one of the push which the tag set stands for, else the one with the highest number. A number says
    little of the code: a person, or a schedule, may build what was never built when it was pushed.
    """
    names = ("namespace", "repo_name", "tag_set")
    of_set = select(tip.c.code, tip.c.ref, tip.c.pushed).where(
        *(tip.c[name] == stored[name] for name in names)
    )
    found = connection.execute(of_set).one_or_none()
    if found is None or not stored["pushed"] or found.pushed == stored["pushed"]:
        return None
    same = select(builds).where(*(builds.c[name] == stored[name] for name in names))
    of_push = same.where(builds.c.pushed == found.pushed).limit(_LOOKED_AT)
    for query in (of_push, same.where(builds.c.number == row["top"])):
        for other in map(build_of, connection.execute(query).mappings()):
            has_made = other.state is BuildState.SUCCEEDED and other.images_passed
            if has_made and row["tag"] in other.request.tags and other.pushed != stored["pushed"]:
                chain = Chain.of(history.moves_of(connection, found.code, found.ref))
                return other if other.pushed in chain.newer(stored["pushed"]) else None
    return None
