"""A wall clock that is set back under the scheduler of the ticks, while monotonic time goes on."""

from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest
from apscheduler.schedulers import base
from apscheduler.triggers import interval


def set_tick_clock_back(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """From now on APScheduler reads a wall clock that is so many seconds behind."""

    class Behind(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) - timedelta(seconds=seconds)

    for module in (base, interval):
        monkeypatch.setattr(module, "datetime", Behind)
