"""What one source still takes from whom: the limits that keep strangers from wearing the daemon out."""

from typing import Final

from bridge.runtime.rate import MAX_KEYS, Bucket, Buckets, Rate, Sparing

_LINES: Final = Rate(20, 4.0)


class SourceLimits:
    """The limits of one source: `rate` for verified deliveries, `rejected` for bad requests of a client.

    A verified delivery uses up nothing that strangers could empty, and strangers nothing of its allowance.
    Times are in seconds.
    """

    def __init__(self, rate: Rate | None, refused: Rate, now: float) -> None:
        self._deliveries = Bucket(rate, now) if rate else None
        self._refused = Buckets(refused)
        self._proven: dict[str, None] = {}
        self._log = Sparing(_LINES, now)

    def reads_large_body_of(self, client_key: str, now: float) -> bool:
        """Whether to read a large body before its sender is verified: not for a client over its limit.

        A client_key that has proven itself is always heard: behind one address, strangers and hosts may be
        neighbours.
        """
        return client_key in self._proven or not self._refused.wait(client_key, now)

    def verified(self, client_key: str, now: float) -> float:
        """A client_key has proven itself; how long it has to wait before its delivery is taken, or 0."""
        if client_key not in self._proven:
            self._proven[client_key] = None
            if len(self._proven) > MAX_KEYS:
                del self._proven[next(iter(self._proven))]
        return self._deliveries.take(now) if self._deliveries else 0.0

    def refused(self, client_key: str, now: float) -> float:
        """A client_key sent something in vain; how long it should wait if that was too often, or 0."""
        return self._refused.take(client_key, now)

    def line(self, now: float) -> int | None:
        """How many lines about refusals were left out before this one; None to leave this one out, too."""
        return self._log.line(now)
