"""When to try again: growing waits, the pause that a server asks for, and the bounds of both.

All times are in seconds, a moment is in Unix seconds.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_PAUSE: Final = 3600.0
"""No one can make us wait longer."""
_JITTER: Final = 0.2


@dataclass(frozen=True, slots=True)
class Backoff:
    """The wait after each failure in a row; the last one repeats. Each varies by `jitter` of itself."""

    waits: Sequence[float]
    jitter: float = _JITTER

    @classmethod
    def exponential(cls, first: float, longest: float, *, factor: float = 2.0) -> "Backoff":
        """From `first` on each wait is `factor` (over 1) times the one before it, up to `longest`."""
        waits = [first]
        while waits[-1] < longest:
            waits.append(min(waits[-1] * factor, longest))
        return cls(waits)

    def wait(self, failures: int, random: Callable[[], float] = random.random) -> float:
        """The wait after so many failures, after none the first one; `random` is in [0, 1)."""
        wait = self.waits[min(max(1, failures), len(self.waits)) - 1]
        return wait * (1.0 + self.jitter * (2.0 * random() - 1.0))


def bounded(seconds: float) -> float:
    """A pause that someone else asked for, within reason: a second to an hour."""
    return min(max(1.0, seconds), LONGEST_PAUSE)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The pause of a Retry-After header in either form of RFC 9110, section 10.2.3: seconds or a date.

    From 0 to an hour; None without a header that can be read. A date counts from the Date header of the same
    answer, since the two come from one clock; without one that can be read, from `now`.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        seconds = float(text)
    elif (until := http_date(text)) is not None:
        sent_at = http_date(headers.get("Date", ""))
        seconds = until - (now if sent_at is None else sent_at)
    else:
        return None
    return min(max(0.0, seconds), LONGEST_PAUSE)


def quota_pause(headers: Mapping[str, str], now: float) -> float | None:
    """In how many seconds a quota is whole again of which nothing is left; None where that is not said.

    From 0 to an hour. Source: GitHub Docs, "Rate limits for the REST API" (https://docs.github.com/en/rest/
    using-the-rest-api/rate-limits-for-the-rest-api), and GitLab Docs, "User and IP rate limits"
    (https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits): both give Unix seconds.
    """
    for prefix in ("X-RateLimit-", "RateLimit-"):
        left, reset = (headers.get(f"{prefix}{name}", "").strip() for name in ("Remaining", "Reset"))
        if left == "0" and reset.isascii() and reset.isdigit():
            return min(max(0.0, float(reset) - now), LONGEST_PAUSE)
    return None


def http_date(text: str) -> float | None:
    """The moment of an HTTP date, which is in GMT; None for any other text."""
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
