"""When the code at Git hosts is looked at: each host at its own pace, and with pauses of its own.

A host is asked for few repositories at once. One that does not answer is asked for a single one in a while,
until it does; one that refuses to show a repository is asked for that one ever more rarely.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.planning.looked_code import Code, Move
from bridge.runtime.clock import Clock, Pause
from bridge.runtime.rate import Bucket, Rate

FIRST_SECONDS: Final = 20.0
"""After the start, so that what waits at the hosts can come first."""
PACE: Final = Rate(10, 20.0)
"""For how many repositories a host is asked: ten at once, and one in two seconds on average."""
REFUSED_SECONDS: Final = 3600.0
"""The longest pause after refusals, which doubles each time: a host may lock out who fails to sign in."""
UNREACHED_SECONDS: Final = 300.0
"""The longest one after other failures: what is pushed once the host is back is not to wait for long."""
EMPTY_SECONDS: Final = 3600.0
"""A repository that had refs, and has none for so long, was emptied."""
_DOWN_AFTER: Final = 2
"""After so many failures in a row a host counts as down: a single repository may be too large for it."""
_JITTER: Final = 0.2


class LookedHost:
    """A Git host: whether it is asked now, and how soon it may be."""

    def __init__(self, clock: Clock) -> None:
        self.is_asked = False
        self._clock = clock
        self._bucket = Bucket(PACE, clock())
        self._failed = 0
        self._pause = Pause(clock)

    @property
    def is_down(self) -> bool:
        return self._failed >= _DOWN_AFTER

    @property
    def wait(self) -> float:
        """Seconds until it may be asked for one more repository."""
        return max(self._pause.left, self._bucket.wait(self._clock()))

    def take(self) -> bool:
        """Whether it may be asked for one now, which this counts as."""
        return not self._pause.left and not self._bucket.take(self._clock())

    def answered(self) -> None:
        self._failed = 0
        self._pause.begin(0.0)

    def failed(self, pause: float) -> None:
        """It did not answer; where it did not before, either, it is left alone for so many seconds."""
        self._failed += 1
        if self.is_down:
            self._pause.begin(pause)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A move that may be missed: found first at `since`, and since `last` the ref is where it is now."""

    move: Move
    since: float
    last: float


@dataclass(slots=True, eq=False)
class Pending:
    """Code, when it is looked at next, how many looks in a row have failed, and the suspects by refs.

    While `asking`, the host is sending again what it could not deliver. `host` is empty until it is known.
    `error` is why looks fail, and not only the last: empty while they go well, None before that is known.
    `empty_since` is since when the host has named no ref, though it had some.
    """

    code: Code
    due_at: float
    host: str = ""
    failed: int = 0
    failed_at: float = 0.0
    refused: bool = False
    error: str | None = None
    asking: bool = False
    suspects: dict[str, Suspect] = field(default_factory=dict)
    empty_since: float | None = None

    def is_unbelievable(self, known: Mapping[str, str], found: Collection[str], now: float) -> bool:
        """Whether the host names no ref, where it had some not long ago: it may be restoring it."""
        if found or not known:
            self.empty_since = None
            return False
        if self.empty_since is None:
            self.empty_since = now
        return now - self.empty_since < EMPTY_SECONDS


class LookQueue:
    """All code that is to be looked at, by its keys, and the hosts where it is."""

    def __init__(self, clock: Clock, jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._jitter = jitter
        self._pending: dict[str, Pending] = {}
        self._hosts: dict[str, LookedHost] = {}

    def set(self, codes: Mapping[str, Code]) -> None:
        """It is this code from now on; what failed is tried again where anything about it has changed."""
        now = self._clock()
        self._pending = {key: one for key, one in self._pending.items() if key in codes}
        for key, code in codes.items():
            pending = self._pending.get(key)
            if pending is None:
                first = FIRST_SECONDS * (1 + _JITTER * self._jitter())
                self._pending[key] = Pending(code, now + first)
            elif pending.code != code:
                pending.code, pending.host = code, ""
                if pending.failed:
                    pending.due_at, pending.failed = now, 0
        used = {one.host for one in self._pending.values()}
        self._hosts = {name: host for name, host in self._hosts.items() if host.is_asked or name in used}

    def restart(self) -> None:
        """Forget what was due: the clock was set back."""
        self._pending.clear()

    def host(self, name: str) -> LookedHost:
        if name not in self._hosts:
            self._hosts[name] = LookedHost(self._clock)
        return self._hosts[name]

    def due(self) -> Sequence[Pending]:
        """What may be looked at now, the longest due first."""
        now, waits = self._clock(), self._host_waits()
        due = [one for one in self._pending.values() if one.due_at <= now and not waits.get(one.host, 0.0)]
        return sorted(due, key=lambda one: one.due_at)

    def may_be_asked(self, pending: Pending) -> bool:
        """Whether its host may be asked now."""
        host = self.host(pending.host)
        return not (host.is_asked or host.wait)

    def holds(self, pending: Pending) -> bool:
        """Whether it is still to be looked at."""
        return self._pending.get(pending.code.key) is pending

    @property
    def errors(self) -> Mapping[str, str | None]:
        """Why looks at each code fail, as `Pending` has it."""
        return {key: one.error for key, one in self._pending.items()}

    @property
    def wait(self) -> float | None:
        """Seconds until something is due at hosts that are not asked now; None where there is nothing."""
        now, waits = self._clock(), self._host_waits()
        soonest = min(
            (max(one.due_at - now, waits.get(one.host, 0.0)) for one in self._pending.values()),
            default=math.inf,
        )
        return None if soonest == math.inf else soonest

    def _host_waits(self) -> Mapping[str, float]:
        """Seconds until each known host may be asked; without end while it is."""
        return {name: math.inf if host.is_asked else host.wait for name, host in self._hosts.items()}

    def postpone(self, pending: Pending, seconds: float) -> None:
        """It is due again in about so many seconds."""
        pending.due_at = self._clock() + seconds * (1 + _JITTER * (self._jitter() - 0.5))

    def answered(self, pending: Pending) -> None:
        """Its host has shown the code; if that is news, all that failed there is due as if it had not."""
        pending.error = ""
        if pending.failed:
            pending.failed = 0
            for other in self._pending.values():
                if other.host == pending.host and other.failed:
                    other.due_at = min(other.due_at, other.failed_at + other.code.every)

    def failed(self, pending: Pending, host: LookedHost, error: str, *, refused: bool) -> None:
        """The host has not shown the code; whether it `refused` that, or did not answer at all."""
        if refused is not pending.refused:
            pending.refused, pending.failed = refused, 0
        pending.failed += 1
        pending.failed_at = self._clock()
        every, longest = pending.code.every, REFUSED_SECONDS if refused else UNREACHED_SECONDS
        self.postpone(pending, max(every, min(every * 2 ** min(pending.failed, 16), longest)))
        if refused:
            host.answered()
        else:
            host.failed(pending.due_at - self._clock())
        if pending.failed > 1 or host.is_down:
            pending.error = error
