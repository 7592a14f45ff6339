"""A Git host that sends pushes at a steady rate, and sends again what was not taken, to another node."""

import http.client
import json
import math
import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from chaos.pushes import Push
from support.sending import signed

_WORKERS: Final = 64
_TIMEOUT_SECONDS: Final = 5.0
_AGAIN_SECONDS: Final = (0.2, 4.0)
"""After how long a push is sent again, at first and at most."""
_PASSED_SECONDS: Final = 1.0
"""How long others are asked first when a node did not take a push, as a balancer does it."""
_TAKEN: Final = frozenset({200, 202})
"""200 is said of what was taken before, and whose answer was lost."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A push that was answered, with the id of its delivery; times are of the monotonic clock."""

    push: Push
    delivery_id: str
    attempts: int
    due: float
    at: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A push that was answered with what no Git host sends again after."""

    push: Push
    status: int


@dataclass(order=True, slots=True)
class _Turn:
    at: float
    number: int
    push: Push
    due: float
    attempts: int = 0


class Load:
    """Pushes of one ref are sent one after the other: the next one once the one before it was taken."""

    def __init__(self, ports: Sequence[int], pushes: Iterator[Push], rate: float) -> None:
        self._ports, self._pushes, self._rate = ports, pushes, rate
        self.taken: list[Taken] = []
        self.refused: list[Refused] = []
        self._chance = random.Random(0)
        lock = threading.RLock()
        self._changed, self._answered = threading.Condition(lock), threading.Condition(lock)
        self._someone_looks = False
        """Whether a worker waits for the time of the next push; the others wait for their turn to do so."""
        self._again: list[_Turn] = []
        self._behind: defaultdict[tuple[str, str], deque[_Turn]] = defaultdict(deque)
        self._open = 0
        self._made = 0
        self._until = math.inf
        self._passed = [0.0] * len(ports)
        self._turn = 0
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(_WORKERS)]
        self._begun = 0.0

    def begin(self) -> None:
        self._begun = time.monotonic()
        for thread in self._threads:
            thread.start()

    def wait_for(self, count: int) -> None:
        """Until so many pushes were answered."""
        with self._changed:
            self._answered.wait_for(
                lambda: len(self.taken) + len(self.refused) >= count, 4 * _TIMEOUT_SECONDS
            )

    def end(self, seconds: float) -> None:
        """No pushes but those that are due; wait until each was answered. Raises TimeoutError."""
        with self._changed:
            self._until = time.monotonic()
            self._changed.notify_all()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._open:
            raise TimeoutError(f"{self._open} pushes were not taken within {seconds:.0f} s")

    def abandon(self) -> None:
        """No more pushes at all."""
        with self._changed:
            self._until, self._open = -math.inf, 0
            self._again.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        connections: dict[int, http.client.HTTPConnection] = {}
        while turn := self._next():
            turn.attempts += 1
            node = self._choose()
            status, delivery_id = self._send(connections, node, turn.push)
            with self._changed:
                if status in _TAKEN:
                    now = time.monotonic()
                    self.taken.append(Taken(turn.push, delivery_id, turn.attempts, turn.due, now))
                    self._close(turn)
                elif 400 <= status < 500 and status != 429:
                    self.refused.append(Refused(turn.push, status))
                    self._close(turn)
                else:
                    self._passed[node] = time.monotonic() + _PASSED_SECONDS
                    first, most = _AGAIN_SECONDS
                    wait = min(most, first * 2**turn.attempts) * self._chance.uniform(0.5, 1.0)
                    turn.at = time.monotonic() + wait
                    heappush(self._again, turn)
                self._changed.notify()
                self._answered.notify()
        for connection in connections.values():
            connection.close()

    def _next(self) -> _Turn | None:
        """What is due; None once all pushes were answered."""
        with self._changed:
            while True:
                now = time.monotonic()
                if self._again and self._again[0].at <= now:
                    self._changed.notify()
                    return heappop(self._again)
                due = self._begun + self._made / self._rate
                if due <= min(now, self._until):
                    if turn := self._make(due):
                        self._changed.notify()
                        return turn
                    continue
                is_over = due > self._until
                if is_over and not self._open:
                    self._changed.notify_all()
                    return None
                moments = [turn.at for turn in self._again[:1]] + ([] if is_over else [due])
                if self._someone_looks or not moments:
                    self._changed.wait()
                    continue
                self._someone_looks = True
                self._changed.wait(max(0.0, min(moments) - now))
                self._someone_looks = False

    def _make(self, due: float) -> _Turn | None:
        """The next new push; None where another one of its ref is on its way."""
        push = next(self._pushes)
        self._made += 1
        self._open += 1
        turn = _Turn(due, push.number, push, due)
        line = self._behind[push.repository, push.ref]
        line.append(turn)
        return turn if len(line) == 1 else None

    def _close(self, turn: _Turn) -> None:
        self._open -= 1
        place = turn.push.repository, turn.push.ref
        line = self._behind[place]
        line.popleft()
        if line:
            heappush(self._again, line[0])
        else:
            del self._behind[place]

    def _choose(self) -> int:
        """The next node in turn; one that just took nothing only where all are like that."""
        with self._changed:
            now = time.monotonic()
            for _ in self._ports:
                self._turn = (self._turn + 1) % len(self._ports)
                if self._passed[self._turn] <= now:
                    break
            return self._turn

    def _send(
        self, connections: dict[int, http.client.HTTPConnection], node: int, push: Push
    ) -> tuple[int, str]:
        """The status and the id that were answered; 0 where nothing was."""
        connection = connections.get(node)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._ports[node], timeout=_TIMEOUT_SECONDS)
            connections[node] = connection
        try:
            connection.request("POST", "/hooks/plain", push.body, signed(push.body, push.key))
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0, ""
        if answer.status not in _TAKEN:
            return answer.status, ""
        return answer.status, json.loads(content)["id"]
