"""Which node does what: each duty belongs to one of the nodes that can do it, without anyone who decides.

Every node works it out by itself from the same facts, by rendezvous hashing: one that comes or goes moves the
duties that it gains or loses, and no others. A duty that leaves something on its node's machine is bound to
it: it stays there, and is waited for.

Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", IEEE/ACM Transactions on
Networking, 1998 (https://doi.org/10.1109/90.663936).
"""

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from bridge.model.node import RETURN_SECONDS, Duty, Node, Roll

SETTLE_SECONDS: Final = 10.0
"""A node that came so recently gets no duty that another one has."""
PATIENCE_SECONDS: Final = 6.0
"""How long a free duty waits for the node that is to take it, which looks every five seconds; then any other
one takes it: that one may stand still, which shows only when its lease ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What is for a node to `take` and to `give` up, and in how many seconds time alone may change that."""

    take: frozenset[str]
    give: frozenset[str]
    seconds: float | None


def share(roll: Roll, own_id: str, bound: AbstractSet[str]) -> Share:
    """What is for one of the nodes, all of which are there.

    Those of `bound` it leaves to the node that has done them last.
    """
    alive = roll.nodes
    ids = {node.id for node in alive}
    had = {duty.name: duty for duty in roll.duties}
    held = {duty.name for duty in roll.duties if duty.node == own_id}
    take, give = set(), held.difference(*(node.offers for node in alive if node.id == own_id))
    times = []
    for node in alive:
        if node.id != own_id:
            times.append(node.started_at + SETTLE_SECONDS)
            continue
        for name in node.offers:
            duty = had.get(name)
            if duty is None or duty.node not in ids:
                from_when = _from_when_if_bound if name in bound else _from_when
                at = from_when(node, name, duty, alive)
                times.append(at)
                if at <= roll.at:
                    take.add(name)
            elif name in held - bound and _is_for(_first(name, alive), duty, roll.at):
                give.add(name)
    later = [at - roll.at for at in times if roll.at < at < math.inf]
    return Share(take=frozenset(take), give=frozenset(give), seconds=min(later, default=None))


def _first(name: str, nodes: Sequence[Node]) -> Node:
    """Of the nodes that can do it the one that is to do it."""
    able = [node for node in nodes if name in node.offers]
    return max(able, key=lambda node: sha256(f"{node.home}\n{name}".encode()).digest())


def _from_when(node: Node, name: str, duty: Duty | None, alive: Sequence[Node]) -> float:
    """From when on the node may take what no one has."""
    if _first(name, alive) is node:
        return -math.inf
    return math.inf if duty is None or duty.node is not None else duty.since + PATIENCE_SECONDS


def _from_when_if_bound(node: Node, name: str, duty: Duty | None, alive: Sequence[Node]) -> float:
    """The same for what is bound."""
    home = [one for one in alive if duty and one.home == duty.home and name in one.offers]
    if _first(name, home or alive) is not node:
        return math.inf
    if duty is None or duty.home is None or home:
        return -math.inf
    # It is free once its node is no more: until then `since` says when that one took it.
    return math.inf if duty.node is not None else duty.since + RETURN_SECONDS


def _is_for(wanted: Node, duty: Duty, now: float) -> bool:
    """Whether it is given to this node: one that is no newcomer, and was heard of since the other has it."""
    is_up = now - wanted.started_at >= SETTLE_SECONDS and wanted.beat_at > duty.since
    return is_up and wanted.id != duty.node
