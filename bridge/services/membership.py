"""Membership: this node is there, does its share of the duties, and gives up what is another one's.

What the services of a duty remember begins anew with each node that takes it, as after a start: what they go
on from is in the store. A duty is given up once its services have finished what they had in hand.

What a duty of the configuration is called hangs on that, and a change reaches one node after the other: so
the same builder may be in two duties for a while. Therefore its node takes it beside the duty, and acts for
it only once it has both.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import anyio
import structlog

from bridge.errors import StoreError
from bridge.model.node import LEASE_SECONDS, Node, Roll
from bridge.planning.duties import share
from bridge.planning.silence import Silence
from bridge.runtime import lease
from bridge.runtime.events import LogEvent
from bridge.services.base import Crew, Service
from bridge.store.nodes import NODES, Nodes

log = structlog.get_logger()

BEAT_SECONDS: Final = 10.0
MARGIN_SECONDS: Final = 10.0
"""So long before the end of its lease a node sends nothing more: what it has sent may be on its way."""
LEAVE_SECONDS: Final = 5.0


class Duty:
    """A duty that there is with every configuration: its services are made each time it is taken."""

    def __init__(self, name: str, make: Callable[[], Sequence[Service]], call: Callable[[str], None]) -> None:
        """`call` has other nodes hear a word."""
        self.name = name
        self.make = make
        self._call = call
        self.services: Sequence[Service] = ()
        """Those at work, or ending."""
        self.ending = False

    def wake(self) -> None:
        """Wake its services, wherever they are."""
        if self.services:
            self.wake_here()
        else:
            self._call(self.name)

    def wake_here(self) -> None:
        for service in self.services:
            service.wake()


@dataclass(frozen=True, slots=True)
class Covered:
    """What a duty is by the configuration: its builders and channels, as `builder:NAME` and so on.

    `is_bound` says that the machine that has begun it has something of it.
    """

    parts: frozenset[str]
    is_bound: bool


class Staffed(Protocol):
    """The duties that follow the configuration, and their services: see `bridge.staff`."""

    def duties(self) -> Mapping[str, Covered]:
        """Those that this node can do."""

    def does(self, name: str) -> bool:
        """Whether any service of the duty or part is at work, or ending."""

    def wake(self) -> None:
        """What is held has changed."""

    def hear(self, word: str) -> None:
        """Another node calls."""

    async def recover(self) -> None:
        """Take up what earlier nodes left, none of which is there any more. Raises StoreError."""


class Membership(Service):
    """Keeps this process a node of its store; where there can be no others, it has all duties for good."""

    def __init__(
        self,
        nodes: Nodes,
        crew: Crew,
        staffed: Staffed,
        duties: Sequence[Duty],
        *,
        key_ids: Callable[[], Collection[str]] = tuple,
        works: bool = True,
    ) -> None:
        """`key_ids` says which keys of the tokens there are now. One that does not work takes no duties."""
        super().__init__("membership")
        self.tick = 5.0 if nodes.is_shared else 3600.0
        self._nodes = nodes
        self._crew = crew
        self._staffed = staffed
        self._duties = {duty.name: duty for duty in duties}
        self._key_ids = key_ids
        self._works = works
        self._held: set[str] = set()
        self._parts: AbstractSet[str] = frozenset()
        """Those of the duties that are held, unless another node acts for them yet."""
        self._places: Mapping[str, str] = {}
        self._left: dict[str, str] = {}
        """The bound duties that another machine has begun, with its home."""
        self._home = ""
        self._beat_at = -math.inf
        self._beaten: tuple[Collection[str], ...] = ()
        self._silence = Silence()
        self._elsewhere: frozenset[str] = frozenset()
        self._is_alone = True
        self._has_recovered = False
        self._with_other_keys: Collection[str] = ()

    async def join(self, home: str, name: str) -> None:
        """Become a node, with its first duties. Raises StoreError."""
        self._home = home
        parts = _parts(staffed := self._staffed.duties(), staffed.keys())
        self._is_alone = await self._nodes.join(home, name, self._offers(()), parts, self._key_ids())
        await self._look()
        await self._recover()

    async def leave(self) -> None:
        """Let the other nodes have the duties at once, after all services have ended."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(LEAVE_SECONDS), suppress(StoreError):
            await self._nodes.leave()
        lease.hold(math.inf)

    def holds(self, duty: str, part: str | None = None) -> bool:
        """Whether this node is to do it now, and where a part of it is named, may act for that."""
        if not self._nodes.is_shared:
            return self._works
        return duty in self._held and (part is None or part in self._parts)

    def elsewhere(self) -> Collection[str]:
        """The builders and channels that other nodes know: a change comes to one node after the other."""
        return self._elsewhere

    def is_alone(self) -> bool:
        """Whether no other node was there at the last look."""
        return self._is_alone

    def inherits(self, duty: str) -> bool:
        """Whether another machine has begun a duty of this node, and may still have something of it."""
        return duty in self._left

    def place(self, part: str) -> str | None:
        """Where a part has begun work last, on whichever node; None where that is not known."""
        return self._places.get(part)

    async def settle_at(self, part: str, place: str) -> None:
        """This node begins work for a part of its own at this place. Raises StoreError."""
        if self._nodes.is_shared:
            await self._nodes.settle(part, place)

    async def settle(self, duty: str) -> None:
        """This machine has begun a duty of its own. Raises StoreError."""
        if self._nodes.is_shared:
            await self._nodes.settle(duty)
            self._left.pop(duty, None)

    async def round(self) -> float | None:
        self._follow()
        seconds = await self._look()
        self._follow()
        return seconds

    async def _look(self) -> float | None:
        """Say that this node is there, and find out what it has to do; when to look again."""
        if not self._nodes.is_shared:
            return None
        staffed = self._staffed.duties()
        known = self._offers(staffed), _parts(staffed, staffed.keys()), frozenset(self._key_ids())
        now = lease.now()
        if now - self._beat_at >= BEAT_SECONDS or known != self._beaten:
            await self._nodes.beat(*known)
            self._beat_at, self._beaten = now, known
            lease.hold(now + LEASE_SECONDS - MARGIN_SECONDS)
        roll, gone = await self._roll()
        here = next((node for node in roll.nodes if node.id == self._nodes.own_id), None)
        if here is None:
            await self._nodes.beat(*known)  # which raises, since another one has taken its place
        else:
            self._compare_keys(roll, here)
        bound = {name for name, covered in staffed.items() if covered.is_bound}
        self._contest(roll, here, _parts(staffed, bound))
        own = share(roll, self._nodes.own_id, bound)
        held = self._duties_of(roll) | own.take
        free = own.take | roll.free_parts(_parts(staffed, held - own.give))
        if free or gone:
            await self._nodes.take(free, gone)
            roll, _ = await self._roll()
            own = share(roll, self._nodes.own_id, bound)
        await self._recover()
        own_parts = roll.parts_of(self._nodes.own_id)
        wanted = _parts(staffed, self._duties_of(roll) - own.give)
        self._hold(roll, own.give, own_parts & wanted)
        freed = [name for name in own.give | (own_parts - wanted) if not self._does(name)]
        if freed:
            await self._nodes.release(freed)
        self._is_alone = len(roll.nodes) <= 1
        others = [node.parts for node in roll.nodes if node.id != self._nodes.own_id]
        self._elsewhere = frozenset().union(*others)
        next_beat = self._beat_at + BEAT_SECONDS - lease.now()
        times = next_beat, own.seconds, self._silence.left(self._nodes.own_id)
        return min(seconds for seconds in times if seconds is not None)

    async def _recover(self) -> None:
        if self._nodes.alone_since is not None and not self._has_recovered:
            await self._staffed.recover()
            self._has_recovered = True

    async def _roll(self) -> tuple[Roll, Mapping[str, float]]:
        """The nodes that are there with the duties, and those that are gone, each with its last beat."""
        roll = await self._nodes.roll()
        self._silence.look(roll, lease.now())
        gone = self._silence.gone(self._nodes.own_id)
        return roll.without(gone), gone

    def _contest(self, roll: Roll, here: Node | None, parts: AbstractSet[str]) -> None:
        """What this machine has begun may be another's once that was there: it may come again."""
        others = [node for node in roll.nodes if here and node.beat_at > here.started_at and node is not here]
        if any(node.offers and node.parts & parts for node in others):
            lease.contest(True)

    def _compare_keys(self, roll: Roll, here: Node) -> None:
        found = [node.name for node in roll.with_other_keys(here)]
        if found and found != self._with_other_keys:
            log.warning(LogEvent.NODE_KEYS_DIFFER, nodes=found)
        self._with_other_keys = found

    def _duties_of(self, roll: Roll) -> frozenset[str]:
        return frozenset(duty.name for duty in roll.duties if duty.node == self._nodes.own_id)

    def _hold(self, roll: Roll, give: frozenset[str], parts: AbstractSet[str]) -> None:
        own = [duty for duty in roll.duties if duty.node == self._nodes.own_id]
        held = {duty.name for duty in own} - give
        self._left = {duty.name: duty.home for duty in own if duty.home not in {None, self._home}}
        self._places = roll.places
        if held != self._held:
            taken, given = sorted(held - self._held), sorted(self._held - held)
            log.info(LogEvent.NODE_DUTIES_CHANGED, taken=taken or None, given=given or None)
        if (held, parts) != (self._held, self._parts):
            self._staffed.wake()
        self._held, self._parts = held, parts

    def _follow(self) -> None:
        """Have the services of what is held work, and no others."""
        for duty in self._duties.values():
            if not duty.services and self.holds(duty.name):
                duty.services = duty.make()
                self._crew.join(*duty.services)
            elif duty.services and not duty.ending and not self.holds(duty.name):
                duty.ending = True
                self._crew.leave(duty.services, partial(self._ended, duty))

    def _ended(self, duty: Duty) -> None:
        duty.services, duty.ending = (), False
        self.wake()

    def hear(self, word: str) -> None:
        """Another node calls: the name of a duty, or what its staff says."""
        if word == NODES:
            self.wake()
        elif word in self._duties:
            self._duties[word].wake_here()
        else:
            self._staffed.hear(word)

    def _offers(self, staffed: Collection[str]) -> frozenset[str]:
        return frozenset(self._duties) | frozenset(staffed) if self._works else frozenset()

    def _does(self, name: str) -> bool:
        return bool(self._duties[name].services) if name in self._duties else self._staffed.does(name)


def _parts(staffed: Mapping[str, Covered], duties: AbstractSet[str]) -> AbstractSet[str]:
    """The builders and channels that are in these duties."""
    return {part for name, covered in staffed.items() if name in duties for part in covered.parts}


class Listener(Service):
    """Hears what other nodes call. Whatever is not heard is found by the next tick of who it was for."""

    tick = 5.0

    def __init__(self, nodes: Nodes, hear: Callable[[str], None]) -> None:
        super().__init__("listener")
        self._nodes = nodes
        self._hear = hear

    async def round(self) -> None:
        async with aclosing(self._nodes.calls()) as calls:
            async for word in calls:
                self._hear(word)
