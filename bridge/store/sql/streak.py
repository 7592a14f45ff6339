"""How the builds of a tag set ended before a build."""

from typing import Final

from sqlalchemy import Connection, Select, func, select

from bridge.model.build import Build, BuildState
from bridge.model.notice import EventName, NoticeState, Streak
from bridge.store.schema import build as table
from bridge.store.schema import earlier_run, notice

_UNSENT: Final = (NoticeState.DEAD, NoticeState.SUPPRESSED)
_FAILURES: Final = (BuildState.FAILED, BuildState.UNKNOWN)


def before(connection: Connection, build: Build, tag_set: str) -> Streak:
    """The failures in a row that a build follows, of its own ref and tag set.

    A success that follows a failure of an earlier run of the same build, or a notice that this run had
    failed, ends that failure, too. One that a newer build was ahead of ends nothing.
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
        table.c.state.in_(_FAILURES),
    )
    failures = [(number, at) for number, at in connection.execute(failed.order_by(table.c.number))]
    earlier_failure = _earlier_failure(connection, build)
    own = _failure_notice_at(connection, build) if earlier_failure is None else earlier_failure
    if is_success and own is not None:
        failures.append((build.number, own))
    again = earlier_failure is not None
    of_streak = select(table.c.id).where(
        same, table.c.number > (last_success or 0), table.c.number <= build.number
    )
    noticed = {} if is_success else _noticed(connection, of_streak)
    if not failures:
        return Streak(again=again, noticed=noticed)
    return Streak(len(failures), *failures[0], again=again, noticed=noticed)


def _noticed(connection: Connection, builds: Select[tuple[str]]) -> dict[str, float]:
    """When the last notice that one of these builds failed was made, by channel, unless it was given up."""
    channel = func.coalesce(notice.c.moved_from, notice.c.channel)
    last = select(channel, func.max(notice.c.created_at)).where(
        notice.c.build_id.in_(builds), notice.c.event == EventName.FAIL, notice.c.state.not_in(_UNSENT)
    )
    found = connection.execute(last.group_by(channel))
    return {row[0]: row[1] for row in found}


def _earlier_failure(connection: Connection, build: Build) -> float | None:
    """When the first of the earlier runs of this build ended that failed since one succeeded."""
    columns = (earlier_run.c.state, earlier_run.c.ended_at)
    query = select(*columns).where(earlier_run.c.build_id == build.id).order_by(earlier_run.c.run.desc())
    first: float | None = None
    for state, ended_at in connection.execute(query):
        if state == BuildState.SUCCEEDED:
            break
        if state in _FAILURES:
            first = build.created_at if ended_at is None else ended_at
    return first


def _failure_notice_at(connection: Connection, build: Build) -> float | None:
    """When the first notice of the failure of this run was written."""
    first = select(func.min(notice.c.created_at)).where(
        notice.c.build_id == build.id,
        notice.c.event == EventName.FAIL,
        notice.c.dedupe.startswith(f"{build.run_id}:", autoescape=True),
    )
    at: float | None = connection.execute(first).scalar()
    return at
