"""The port of the store about nodes: the daemons that serve one store side by side. See `base`.

A duty is work that one node at a time does, such as to trigger and follow the builds of one build server. A
node takes duties, and keeps them for as long as it is there; so it does with the builders and channels that
are in them, its parts. It is there while it says so: one that has seen no beat of it for a lease may take its
place. Then it is gone for good, and nothing that it was about to write is written any more, but for
deliveries that their hosts wait for: so who has been away for that long does no harm when it comes back.
"""

from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Final, Protocol

from bridge.model.node import Roll

NO_ONE: Final[Mapping[str, float]] = {}
NODES: Final = "nodes"
"""What is called when duties are free: a node has given them up, or left."""


class Nodes(Protocol):
    """The nodes of one store, as one of them sees it."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes can serve the store, too."""

    @property
    def own_id(self) -> str:
        """The id of this node: another one for each process."""

    @property
    def alone_since(self) -> float | None:
        """When this node became one, by its own clock, where no other was there then; else None.

        Of some that were killed before, it knows only once it takes their place.
        """

    async def join(
        self,
        home: str,
        name: str,
        offers: Collection[str],
        parts: Collection[str] = (),
        key_ids: Collection[str] = (),
    ) -> bool:
        """Become a node; whether no other is there. Earlier ones of the same `home` are gone by now.

        Raises StoreError where a node of another machine has it. What it offers and knows is as in
        `bridge.model.node.Node`.

        From then on each write but that of a new delivery raises StoreDied once another node has taken this
        one's place.
        """

    async def beat(
        self, offers: Collection[str], parts: Collection[str] = (), key_ids: Collection[str] = ()
    ) -> None:
        """Say that this node is there, what it can do, and what it knows."""

    async def roll(self) -> Roll:
        """Who is there, and does what."""

    async def take(self, names: Collection[str], gone: Mapping[str, float] = NO_ONE) -> None:
        """Take those duties and parts that no one has.

        Those that are `gone` lose theirs before, unless another beat has come than the last one of each.
        """

    async def settle(self, name: str, place: str | None = None) -> None:
        """Note that this node has begun the work of a duty of its own, or of a part, and at which place."""

    async def release(self, names: Collection[str]) -> None:
        """Give up duties and parts of this node, whose work has ended."""

    async def leave(self) -> None:
        """Give up all duties and parts, and be a node no longer."""

    def call(self, word: str) -> None:
        """Have the other nodes hear a word soon, or not at all: never blocks, raises nothing."""

    def calls(self) -> AsyncGenerator[str]:
        """The words of other nodes, for as long as they can be heard. Raises StoreError."""
