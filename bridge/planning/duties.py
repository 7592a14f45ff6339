"""Which node does what: each duty belongs to one of the nodes that can do it, without anyone who decides.

Every node works it out by itself from the same facts, by rendezvous hashing: one that comes or goes moves the
duties that it gains or loses, and no others. A duty that leaves something on its node's machine is bound to
it: it stays there, and is waited for.

Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", IEEE/ACM Transactions on
Networking, 1998 (https://doi.org/10.1109/90.663936).
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from bridge.model.node import LEASE_SECONDS, Duty, Node, Roll

RETURN_SECONDS: Final = 300.0
"""How long the node of a bound duty is waited for: its machine may start anew."""
SETTLE_SECONDS: Final = 10.0
"""A node that came so recently gets no duty that another one has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What is for a node to `take` and to `give` up, and in how many seconds time alone may change that."""

    take: frozenset[str]
    give: frozenset[str]
    seconds: float | None


def share(roll: Roll, own_id: str, bound: AbstractSet[str]) -> Share:
    """What is for one of the nodes; those of `bound` it leaves to the node that has done them last."""
    alive = [node for node in roll.nodes if not roll.expired(node)]
    ids = {node.id for node in alive}
    had = {duty.name: duty for duty in roll.duties}
    held = {duty.name for duty in roll.duties if duty.node == own_id}
    take, give = set(), held.difference(*(node.offers for node in alive if node.id == own_id))
    times = [node.beat_at + LEASE_SECONDS for node in alive if node.id != own_id]
    for node in alive:
        if node.id != own_id:
            times.append(node.started_at + SETTLE_SECONDS)
            continue
        for name in node.offers - bound:
            wanted = _first(name, alive)
            if name not in had or had[name].node not in ids:
                take |= {name} if wanted is node else set()
            elif name in held and wanted is not node and roll.at - wanted.started_at >= SETTLE_SECONDS:
                give.add(name)
        for name in node.offers & bound:
            duty = had.get(name)
            if duty is not None and duty.node in ids:
                continue
            away = _away(duty, alive)
            if away is not None and roll.at - away < RETURN_SECONDS:
                times.append(away + RETURN_SECONDS)
            elif _first(name, _at_home(duty, alive) or alive) is node:
                take.add(name)
    later = [at - roll.at for at in times if at > roll.at]
    return Share(take=frozenset(take), give=frozenset(give), seconds=min(later, default=None))


def _first(name: str, nodes: Sequence[Node]) -> Node:
    """Of the nodes that can do it the one that is to do it."""
    able = [node for node in nodes if name in node.offers]
    return max(able, key=lambda node: sha256(f"{node.home}\n{name}".encode()).digest())


def _at_home(duty: Duty | None, alive: Sequence[Node]) -> list[Node]:
    """Those on the machine where it was done last."""
    return [node for node in alive if duty and node.home == duty.home and duty.name in node.offers]


def _away(duty: Duty | None, alive: Sequence[Node]) -> float | None:
    """Since when the node is away that has done it last; None where that is there, or there was none."""
    if duty is None or duty.home is None or _at_home(duty, alive):
        return None
    return duty.since
