"""How the builds of a tag set ended before a build."""

from sqlalchemy import Connection, func, select

from bridge.model.build import Build, BuildState
from bridge.model.notice import EventName, Streak
from bridge.store.schema import build as table
from bridge.store.schema import notice


def before(connection: Connection, build: Build, tag_set: str) -> Streak:
    """The failures in a row that a build follows, of its own ref and tag set.

    A success that follows a notice that the same build had failed ends that failure, too. One that a newer
    build was ahead of ends nothing.
    """
    same = (
        (table.c.namespace == build.namespace)
        & (table.c.repo_name == build.repo_name)
        & (table.c.ref == build.request.ref)
        & (table.c.tag_set == tag_set)
    )
    succeeded = same & (table.c.state == BuildState.SUCCEEDED)
    is_success = build.state is BuildState.SUCCEEDED
    newer = select(1).where(succeeded, table.c.number > build.number).limit(1)
    if is_success and connection.execute(newer).first():
        return Streak()
    earlier = succeeded & (table.c.number < build.number)
    newest_first = table.c.number.desc()
    last_success = connection.execute(
        select(table.c.number).where(earlier).order_by(newest_first).limit(1)
    ).scalar()
    failed = select(table.c.number, func.coalesce(table.c.ended_at, table.c.created_at)).where(
        same,
        table.c.number > (last_success or 0),
        table.c.number < build.number,
        table.c.state.in_([BuildState.FAILED, BuildState.UNKNOWN]),
    )
    failures = [(number, at) for number, at in connection.execute(failed.order_by(table.c.number))]
    if is_success and (at := _failure_notice_at(connection, build.id)) is not None:
        failures.append((build.number, at))
    return Streak(len(failures), *failures[0]) if failures else Streak()


def _failure_notice_at(connection: Connection, build_id: str) -> float | None:
    """When the first notice of the failure of this build was written."""
    first = select(func.min(notice.c.created_at)).where(
        notice.c.build_id == build_id, notice.c.event == EventName.FAIL
    )
    at: float | None = connection.execute(first).scalar()
    return at
