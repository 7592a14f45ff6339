"""Schedules are read as cron reads them, in the time zone they name."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.rules.cron import BadCron, compile_cron


def due(expression: str, timezone: str, after: str, count: int = 3) -> list[str]:
    """The next moments after a local time, as local times."""
    zone = ZoneInfo(timezone)
    trigger = compile_cron(expression, timezone)
    moment, found = datetime.fromisoformat(after).replace(tzinfo=zone).timestamp(), []
    for _ in range(count):
        moment = trigger.next(moment)
        found.append(datetime.fromtimestamp(moment, zone).isoformat()[:16])
    return found


# 2026-11-21 is a Saturday.
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 3 * * *", ["21T03:00", "22T03:00", "23T03:00"]),
        ("0 3 * * 0", ["22T03:00", "29T03:00"]),
        ("0 3 * * 7", ["22T03:00", "29T03:00"]),
        ("0 3 * * 1-5", ["23T03:00", "24T03:00", "25T03:00", "26T03:00", "27T03:00", "30T03:00"]),
        ("0 3 * * MON", ["23T03:00", "30T03:00"]),
        ("0 3 * * fri-mon", ["21T03:00", "22T03:00", "23T03:00", "27T03:00"]),
        ("0 3 * * 5-7", ["21T03:00", "22T03:00", "27T03:00"]),
        ("0 3 * * */2", ["21T03:00", "22T03:00", "24T03:00", "26T03:00", "28T03:00"]),
        ("0 3 * * 2/2", ["21T03:00", "24T03:00", "26T03:00", "28T03:00"]),
        ("0 3 */2 * 1", ["23T03:00"]),
        ("0 3 * * 2,4", ["24T03:00", "26T03:00"]),
        ("30 */12 25 * *", ["25T00:30", "25T12:30"]),
        ("*/20 8-9 * nov *", ["21T08:00", "21T08:20", "21T08:40", "21T09:00"]),
    ],
)
def test_an_expression_is_due_when_cron_says(expression: str, expected: list[str]) -> None:
    found = due(expression, "Asia/Shanghai", "2026-11-21T00:00:00", len(expected))
    assert found == [f"2026-11-{day}" for day in expected]


def test_a_moment_is_that_of_its_time_zone() -> None:
    after = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
    moment = compile_cron("0 3 * * *", "Asia/Shanghai").next(after)
    assert datetime.fromtimestamp(moment, UTC).isoformat() == "2026-11-21T19:00:00+00:00"


def test_a_due_moment_is_not_due_again() -> None:
    trigger = compile_cron("0 3 * * *", "UTC")
    first = trigger.next(0.0)
    assert trigger.next(first) == first + 86_400
    assert trigger.next(first - 1) == first


def test_a_night_that_has_an_hour_twice_or_not_at_all_has_one_run() -> None:
    assert due("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00", 2) == [
        "2026-03-29T03:30",
        "2026-03-30T02:30",
    ]
    assert due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00", 2) == [
        "2026-10-25T02:30",
        "2026-10-26T02:30",
    ]
    assert due("30 * * * *", "Europe/Berlin", "2026-10-25T01:45:00", 3) == [
        "2026-10-25T02:30",
        "2026-10-25T02:30",
        "2026-10-25T03:30",
    ]


@pytest.mark.parametrize(
    ("expression", "timezone", "after", "expected"),
    [
        ("0 0 * * *", "America/Santiago", "2026-09-05T12:00", ["2026-09-06T01:00", "2026-09-07T00:00"]),
        ("0 0 * * 0", "America/Santiago", "2027-08-30T00:00", ["2027-09-05T01:00", "2027-09-12T00:00"]),
        ("0 0 29 4 *", "Africa/Cairo", "2027-01-01T00:00", ["2027-04-29T00:00", "2028-04-29T00:00"]),
        ("0 0 * * *", "Africa/Cairo", "2027-04-29T12:00", ["2027-04-30T01:00", "2027-05-01T00:00"]),
        ("0 0 * * *", "America/Havana", "2027-03-13T12:00", ["2027-03-14T01:00", "2027-03-15T00:00"]),
        ("0 0 * * *", "Asia/Beirut", "2027-03-27T12:00", ["2027-03-28T01:00", "2027-03-29T00:00"]),
        ("0 */6 * * *", "Asia/Beirut", "2027-03-27T20:00", ["2027-03-28T01:00", "2027-03-28T06:00"]),
        ("0 0,1 * * *", "Asia/Beirut", "2027-03-27T20:00", ["2027-03-28T01:00", "2027-03-29T00:00"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", ["2026-10-04T02:45", "2026-10-05T02:15"]),
    ],
)
def test_a_time_that_the_clock_change_removes_is_due_after_it(
    expression: str, timezone: str, after: str, expected: list[str]
) -> None:
    assert due(expression, timezone, after, len(expected)) == expected


@pytest.mark.parametrize("day", ["2026-03-28", "2026-09-30", "2026-10-24"])
@pytest.mark.parametrize("timezone", ["Europe/Berlin", "Asia/Beirut", "Australia/Lord_Howe"])
@pytest.mark.parametrize("hours", [range(24), (0,), (1, 2), (2, 3, 23)], ids=str)
@pytest.mark.parametrize("minutes", [(0,), (0, 50), (15, 35), range(0, 60, 20)], ids=str)
def test_around_a_clock_change_no_time_is_lost_or_doubled(
    day: str, timezone: str, hours: Iterable[int], minutes: Iterable[int]
) -> None:
    zone, every = ZoneInfo(timezone), len(list(hours)) == 24
    begin = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=zone)
    shown = [
        (begin.replace(hour=hour, minute=minute) + timedelta(days=days)).replace(fold=fold)
        for days in range(10)
        for hour in hours
        for minute in minutes
        for fold in ((0, 1) if every else (0,))
    ]
    # In a missing hour the second reading would be before the change.
    expected = sorted({max(one.timestamp(), one.replace(fold=0).timestamp()) for one in shown})
    fields = "*" if every else ",".join(map(str, hours))
    cron = compile_cron(f"{','.join(map(str, minutes))} {fields} * * *", timezone)
    found = [cron.next(begin.timestamp() - 1)]
    while len(found) < len(expected):
        found.append(cron.next(found[-1]))
    assert found == expected


@pytest.mark.parametrize(
    ("expression", "timezone", "why"),
    [
        ("0 3 * *", "UTC", "five fields are needed"),
        ("0 3 * * * *", "UTC", "five fields are needed"),
        ("0 " * 300, "UTC", "five fields are needed"),
        ("x * * * *", "UTC", "x is not a valid minute"),
        ("60 * * * *", "UTC", "60"),
        ("0 0 30 2 *", "UTC", "never due"),
        ("0 0 * * 8", "UTC", "8 is not a day of week"),
        ("0 0 * * foo", "UTC", "foo is not a day of week"),
        ("0 0 * * */0", "UTC", "at least 1"),
        ("*/0 * * * *", "UTC", "higher than 0"),
        ("0 0 13 * 5", "UTC", "not both"),
        ("1,,2 * * * *", "UTC", "1,,2 is not a valid minute"),
        ("0 0 \uff12 * *", "UTC", "is not a valid day"),
        ("0 3 * * *", "Asia/Nowhere", "there is no time zone Asia/Nowhere"),
        ("0 3 * * *", "../etc/passwd", "there is no time zone"),
        ("0 3 * * *", "", "there is no time zone"),
    ],
)
def test_what_cannot_be_due_is_rejected(expression: str, timezone: str, why: str) -> None:
    with pytest.raises(BadCron, match=why.replace("*", r"\*")):
        compile_cron(expression, timezone)
