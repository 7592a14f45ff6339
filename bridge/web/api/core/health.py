"""How the parts of the bridge are, as callers may see it; admins test them and reload the configuration."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bridge.errors import ConfigError
from bridge.model.access import Principal, Role
from bridge.model.audit import Action, Change
from bridge.model.build import BuildState
from bridge.model.missed import MissedRef
from bridge.model.node import LEASE_SECONDS, Roll
from bridge.rules.disk import Reloaded
from bridge.store.activity import DaemonStart
from bridge.store.base import Store
from bridge.store.monitoring import Backlog
from bridge.store.values import HealthRecord
from bridge.web.api.core.access import require
from bridge.web.api.core.errors import NotFound
from bridge.web.api.core.repositories import RuleKeeper

Kind = Literal["builder", "channel", "other"]

PartTest = Callable[[str], Awaitable[tuple[bool, str] | None]]
"""Tests `builder:NAME` or `channel:NAME`: whether it works, and what it said; None where there is none."""

STORE: Final = "store"
"""The part that a probe of monitoring writes; it says nothing to people."""
_LATE: Final = f"it was not heard of for {LEASE_SECONDS:.0f} s: see whether it runs, and reaches the database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A builder, a channel, or what else may be out of order; times are Unix seconds.

    `success` is when it last took a build or a notice. `waiting` is what waits for it, `oldest` since when,
    and `busy` the builds that are with it; all four are None for who may not read all.
    """

    kind: Kind
    name: str
    record: HealthRecord
    success: float | None = None
    waiting: int | None = None
    oldest: float | None = None
    busy: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """The daemon as a whole, for who may read all; `sources` are when each last delivered something.

    `roll` has its nodes; None for a store that only one daemon can serve.
    """

    start: DaemonStart | None
    backlog: Backlog
    roll: Roll | None

    @property
    def sources(self) -> Mapping[str, float | None]:
        return self.backlog.last_deliveries


class HealthAccess:
    """What callers may see of it: who reads some namespaces sees how builders and channels are."""

    def __init__(self, store: Store, keeper: RuleKeeper, sources: Sequence[str], test: PartTest) -> None:
        self._store = store
        self._keeper = keeper
        self._sources = sources
        self._test = test

    async def parts(self, caller: Principal) -> tuple[Sequence[Part], Bridge | None]:
        """Builders, channels, and what else is out of order now; and the whole, for who may read all."""
        names = self._keeper.in_force.files.names
        known = {record.name: record for record in await self._store.health.all()}
        builders = [_part("builder", name, known) for name in names.builders]
        channels = [_part("channel", name, known) for name in names.channels]
        if caller.namespaces is not None:
            return [*builders, *channels], None
        backlog = await self._store.monitoring.backlog(self._sources, names.builders, list(names.channels))
        successes = await self._store.monitoring.successes(list(names.channels))
        shown = {part.record.name for part in (*builders, *channels)} | {STORE}
        roll = await self._roll()
        others = [
            Part(kind="other", name=record.name, record=record)
            for record in (*known.values(), *_late_nodes(roll))
            if record.name not in shown and record.down_since is not None
        ]
        whole = Bridge(start=await self._store.activity.last_start(), backlog=backlog, roll=roll)
        return [
            *(_with_builds(part, backlog, successes.builders) for part in builders),
            *(_with_notices(part, backlog, successes.channels) for part in channels),
            *others,
        ], whole

    async def nodes(self, caller: Principal) -> Roll:
        """The nodes of the store. Raises Forbidden for who may not read all."""
        require(caller, Role.VIEWER)
        return await self._store.nodes.roll()

    async def late_nodes(self) -> Sequence[HealthRecord]:
        """Those that are down; none of a store that only one daemon can serve."""
        return _late_nodes(await self._roll())

    async def missed(self, caller: Principal, limit: int) -> Sequence[MissedRef]:
        """The newest pushes that no webhook reported, of code that rules of the caller's namespaces build."""
        found = await self._store.looks.missed(limit)
        if caller.namespaces is None:
            return found
        rules = self._keeper.in_force.rules.repositories.values()
        codes = {one.build_config.code_repository for one in rules if one.namespace in caller.namespaces}
        return [one for one in found if one.code in codes]

    def known(self, caller: Principal, part: str) -> str:
        """The part `builder:NAME` or `channel:NAME`, which admins may test. Raises Forbidden, NotFound."""
        require(caller, Role.ADMIN)
        if not self._is_known(part):
            raise NotFound(f"there is no {part[:80]}: see the page of the health")
        return part

    async def test(self, caller: Principal, part: str, origin: str) -> tuple[bool, str] | None:
        """Make one real call of a part: whether it works, and what it said; None where there is none.

        For admins. Raises Forbidden.
        """
        require(caller, Role.ADMIN)
        if not self._is_known(part):
            return None
        change = Change(who=caller, action=Action.PART_TESTED, subject=part, origin=origin)
        entry_id = await self._store.audit.begin(change)
        found = await self._test(part)
        await self._store.audit.end(entry_id, {"worked": found is not None and found[0]})
        return found

    async def reload(self, caller: Principal, origin: str) -> Reloaded:
        """Use what is on disk. For admins. Raises ConfigError; then what was good stays in force."""
        require(caller, Role.ADMIN)
        change = Change(who=caller, action=Action.RULES_RELOADED, subject="rules", origin=origin)
        entry_id = await self._store.audit.begin(change)
        try:
            done = await self._keeper.reload()
        except ConfigError as error:
            await self._store.audit.end(entry_id, {"faults": len(error.faults)})
            raise
        await self._store.audit.end(entry_id, done.document(MAX_LISTED))
        return done

    async def _roll(self) -> Roll | None:
        nodes = self._store.nodes
        return await nodes.roll() if nodes.is_shared else None

    def _is_known(self, part: str) -> bool:
        names = self._keeper.in_force.files.names
        kind, _, name = part.partition(":")
        return name in {"builder": names.builders, "channel": names.channels}.get(kind, ())


MAX_LISTED: Final = 100
"""So many faults or repositories are named."""


def _part(kind: Kind, name: str, known: Mapping[str, HealthRecord]) -> Part:
    full = f"{kind}:{name}"
    return Part(kind=kind, name=name, record=known.get(full, HealthRecord(name=full)))


def _late_nodes(roll: Roll | None) -> Sequence[HealthRecord]:
    if roll is None:
        return []
    late = [node for node in roll.nodes if roll.expired(node)]
    return [HealthRecord(name=f"node:{node.name}", down_since=node.beat_at, why=_LATE) for node in late]


def _with_builds(part: Part, backlog: Backlog, successes: Mapping[str, float]) -> Part:
    queues = {state: queue for (name, state), queue in backlog.builds.items() if name == part.name}
    waiting = queues[BuildState.WAITING]
    return Part(
        kind=part.kind,
        name=part.name,
        record=part.record,
        success=successes.get(part.name),
        waiting=waiting.count,
        oldest=waiting.since,
        busy=sum(queue.count for queue in queues.values()) - waiting.count,
    )


def _with_notices(part: Part, backlog: Backlog, successes: Mapping[str, float]) -> Part:
    waiting = backlog.notices[part.name]
    return Part(
        kind=part.kind,
        name=part.name,
        record=part.record,
        success=successes.get(part.name),
        waiting=waiting.count,
        oldest=waiting.since,
    )
