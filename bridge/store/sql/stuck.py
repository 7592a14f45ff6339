"""What is past its time; what waits for a part that is down is not, for that is known."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Label, Select, func, select

from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import NoticeState
from bridge.store.monitoring import BUILD_SECONDS, STUCK_SECONDS, Stuck, StuckKind
from bridge.store.schema import build, delivery, notice, service
from bridge.store.sql.eligibility import is_eligible

_BUSY: Final = [BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING]


def of_kind(connection: Connection, kind: StuckKind, now: float) -> Stuck | None:
    """What is stuck of one kind; None where nothing is."""
    rows = _QUERIES[kind](now).subquery()
    count, since = connection.execute(select(func.count(), func.min(rows.c.since))).one()
    if not count:
        return None
    oldest = connection.execute(select(rows.c.id).order_by(rows.c.since, rows.c.id).limit(1)).scalar_one()
    return Stuck(kind, count, oldest, since)


def _undecided(now: float) -> Select[Any]:
    return _rows(delivery.c.id, delivery.c.received_at).where(
        delivery.c.state == DeliveryState.STORED, delivery.c.received_at < now - STUCK_SECONDS
    )


def _untriggered(now: float) -> Select[Any]:
    occupied = select(build.c.builder).where(build.c.released == 0, build.c.state.in_(_BUSY)).distinct()
    return _rows(build.c.id, build.c.next_at).where(
        build.c.released == 0,
        build.c.state == BuildState.WAITING,
        build.c.next_at < now - STUCK_SECONDS,
        build.c.builder.not_in(_down("builder")),
        build.c.builder.not_in(occupied),
        is_eligible(),
    )


def _triggering(now: float) -> Select[Any]:
    return _rows(build.c.id, build.c.triggered_at).where(
        build.c.released == 0,
        build.c.state == BuildState.TRIGGERING,
        build.c.triggered_at < now - STUCK_SECONDS,
        build.c.builder.not_in(_down("builder")),
    )


def _unended(now: float) -> Select[Any]:
    return _rows(build.c.id, build.c.triggered_at).where(
        build.c.released == 0,
        build.c.state.in_([BuildState.QUEUED, BuildState.RUNNING]),
        build.c.triggered_at < now - BUILD_SECONDS,
    )


def _unknown(_now: float) -> Select[Any]:
    since = func.coalesce(build.c.ended_at, build.c.created_at)
    return _rows(build.c.id, since).where(build.c.state == BuildState.UNKNOWN)


def _unsent(now: float) -> Select[Any]:
    is_open = notice.c.state.in_([NoticeState.PENDING, NoticeState.SENDING])
    heads = select(func.min(notice.c.id)).where(is_open, notice.c.channel.not_in(_down("channel")))
    return _rows(notice.c.id, notice.c.next_at).where(
        notice.c.id.in_(heads.group_by(notice.c.channel, notice.c.job, notice.c.recipient)),
        notice.c.next_at < now - STUCK_SECONDS,
    )


_QUERIES: Final[Mapping[StuckKind, Callable[[float], Select[Any]]]] = {
    StuckKind.UNDECIDED: _undecided,
    StuckKind.UNTRIGGERED: _untriggered,
    StuckKind.TRIGGERING: _triggering,
    StuckKind.UNENDED: _unended,
    StuckKind.UNKNOWN: _unknown,
    StuckKind.UNSENT: _unsent,
}


def _rows(row: ColumnElement[str], since: ColumnElement[Any]) -> Select[Any]:
    named: Label[Any] = since.label("since")
    return select(row, named)


@cache
def _down(part: str) -> Select[Any]:
    """The names of the parts of this kind that are down."""
    name = func.substr(service.c.name, len(part) + 2)
    return select(name).where(service.c.down_since.is_not(None), service.c.name.startswith(f"{part}:"))
