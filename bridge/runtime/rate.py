"""Rate limits: token buckets, single or by key, and a bound for the log lines that a flood can cause."""

from dataclasses import dataclass
from typing import Final

MAX_KEYS: Final = 4096


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` times in `seconds`; its user says whether that holds on average or for every such span."""

    count: int
    seconds: float


class Bucket:
    """As often as the rate says on average, and its whole count at once.

    It holds as many tokens as the rate's count, given back evenly in the rate's time. Times
    are in seconds.
    """

    __slots__ = ("_at", "_most", "_per_second", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self._most = float(rate.count)
        self._per_second = rate.count / rate.seconds
        self._tokens = self._most
        self._at = now

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0 when there is one."""
        # A clock that was set back gives nothing and takes nothing.
        past, self._at = max(0.0, now - self._at), now
        self._tokens = min(self._most, self._tokens + past * self._per_second)
        return max(0.0, (1.0 - self._tokens) / self._per_second)

    def take(self, now: float) -> float:
        """Take a token and return 0; without one, return the seconds until there is one."""
        wait = self.wait(now)
        if not wait:
            self._tokens -= 1.0
        return wait


class Buckets:
    """A bucket for each key, at most `MAX_KEYS`: a new key replaces the one that was not used for longest."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: dict[str, Bucket] = {}

    def wait(self, key: str, now: float) -> float:
        bucket = self._buckets.get(key)
        return bucket.wait(now) if bucket else 0.0

    def take(self, key: str, now: float) -> float:
        bucket = self._buckets.pop(key, None) or Bucket(self._rate, now)
        self._buckets[key] = bucket
        if len(self._buckets) > MAX_KEYS:
            del self._buckets[next(iter(self._buckets))]
        return bucket.take(now)


class LogLimit:
    """Lets no more lines of log pass than the rate allows, and counts those that it suppresses."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._bucket = Bucket(rate, now)
        self._suppressed = 0

    def suppressed(self, now: float) -> int | None:
        """How many lines were suppressed before this one; None when this one is to be suppressed."""
        if self._bucket.take(now):
            self._suppressed += 1
            return None
        suppressed, self._suppressed = self._suppressed, 0
        return suppressed
