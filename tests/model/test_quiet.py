"""Quiet hours of a day, of a night, of some days, and where clocks are changed."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from bridge.model.quiet import Quiet, QuietHours

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def hours(begin: str, end: str, weekdays: str = "0123456") -> QuietHours:
    return QuietHours(
        begin=time.fromisoformat(begin),
        end=time.fromisoformat(end),
        zone=BERLIN,
        weekdays={int(day) for day in weekdays},
    )


@pytest.mark.parametrize(
    ("now", "begin", "end"),
    [
        ("2025-01-15T21:59", "2025-01-14T22:00", "2025-01-15T08:00"),
        ("2025-01-15T22:00", "2025-01-15T22:00", "2025-01-16T08:00"),
        ("2025-01-16T07:59", "2025-01-15T22:00", "2025-01-16T08:00"),
        # The clocks are changed in this night: it has nine hours.
        ("2025-03-30T05:00", "2025-03-29T22:00", "2025-03-30T08:00"),
    ],
)
def test_a_night_is_from_one_day_to_the_next(now: str, begin: str, end: str) -> None:
    assert hours("22:00", "08:00").last(at(now)) == Quiet(at(begin), at(end))


def test_a_lunch_break_is_on_one_day() -> None:
    assert hours("12:00", "13:30").last(at("2025-01-15T12:30")) == Quiet(
        at("2025-01-15T12:00"), at("2025-01-15T13:30")
    )


def test_the_days_are_those_on_which_they_begin() -> None:
    nights = hours("22:00", "08:00", weekdays="4")
    saturday = Quiet(at("2025-01-17T22:00"), at("2025-01-18T08:00"))
    assert nights.last(at("2025-01-18T03:00")) == saturday
    assert nights.last(at("2025-01-24T21:00")) == saturday
