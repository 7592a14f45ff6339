"""What a store has in the end, on either engine, as far as the checker needs it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, NullPool, create_engine, func, select

from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import NoticeState
from bridge.store.schema import build, delivery, notice, service, step

DECIDED: Final = frozenset({DeliveryState.DISPATCHED, DeliveryState.IGNORED, DeliveryState.DEAD})
ENDED: Final = frozenset(state for state in BuildState if state.terminal)
SAID: Final = frozenset({NoticeState.SENT, NoticeState.MERGED})
OPEN_NOTICES: Final = frozenset({NoticeState.PENDING, NoticeState.SENDING})


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    id: str
    key: str
    state: DeliveryState
    detail: str
    decisions: int
    """How many of its timeline's steps are decisions."""


@dataclass(frozen=True, slots=True)
class BuildFacts:
    id: str
    delivery_id: str
    repository: str
    ref: str
    number: int
    pushed: str
    builder: str
    state: BuildState
    run: int
    triggered_at: float | None


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    id: str
    build_id: str | None
    channel: str
    event: str
    job: str
    state: NoticeState
    reason: str
    digest: str | None
    """The id of the digest that it is a part of."""
    attempts: int
    left: int | None
    """The number of the step with which it, or its digest, got out: unlike times these never go back."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Deliveries by key, builds in the order of their numbers, notices in the order of their ids."""

    deliveries: Mapping[str, Sequence[DeliveryFacts]]
    builds: Sequence[BuildFacts]
    notices: Sequence[NoticeFacts]
    down: Sequence[str]
    """The parts that are down."""


def reader(url: str) -> Engine:
    """Connections to the store at a URL of `bridge.yaml`, beside its daemons."""
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)


def read(connection: Connection) -> Facts:
    """All of it, of one moment."""
    decided = select(step.c.subject, func.count()).where(step.c.what.in_(DECIDED)).group_by(step.c.subject)
    decisions: Counter[str] = Counter({row[0]: row[1] for row in connection.execute(decided)})
    by_key: defaultdict[str, list[DeliveryFacts]] = defaultdict(list)
    deliveries = select(delivery.c.id, delivery.c.key, delivery.c.state, delivery.c.detail)
    for row in connection.execute(deliveries):
        one = DeliveryFacts(row.id, row.key, DeliveryState(row.state), row.detail, decisions[row.id])
        by_key[row.key].append(one)
    builds = connection.execute(select(build).order_by(build.c.namespace, build.c.repo_name, build.c.number))
    leaving = select(step.c.subject, func.min(step.c.id)).where(step.c.what.in_(SAID))
    left = {row[0]: row[1] for row in connection.execute(leaving.group_by(step.c.subject))}
    notices = connection.execute(select(notice).order_by(notice.c.id))
    down = connection.execute(select(service.c.name).where(service.c.down_since.is_not(None)))
    return Facts(
        deliveries=by_key,
        builds=[
            BuildFacts(
                row.id,
                row.delivery_id,
                row.repo_name,
                row.ref,
                row.number,
                row.pushed,
                row.builder,
                BuildState(row.state),
                row.run,
                row.triggered_at,
            )
            for row in builds
        ],
        notices=[
            NoticeFacts(
                row.id,
                row.build_id,
                row.channel,
                row.event,
                row.job,
                NoticeState(row.state),
                row.reason,
                row.digest_id,
                row.attempts,
                left.get(row.digest_id or row.id),
            )
            for row in notices
        ],
        down=[row.name for row in down],
    )


def count_open(connection: Connection) -> dict[str, int]:
    """How many rows of each table wait for something."""
    wanted = {
        "deliveries": select(func.count()).where(delivery.c.state == DeliveryState.STORED),
        "builds": select(func.count()).where(build.c.state.not_in(ENDED)),
        "notices": select(func.count()).where(notice.c.state.in_(OPEN_NOTICES)),
    }
    counted = {name: connection.execute(query).scalar_one() for name, query in wanted.items()}
    return {name: count for name, count in counted.items() if count}
