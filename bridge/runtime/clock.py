"""Clocks are arguments, so that tests can advance them. Time goes on evenly while the wall clock is set."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

Clock = Callable[[], float]
"""Now, in Unix seconds."""

system_clock: Clock = time.time


def moment(at: float) -> str:
    """Unix seconds as people read them, such as 2026-11-26T10:00:00Z."""
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%SZ}"


def when(seconds: float) -> str:
    """Unix seconds as ISO 8601 in UTC, with milliseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def maybe_when(seconds: float | None) -> str | None:
    """As `when`; None for what has not happened."""
    return None if seconds is None else when(seconds)


def _since_boot() -> float:
    """Seconds since the machine started, asleep or not; no one can set them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


_NOTHING_SECONDS: Final = 0.2
"""Clocks that are no further apart are the same."""


class SteadyClock:
    """The wall clock, except that it follows a step of the wall clock only when `follow` is called."""

    def __init__(self, wall: Clock = system_clock, steady: Clock = _since_boot) -> None:
        self._wall = wall
        self._steady = steady
        self._base = wall() - steady()

    def __call__(self) -> float:
        return self._base + self._steady()

    @property
    def behind(self) -> float:
        """Seconds that the wall clock is ahead of this one; negative when it was set back."""
        return self._wall() - self()

    def behind_server(self, said: float, asked_at: float) -> float:
        """As `behind`, but a server's clock, which `said` its time when it was asked at `asked_at`.

        0 where that may come of the time that the answer took.
        """
        now = self()
        seconds = said - (asked_at + now) / 2
        return seconds if abs(seconds) > (now - asked_at) / 2 + _NOTHING_SECONDS else 0.0

    def follow(self, seconds: float) -> None:
        """Go forward by so many seconds, or back."""
        self._base += seconds


class Pause:
    """A time to wait. A clock that is set back meanwhile does not make it longer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = self._until = 0.0

    def begin(self, seconds: float) -> None:
        self._since = self._clock()
        self._until = self._since + seconds

    @property
    def left(self) -> float:
        """Seconds until it is over; 0 when it is, or never began."""
        now = self._clock()
        return self._until - now if self._since <= now < self._until else 0.0
