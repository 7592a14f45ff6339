"""Which of the other nodes are gone: those that have said nothing for a lease, as this node has heard it.

Each node keeps the time by itself, from look to look, with a clock that no one sets. That of the database may
be set, or be another one after a failover: it only says within one pause between two looks when a beat was.
Time in which this node did not look counts for a few seconds at most, and before it began to look for half a
lease. Where the database was away, or this node stood still, the others may have had no way to be heard.
"""

from collections.abc import Mapping
from typing import Final

from bridge.model.node import LEASE_SECONDS, Node, Roll

_LONGEST_PAUSE: Final = LEASE_SECONDS / 4
"""Between two looks; the rest of a longer one does not count."""
_BEFORE_FIRST: Final = LEASE_SECONDS / 2
"""The same before the first look. Who is there has the other half to be heard: that is some beats."""


class Silence:
    """What one node has heard of all, by its looks."""

    def __init__(self) -> None:
        self._looked_at: float | None = None
        self._beats: Mapping[str, float] = {}
        self._seconds: Mapping[str, float] = {}

    def look(self, roll: Roll, now: float) -> None:
        """The roll was read just before `now`, in seconds of a clock that is never set."""
        began = self._looked_at
        passed = _BEFORE_FIRST if began is None else min(now - began, _LONGEST_PAUSE)
        self._seconds = {node.id: self._silent(node, roll.at, passed) for node in roll.nodes}
        self._beats = {node.id: node.beat_at for node in roll.nodes}
        self._looked_at = now

    def _silent(self, node: Node, at: float, passed: float) -> float:
        if self._beats.get(node.id) == node.beat_at:
            return self._seconds[node.id] + passed
        return min(max(at - node.beat_at, 0.0), passed)

    def gone(self, own_id: str) -> Mapping[str, float]:
        """The nodes that are gone, and the last beat of each, with which others take its place."""
        late = (name for name, seconds in self._seconds.items() if seconds > LEASE_SECONDS)
        return {name: self._beats[name] for name in late if name != own_id}

    def left(self, own_id: str) -> float | None:
        """In how many seconds the next one is gone, unless it beats; None without others that are there."""
        times = [LEASE_SECONDS - seconds for name, seconds in self._seconds.items() if name != own_id]
        return min((one for one in times if one >= 0), default=None)
