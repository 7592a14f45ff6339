"""Nodes: the daemons that serve one store side by side, and the duties that they share."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Final

BUILDER: Final = "builder"
CHANNEL: Final = "channel"
LEASE_SECONDS: Final = 60.0
"""After so long without a beat the duties of a node go to others."""

RETURN_SECONDS: Final = 300.0
"""How long the node of a bound duty is waited for: its machine may start anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A daemon that serves the store; times are Unix seconds by the store's clock.

    `home` is of the machine's folder, and stays the same from one process to the next. `offers` are the
    duties that the node can do, `parts` the builders and channels that it knows: `builder:NAME` and so on.
    `key_ids` are those of the keys of the tokens that it has; none of a release that does not say them.
    """

    id: str
    home: str
    name: str
    version: str
    pid: int
    started_at: float
    beat_at: float
    offers: frozenset[str]
    parts: frozenset[str]
    key_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """A duty that some node has, or had.

    `node` is the id of who has it, None for no one; `since` when that began. `home` is that of the last node
    that has begun the work, which may have left something on its machine.
    """

    name: str
    node: str | None
    home: str | None
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """The nodes and the duties, at a time by the store's clock.

    `parts` has the id of the node that acts for a builder or channel, by `builder:NAME` and so on. What a
    duty is called hangs on the configuration, which a change reaches node after node; a part is one node's
    whatever the duty is called that it belongs to there. `places` says where parts have begun work last.
    """

    at: float
    nodes: Sequence[Node]
    duties: Sequence[Duty]
    parts: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def expired(self, node: Node) -> bool:
        """Whether it is late, for who looks on: whether it is gone, each node finds by itself."""
        return self.age(node) > LEASE_SECONDS

    def age(self, node: Node) -> float:
        """How many seconds ago the node said that it is there, by the store's clock."""
        return max(0.0, self.at - node.beat_at)

    def without(self, ids: Collection[str]) -> "Roll":
        """The same where these nodes are there no more."""
        return replace(self, nodes=[node for node in self.nodes if node.id not in ids])

    def with_other_keys(self, node: Node) -> Sequence[Node]:
        """The nodes that are there and have other keys of the tokens than this one."""
        known = [one for one in self.nodes if one.key_ids and not self.expired(one)]
        return [one for one in known if node.key_ids and one.key_ids != node.key_ids]

    def duties_of(self, node: Node) -> Sequence[str]:
        """The names of the duties that the node has."""
        return [duty.name for duty in self.duties if duty.node == node.id]

    @property
    def is_idle(self) -> bool:
        """Whether none of the nodes that are there works."""
        alive = [node for node in self.nodes if not self.expired(node)]
        return bool(alive) and not any(node.offers for node in alive)

    def parts_of(self, node_id: str) -> AbstractSet[str]:
        """The builders and channels for which the node acts."""
        return {part for part, holder in self.parts.items() if holder == node_id}

    def free_parts(self, parts: AbstractSet[str]) -> AbstractSet[str]:
        """Those of the parts for which none of the nodes acts."""
        ids = {node.id for node in self.nodes}
        return {part for part in parts if self.parts.get(part) not in ids}

    def free(self) -> Mapping[str, float]:
        """The duties that no node has, although one that is there can do them; since when that is so."""
        alive = {node.id: node for node in self.nodes if not self.expired(node)}
        since = {duty.name: duty.since for duty in self.duties}
        since |= {name: node.beat_at + LEASE_SECONDS for node in self.nodes for name in self.duties_of(node)}
        had = {name for node in alive.values() for name in self.duties_of(node)}
        found: dict[str, float] = {}
        for node in sorted(alive.values(), key=lambda one: one.started_at):
            for name in node.offers - had:
                found.setdefault(name, max(since.get(name, 0.0), node.started_at))
        return dict(sorted(found.items()))
