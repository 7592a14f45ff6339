"""Rate limits of one source: for its verified deliveries, and for the rejected requests of each client."""

from typing import Final

from bridge.runtime.rate import MAX_KEYS, Bucket, Buckets, LogLimit, Rate

LOG_RATE: Final = Rate(20, 4.0)
"""How many lines of log rejected requests may cause."""


ATTEMPT_RATE: Final = Rate(60, 60.0)
"""How many wrong tokens one client may send to the API before it is answered 429."""


class SourceLimits:
    """`rate` limits verified deliveries, `rejected_rate` the rejected requests of each client.

    The two are counted apart: clients without a secret cannot use up what verified deliveries are allowed.
    Times are in seconds.
    """

    def __init__(self, rate: Rate | None, rejected_rate: Rate, now: float) -> None:
        self._deliveries = Bucket(rate, now) if rate else None
        self._rejections = Buckets(rejected_rate)
        self._verified: dict[str, None] = {}
        self._log = LogLimit(LOG_RATE, now)

    def reads_large_body(self, client_key: str, now: float) -> bool:
        """Whether to read a large body before it is verified: not from a client over its limit.

        A client that has sent a verified delivery is never over it: a Git host may share its address with
        others.
        """
        return client_key in self._verified or not self._rejections.wait(client_key, now)

    def admit(self, client_key: str, now: float) -> float:
        """Count a verified delivery; the wait until it would be accepted, 0 when it is."""
        if client_key not in self._verified:
            self._verified[client_key] = None
            if len(self._verified) > MAX_KEYS:
                del self._verified[next(iter(self._verified))]
        return self._deliveries.take(now) if self._deliveries else 0.0

    def reject(self, client_key: str, now: float) -> float:
        """Count a rejected request; the wait before the next one if they were too many, else 0."""
        return self._rejections.take(client_key, now)

    def suppressed(self, now: float) -> int | None:
        """How many lines about rejections were suppressed before this one; None to suppress this one."""
        return self._log.suppressed(now)
