"""One run: a fleet under load and faults, until all has come to rest, and what the checker says of it."""

import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from chaos.checker import Accepted, Breach, Evidence, Ran, Takeover, breaches
from chaos.facts import Facts, count_open, read
from chaos.faults import Happened, Injector, Kind, Plan
from chaos.fleet import Fleet, fleet
from chaos.load import Load
from chaos.others import Others, others
from chaos.pushes import REPOSITORIES, pushes
from chaos.takeovers import DutyWatch, takeovers
from sqlalchemy import Engine
from support.postgres import Server
from support.waiting import eventually

from bridge.model.build import BuildState
from bridge.model.notice import MESSAGE_CHANNEL

_GAP: Final = 1.0
"""So many seconds a node has to start again before the next thing befalls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`rate` is in pushes a second, times are in seconds; `counts` are the faults of each kind."""

    seed: int
    nodes: int
    seconds: float
    rate: float
    built_share: float
    lease: float
    counts: Mapping[Kind, int] = field(default_factory=dict)
    outage: float = 1.0
    """How long the network or the database is away at most."""
    rest_seconds: float = 600.0

    @property
    def plan(self) -> Plan:
        """A freeze lasts three leases, so that others have long taken over when it ends."""
        return Plan(
            seed=self.seed,
            nodes=self.nodes,
            duration=self.seconds,
            counts=self.counts,
            lasting={Kind.FREEZE: 3 * self.lease, Kind.KILL: 0.0},
            outage=self.outage,
            gap=_GAP,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What happened, and what does not hold of it; an entry of `ended` is the exit status of a node."""

    settings: Settings
    engine: str
    figures: Mapping[str, Any]
    breaches: Sequence[Breach]
    happened: Sequence[Happened]
    ended: Sequence[int]


def play(settings: Settings, folder: Path, server: Server | None) -> Result:
    """On PostgreSQL where a server is given, else on SQLite. Raises where a run could not be played."""
    faults = settings.plan.faults()
    rules = {f"{name}.yaml": one.rule for name, one in REPOSITORIES.items()}
    with (
        others() as beside,
        fleet(
            folder,
            settings.nodes,
            lease=settings.lease,
            config=beside.config(),
            rules=rules,
            server=server,
        ) as nodes,
    ):
        load = Load(nodes.ports, pushes(settings.seed, settings.built_share), settings.rate)
        injector, watch = Injector(nodes, faults), DutyWatch(nodes)
        load.begin()
        try:
            with watch.watching():
                injector.run(settings.seconds)
                load.end(settings.rest_seconds)
            rest = _rest(nodes.engine, settings.rest_seconds)
        finally:
            load.abandon()
        statuses = [node.end() for node in nodes.nodes]
        with nodes.engine.connect() as connection:
            facts = read(connection)
            engine = _engine(nodes)
        gaps = list(takeovers(injector.happened, watch.seen, settings.lease))
        evidence = _evidence(load, beside, gaps if settings.nodes > 1 else (), injector.happened)
        found = breaches(facts, evidence)
        return Result(
            settings=settings,
            engine=engine,
            figures=_figures(load, facts, evidence, gaps, rest),
            breaches=found,
            happened=injector.happened,
            ended=[*(status for node in nodes.nodes for status in node.ended), *statuses],
        )


def _rest(engine: Engine, seconds: float) -> float | None:
    """How long it took until nothing waited; None where it did not come to that."""
    begun = time.monotonic()

    def is_at_rest() -> bool:
        with engine.connect() as connection:
            return not count_open(connection)

    with suppress(AssertionError):
        eventually(is_at_rest, seconds=seconds)
        return time.monotonic() - begun
    return None


def _evidence(load: Load, beside: Others, gaps: Sequence[Takeover], happened: Sequence[Happened]) -> Evidence:
    accepted = [
        Accepted(
            number=one.push.number,
            key=one.push.key,
            delivery_id=one.delivery_id,
            repository=one.push.repository,
            ref=one.push.ref,
            sha=one.push.sha,
            robot=REPOSITORIES[one.push.repository].robot if one.push.is_built else "",
        )
        for one in load.taken
    ]
    results = {None: None, "SUCCESS": True}
    ran = {
        build_id: [Ran(build.queue, results.get(build.result, False)) for build in builds]
        for build_id, builds in beside.jenkins.ran().items()
    }
    return Evidence(
        accepted=accepted,
        triggers=beside.jenkins.triggers,
        ran=ran,
        sent={name: robot.taken for name, robot in beside.robots.items()},
        rejections={name: robot.rejections for name, robot in beside.robots.items()},
        takeovers=gaps,
        faults=[span for one in happened for span in _spans(one)],
    )


def _spans(one: Happened) -> list[tuple[float, float]]:
    """When it may have cut an answer off: who is frozen sends nothing meanwhile."""
    if one.fault.kind is Kind.FREEZE:
        return [(one.begun, one.begun), (one.over, one.over)]
    return [(one.begun, one.over)]


def _figures(
    load: Load, facts: Facts, evidence: Evidence, gaps: Sequence[Takeover], rest: float | None
) -> dict[str, Any]:
    waits = sorted(one.at - one.due for one in load.taken)
    states = Counter(build.state for build in facts.builds)
    said = [notice for notice in facts.notices if notice.build_id]
    return {
        "deliveries": len(load.taken),
        "again": sum(one.attempts > 1 for one in load.taken),
        "answer_median": round(_share(waits, 0.5), 3),
        "answer_p99": round(_share(waits, 0.99), 3),
        "builds": len(facts.builds),
        "superseded": states[BuildState.SUPERSEDED],
        "triggers": sum(evidence.triggers.values()),
        "notices": sum(notice.channel != MESSAGE_CHANNEL for notice in said),
        "messages": sum(map(len, evidence.sent.values())),
        "takeover": round(max(gap.seconds for gap in gaps), 1) if gaps else None,
        "rest": None if rest is None else round(rest, 1),
    }


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _engine(nodes: Fleet) -> str:
    if nodes.server is None:
        return f"SQLite {sqlite3.sqlite_version}"
    with nodes.engine.connect() as connection:
        version = connection.exec_driver_sql("SHOW server_version").scalar_one()
    return f"PostgreSQL {version.split()[0]}"
