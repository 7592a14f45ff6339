"""How long a duty had no sign of life after its node was killed or frozen, as others see it.

The duties that are seen from outside are those of the builders: the node that has one asks the builder's job
for its builds every second, and triggers. A node that did not have the duty leaves no gap.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from chaos.checker import Takeover
from chaos.faults import Happened, Kind

_MARGIN: Final = 2.0
"""What a takeover may take beside the lease, in seconds."""


def takeovers(
    happened: Sequence[Happened], asked: Mapping[str, Sequence[float]], lease: float
) -> Iterator[Takeover]:
    """The gap of each builder after each kill and freeze; a database that is down meanwhile adds its time."""
    for one in happened:
        if one.fault.kind not in {Kind.KILL, Kind.FREEZE}:
            continue
        for builder, moments in asked.items():
            at = bisect_right(moments, one.begun)
            if at == len(moments):
                continue  # the run had nothing more for it
            seen = moments[at]
            away = sum(
                max(0.0, min(other.over, seen) - max(other.begun, one.begun))
                for other in happened
                if other.fault.kind is Kind.RESTART
            )
            after = f"a {one.fault.kind} of node {one.fault.lane + 1}"
            yield Takeover(f"builder {builder}", after, seen - one.begun, lease + _MARGIN + away)
