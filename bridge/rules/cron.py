"""The moments at which a cron schedule is due: five fields in a time zone, as cron reads them (pure)."""

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


@dataclass(frozen=True, slots=True)
class Cron:
    """The moments of a cron expression; with `once`, an hour that a time zone repeats counts once."""

    trigger: CronTrigger
    once: bool

    def next(self, after: float) -> float:
        """The first moment after `after`, both in Unix seconds. Raises BadCron where there is none."""
        moment = datetime.fromtimestamp(int(after) + 1, UTC)
        while (found := self.trigger.get_next_fire_time(None, moment)) is not None:
            if not (self.once and found.fold):
                return float(found.timestamp())
            moment = found + timedelta(hours=1)
        raise BadCron("never due: there is no such day")


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
    try:
        trigger = CronTrigger(
            year=_YEARS,
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=_weekdays(weekday),
            timezone=_zone(timezone),
        )
    except ValueError as error:
        raise BadCron(str(error)) from error
    return Cron(trigger, once="*" not in hour)


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
