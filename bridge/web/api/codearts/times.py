"""The times of CodeArts, which has many ways to write one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bridge.web.api.core.errors import Invalid

_DAY: Final = "%Y-%m-%d"
_MOMENT: Final = "%Y-%m-%d %H:%M:%S"
_YEARS: Final = range(1970, 9000)
MAX_DAYS: Final = 30
"""The longest time that statistics are made of."""


def record_time(seconds: float | None) -> str | None:
    """As records write it: `2022-10-11T08:28:42.000+00:00`."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)


def between(begin: float | None, end: float | None) -> int:
    """The milliseconds from one time to another; 0 where one of them is not known."""
    return 0 if begin is None or end is None else max(0, int((end - begin) * 1000))


@dataclass(frozen=True, slots=True)
class Zone:
    """Where days begin, and by which clock histories are written."""

    info: ZoneInfo

    def history_time(self, seconds: float | None) -> str | None:
        """As histories write it: `2020-12-30T17:33:11+08:00`."""
        return None if seconds is None else self._at(seconds).isoformat(timespec="seconds")

    def brief_time(self, seconds: float | None) -> str | None:
        """As brief records write it: `2024-08-12T02:31:01+0800`."""
        return None if seconds is None else self._at(seconds).strftime("%Y-%m-%dT%H:%M:%S%z")

    def day(self, seconds: float) -> str:
        """Its day, as daily numbers begin: `20200612`."""
        return self._at(seconds).strftime("%Y%m%d")

    def day_begin(self, seconds: float) -> float:
        """When its day begins, in Unix seconds."""
        midnight = self._at(seconds).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        return midnight.timestamp()

    def days(self, first: str, last: str) -> tuple[float, float]:
        """From the beginning of one day to the end of another, both `yyyy-MM-dd`. Raises Invalid."""
        begin, end = self._read("start_time", first, _DAY), self._read("end_time", last, _DAY)
        if not timedelta() <= end - begin <= timedelta(days=MAX_DAYS):
            raise Invalid([f"end_time: must be at most {MAX_DAYS} days after start_time"])
        return begin.timestamp(), (end + timedelta(days=1)).timestamp()

    def moments(self, names: tuple[str, str], first: str | None, last: str | None) -> tuple[float, float]:
        """From one moment to another, `yyyy-MM-dd HH:mm:ss` or a day; all of time without them.

        `names` are those of the two in the query. Raises Invalid.
        """
        begin = 0.0 if first is None else self._read(names[0], first, _MOMENT, _DAY).timestamp()
        end = 1e12 if last is None else self._read(names[1], last, _MOMENT, _DAY).timestamp() + 1
        return begin, end

    def _at(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, self.info)

    def _read(self, name: str, text: str, *forms: str) -> datetime:
        for form in forms:
            try:
                found = datetime.strptime(text, form).replace(tzinfo=self.info)
            except ValueError:
                continue
            if found.year in _YEARS:
                return found
        wanted = " or ".join(
            form.replace("%Y-%m-%d", "yyyy-MM-dd").replace("%H:%M:%S", "HH:mm:ss") for form in forms
        )
        raise Invalid([f"{name}: {text[:40]} is not written {wanted}"])
