"""Waits grow up to a bound; what a server asks for is read in both forms, and has bounds, too."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.runtime.retry import LONGEST_PAUSE, Backoff, bounded, quota_pause, retry_after

NOON = 1_795_608_000.0
"""12:00:00 UTC on 25 November 2026."""


def test_waits_grow_by_the_factor_up_to_the_longest_and_stay_there() -> None:
    backoff = Backoff.exponential(1.0, 20.0, factor=3.0)
    assert [backoff.wait(failures, lambda: 0.5) for failures in (1, 2, 3, 4, 5, 10_000)] == [
        1.0,
        3.0,
        9.0,
        20.0,
        20.0,
        20.0,
    ]


def test_without_a_failure_the_wait_is_the_first_one() -> None:
    backoff = Backoff.exponential(1.0, 20.0)
    assert [backoff.wait(failures, lambda: 0.5) for failures in (0, -1)] == [1.0, 1.0]


def test_jitter_spreads_each_wait_evenly_around_itself() -> None:
    backoff = Backoff([10.0], jitter=0.2)
    randoms = iter((0.0, 0.5, 1.0))
    waits = [backoff.wait(1, lambda: next(randoms)) for _ in range(3)]
    assert waits == pytest.approx([8.0, 10.0, 12.0])


@given(st.integers(min_value=1, max_value=100))
def test_any_wait_lies_within_its_jitter(failures: int) -> None:
    backoff = Backoff([2.0, 10.0, 30.0])
    exact = backoff.wait(failures, lambda: 0.5)
    assert exact * 0.8 <= backoff.wait(failures) <= exact * 1.2


def test_two_waits_differ() -> None:
    backoff = Backoff([1.0])
    assert len({backoff.wait(1) for _ in range(20)}) > 1


def test_a_pause_that_someone_asks_for_is_a_second_to_an_hour() -> None:
    asked = (-5.0, 0.0, 0.5, 1.0, 60.0, 3600.0, 1e9)
    assert [bounded(after) for after in asked] == [1, 1, 1, 1, 60, 3600, 3600]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("3600", 3600.0),
        ("9" * 5000, LONGEST_PAUSE),
        ("Wed, 25 Nov 2026 12:00:30 GMT", 30.0),
        ("Wed, 25 Nov 2026 12:00:30 -0000", 30.0),
        ("Wednesday, 25-Nov-26 12:01:00 GMT", 60.0),
        ("Wed Nov 25 12:00:05 2026", 5.0),
        ("Wed, 25 Nov 2026 11:59:59 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_PAUSE),
        ("Wed, 99 Nov 2026 12:00:30 GMT", None),
        (None, None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("²", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_an_hour(header: str | None, seconds: float | None) -> None:
    assert retry_after({} if header is None else {"Retry-After": header}, NOON) == seconds


@given(
    st.text() | st.from_regex(r"[A-Za-z]{0,4},? ?\d{0,5}[ -]?[A-Za-z]{0,4}[ -]?\d{0,6} [\d:]{0,12} ?[+-]?\w*")
)
def test_no_header_breaks_the_reader(header: str) -> None:
    pause = retry_after({"Retry-After": header, "Date": header[::-1]}, NOON)
    assert pause is None or 0.0 <= pause <= LONGEST_PAUSE


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Wed, 25 Nov 2026 11:59:50 GMT", 40.0),
        ("Wed, 25 Nov 2026 12:00:20 GMT", 10.0),
        ("yesterday", 30.0),
        ("", 30.0),
    ],
)
def test_a_date_counts_from_the_clock_of_the_server(date: str, seconds: float) -> None:
    headers = {"Retry-After": "Wed, 25 Nov 2026 12:00:30 GMT", "Date": date}
    assert retry_after(headers, NOON) == seconds
    assert retry_after({"Retry-After": "7", "Date": date}, NOON) == 7.0


def test_waits_never_shrink() -> None:
    waits = Backoff.exponential(2.0, 300.0).waits
    assert all(before < after for before, after in pairwise(waits))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOON) + 90)}, 90.0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": str(int(NOON) + 90)}, 90.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOON) - 9)}, 0.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 400}, LONGEST_PAUSE),
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": str(int(NOON) + 90)}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Remaining": "0"}, None),
        ({}, None),
    ],
)
def test_a_spent_quota_is_whole_again_within_an_hour(headers: dict[str, str], seconds: float | None) -> None:
    assert quota_pause(headers, NOON) == seconds
