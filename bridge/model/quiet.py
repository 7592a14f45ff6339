"""When a channel is to be left in peace."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class Quiet:
    """Quiet hours from `begin` to before `end`, in Unix seconds."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """The hours from `begin` to `end` of a day, or of the next day if `end` is earlier.

    `weekdays` are those on which they begin, Monday is 0.
    """

    begin: time
    end: time
    zone: ZoneInfo
    weekdays: Collection[int]

    def last(self, now: float) -> Quiet | None:
        """The quiet hours that began last; they may have ended."""
        today = datetime.fromtimestamp(now, self.zone).date()
        for days in range(_WEEK + 1):
            first = today - timedelta(days=days)
            begin = datetime.combine(first, self.begin, self.zone).timestamp()
            if first.weekday() in self.weekdays and begin <= now:
                last = first if self.begin < self.end else first + timedelta(days=1)
                return Quiet(begin, datetime.combine(last, self.end, self.zone).timestamp())
        return None
