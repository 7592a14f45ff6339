"""Faults at random moments, which a seed repeats."""

import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chaos.fleet import Fleet
from support.cut_proxy import Mode

DATABASE: Final = -1
"""The lane of what befalls the database of all nodes."""
_TRIES: Final = 200
_CALM: Final = 0.1
"""The part of the time at its beginning and its end in which no fault begins."""


class Kind(StrEnum):
    """What befalls a node, or the database."""

    KILL = "kill"
    FREEZE = "freeze"
    RESTART = "restart"
    CUT = "cut"
    HUSH = "hush"

    @property
    def plural(self) -> str:
        return f"{self}es" if self is Kind.HUSH else f"{self}s"

    @property
    def what(self) -> str:
        return _WHAT[self]


_WHAT: Final[Mapping[Kind, str]] = {
    Kind.KILL: "SIGKILL of a node, which is started again",
    Kind.FREEZE: "SIGSTOP of a node, and SIGCONT after a time",
    Kind.RESTART: "PostgreSQL's fast shutdown, or its immediate one, after which it has to recover",
    Kind.CUT: "the network between a node and the database resets every connection for a time",
    Kind.HUSH: "that network takes bytes, and passes nothing on, for a time",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """It begins `at` so many seconds, and lasts so many; `lane` is the index of a node, or DATABASE."""

    kind: Kind
    lane: int
    at: float
    seconds: float

    @property
    def where(self) -> str:
        return "the database" if self.lane == DATABASE else f"node {self.lane + 1}"

    def meets(self, other: "Fault", gap: float) -> bool:
        """Whether both befall the same at once, or one begins within `gap` seconds after the other."""
        return (
            self.lane == other.lane
            and self.at < other.at + other.seconds + gap
            and other.at < self.at + self.seconds + gap
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """So many faults of each kind within `duration` seconds, from a seed.

    Those of one node are at least `gap` seconds apart. What is not in `lasting` lasts up to `outage` seconds.
    """

    seed: int
    nodes: int
    duration: float
    counts: Mapping[Kind, int]
    lasting: Mapping[Kind, float]
    outage: float
    gap: float

    def faults(self) -> list[Fault]:
        """The same for the same plan, in the order of time. Raises ValueError where they have no room."""
        chance = random.Random(self.seed)
        for _ in range(_TRIES):
            if found := self._arrange(chance):
                return sorted(found, key=lambda fault: fault.at)
        if any(self.counts.values()):
            raise ValueError(
                f"no room for so many faults in {self.duration:.0f} s: fewer, or more time or nodes"
            )
        return []

    def _arrange(self, chance: random.Random) -> list[Fault]:
        """All faults, those that last first; empty where one finds no place among the others."""
        found: list[Fault] = []
        for kind in sorted(Kind, key=lambda kind: -self.lasting.get(kind, 0.0)):
            for _ in range(self.counts.get(kind, 0)):
                drawn = (self._draw(chance, kind) for _ in range(_TRIES))
                fit = next((one for one in drawn if not any(one.meets(it, self.gap) for it in found)), None)
                if fit is None:
                    return []
                found.append(fit)
        return found

    def _draw(self, chance: random.Random, kind: Kind) -> Fault:
        seconds = self.lasting.get(kind, chance.uniform(0.0, self.outage))
        lane = DATABASE if kind is Kind.RESTART else chance.randrange(self.nodes)
        return Fault(kind, lane, chance.uniform(_CALM, 1 - _CALM) * self.duration, seconds)


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault that was injected, with when it began and was over, of the monotonic clock."""

    fault: Fault
    begun: float
    over: float


class Injector:
    """Injects faults; each node has its own thread, for one that lasts must not hold up those of others."""

    def __init__(self, fleet: Fleet, faults: Sequence[Fault]) -> None:
        self._fleet = fleet
        self.happened: list[Happened] = []
        self._stop = threading.Event()
        self._lanes: defaultdict[int, list[Fault]] = defaultdict(list)
        for fault in faults:
            self._lanes[fault.lane].append(fault)
        self._begun = 0.0

    def run(self, duration: float) -> None:
        """All faults; returns once they are over, and no sooner than after so many seconds."""
        self._begun = time.monotonic()
        # A server of PostgreSQL ends with the thread that has started it.
        of_database = self._lanes.pop(DATABASE, [])
        threads = [threading.Thread(target=self._run, args=[lane]) for lane in self._lanes.values()]
        for thread in threads:
            thread.start()
        try:
            self._run(of_database)
            self._stop.wait(max(0.0, self._begun + duration - time.monotonic()))
        except BaseException:
            self._stop.set()
            raise
        finally:
            for thread in threads:
                thread.join()

    def _run(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            if self._stop.wait(max(0.0, self._begun + fault.at - time.monotonic())):
                return
            begun = time.monotonic()
            self._inject(fault)
            self.happened.append(Happened(fault, begun, time.monotonic()))

    def _inject(self, fault: Fault) -> None:
        if fault.kind is Kind.RESTART:
            server = self._fleet.server
            assert server is not None
            # An even chance, which the schedule has decided.
            server.stop(signal.SIGQUIT if int(fault.at * 1000) % 2 else signal.SIGINT)
            self._stop.wait(fault.seconds)
            server.start()
            return
        node = self._fleet.nodes[fault.lane]
        if fault.kind is Kind.KILL:
            node.kill()
        elif fault.kind is Kind.FREEZE:
            node.freeze()
            self._stop.wait(fault.seconds)
            node.wake()
        else:
            assert node.proxy is not None
            node.proxy.mode = Mode.SILENT if fault.kind is Kind.HUSH else Mode.RESET
            self._stop.wait(fault.seconds)
            node.proxy.mode = Mode.PASS
