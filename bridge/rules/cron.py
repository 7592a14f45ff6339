"""The moments at which a cron schedule is due: five fields in a time zone, as cron reads them (pure).

A time that a clock change removes is due as much later as the clock was set forward: 00:00 at 01:00 where the
hour before that is missing. One in an hour that comes twice is due once, where the hour is named.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

MAX_LENGTH: Final = 200
_YEARS: Final = "2000-2199"
"""The years that are searched: a search without an end would be slow for a day that never comes."""
_FIELDS: Final = ("minute", "hour", "day", "month", "day of week")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ITEM: Final = re.compile(r"(\*|[a-z]{3}|\d{1,2}(?:-\d{1,2})?|[a-z]{3}-[a-z]{3})(?:/(\d{1,2}))?", re.ASCII)


class BadCron(ValueError):
    """The expression or the time zone cannot be used; the text says why."""


_NEAR: Final = 3 * 3600.0
"""Seconds; no clock change is larger, so that times further away from it are in order."""


@dataclass(frozen=True, slots=True)
class Cron:
    """The moments of a cron expression; with `once`, an hour that a time zone repeats counts once.

    `trigger` counts the times that a clock on the wall in `zone` shows, as if they were in UTC: so no time is
    missing for it.
    """

    trigger: CronTrigger
    zone: ZoneInfo
    once: bool

    def next(self, after: float) -> float:
        """The first moment after `after`, both in Unix seconds. Raises BadCron where there is none."""
        after = int(after)
        shown = self._shown(after + 1)
        first = min(self._moments(self._next_shown(shown)))
        change = max(self._change(after), self._change(first))
        return first if not change else self._next_near_change(after, shown - change, change)

    def _next_near_change(self, after: float, shown: datetime, change: timedelta) -> float:
        """There the order of the moments is not that of the times shown: the first of all that can be."""
        best = math.inf
        while shown <= (self._shown(best) if best < math.inf else shown) + change:
            shown = self._next_shown(shown)
            best = min([best, *(one for one in self._moments(shown) if one > after)])
            shown += timedelta(seconds=1)
        return best

    def _moments(self, shown: datetime) -> list[float]:
        """When a clock in the zone shows this time: twice at most, where once is not enough."""
        first, second = (shown.replace(tzinfo=self.zone, fold=fold).timestamp() for fold in (0, 1))
        return [first] if self.once or second <= first else [first, second]

    def _next_shown(self, shown: datetime) -> datetime:
        found: datetime | None = self.trigger.get_next_fire_time(None, shown)
        if found is None:
            raise BadCron("never due: there is no such day")
        return found

    def _shown(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, self.zone).replace(tzinfo=UTC)

    def _change(self, moment: float) -> timedelta:
        """By how much the clock changes around the moment."""
        before, then = (
            datetime.fromtimestamp(moment + side, self.zone).utcoffset() for side in (-_NEAR, _NEAR)
        )
        assert before is not None
        assert then is not None
        return abs(then - before)


def compile_cron(expression: str, timezone: str) -> Cron:
    """The moments of a cron expression. Raises BadCron."""
    cron = _compiled(expression, timezone)
    cron.next(0.0)
    return cron


@lru_cache(maxsize=1024)
def _compiled(expression: str, timezone: str) -> Cron:
    fields = expression.lower().split()
    if len(expression) > MAX_LENGTH or len(fields) != len(_FIELDS):
        raise BadCron("five fields are needed: minute, hour, day, month, day of week; such as '0 3 * * *'")
    for name, field in zip(_FIELDS, fields, strict=True):
        if not all(_ITEM.fullmatch(item) for item in field.split(",")):
            raise BadCron(f"{field} is not a valid {name}: use numbers, names, '*', '-', '/' and ','")
    minute, hour, day, month, weekday = fields
    if "*" not in {day[0], weekday[0]}:
        raise BadCron(
            "cron would run on every day that either field names: give day or day of week, not both"
        )
    zone = _zone(timezone)
    try:
        trigger = CronTrigger(
            year=_YEARS,
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=_weekdays(weekday),
            timezone=UTC,
        )
    except ValueError as error:
        raise BadCron(str(error)) from error
    return Cron(trigger, zone, once="*" not in hour)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadCron(f"there is no time zone {name}: write one such as Asia/Shanghai or UTC") from None


def _weekdays(field: str) -> str:
    """Days by name: cron counts from Sunday, which is also 7; APScheduler counts from Monday."""
    days = [day for item in field.split(",") for day in _days(item)]
    return ",".join(sorted(set(days), key=_DAYS.index))


def _days(item: str) -> tuple[str, ...]:
    span, _, step = item.partition("/")
    if step in {"0", "00"}:
        raise BadCron("a step is at least 1")
    first, _, last = ("0-6" if span == "*" else span).partition("-")
    begin, end = _day(first), _day(last) if last else (6 if step else _day(first))
    if end < begin:
        end += 7  # as fri-mon
    return tuple(_DAYS[day % 7] for day in range(begin, end + 1, int(step or 1)))


def _day(text: str) -> int:
    if text.isdigit() and int(text) < len(_DAYS):
        return int(text)
    if text in _DAYS:
        return _DAYS.index(text)
    raise BadCron(f"{text} is not a day of week: use 0 to 7 or sun to sat")
