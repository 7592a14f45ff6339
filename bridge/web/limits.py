"""Rate limits: of a source for verified deliveries and for what is rejected, of clients for wrong tokens."""

import hmac
from collections.abc import Sequence
from typing import Final

from bridge.config.settings import SHORTEST_SECRET
from bridge.runtime.rate import MAX_KEYS, Bucket, Buckets, LogLimit, Rate

LOG_RATE: Final = Rate(20, 4.0)
"""How many lines of log rejected requests may cause."""

ATTEMPT_RATE: Final = Rate(60, 60.0)
"""How many wrong tokens one client may send before it is answered 429."""
BURST_RATE: Final = Rate(1, 60.0)
"""How many lines of log the wrong tokens of one client may cause."""


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


class AttemptLimits:
    """Limits the wrong tokens of each client, and what the log says of them.

    A client over its limit can still prove who it is: others may share its address with the one that guesses.
    Only a token that is short enough to be guessed proves nothing then. Times are in seconds.
    """

    def __init__(self, now: float) -> None:
        self._attempts = Buckets(ATTEMPT_RATE)
        self._bursts: dict[str, LogLimit] = {}
        self._log = LogLimit(LOG_RATE, now)

    def is_one_of(self, given: bytes, tokens: Sequence[bytes], client_key: str, now: float) -> bool:
        """Whether a client proves something by this token."""
        shortest = SHORTEST_SECRET if self._attempts.wait(client_key, now) else 1
        # Every token is compared, so that the time does not depend on which one matches.
        equal = [hmac.compare_digest(given, token) for token in tokens]
        return any(equal) and len(given) >= shortest

    def reject(self, client_key: str, now: float) -> float:
        """Count a wrong token; the wait before the next one if they were too many, else 0."""
        return self._attempts.take(client_key, now)

    def suppressed(self, client_key: str, now: float) -> int | None:
        """How many lines about wrong tokens were suppressed before this one; None to suppress this one."""
        burst = self._bursts.pop(client_key, None) or LogLimit(BURST_RATE, now)
        self._bursts[client_key] = burst
        if len(self._bursts) > MAX_KEYS:
            del self._bursts[next(iter(self._bursts))]
        of_client = burst.suppressed(now)
        of_others = None if of_client is None else self._log.suppressed(now)
        return None if of_client is None or of_others is None else of_client + of_others
