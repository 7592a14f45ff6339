"""The health of sources: whether their Git hosts say what the refs of the code are."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Final

from bridge.planning.looked_code import Code, failing_looks
from bridge.services.health import PartHealth
from bridge.store.health import Health

_PART: Final = "source:"


class SourceHealth:
    """A source is down, as `source:NAME`, while looks at any of its code fail.

    Only what changes is written.
    """

    def __init__(self, health: Health, wake_notifiers: Callable[[], None]) -> None:
        self._health = health
        self._wake_notifiers = wake_notifiers
        self._down: dict[str, str] | None = None

    async def follow(
        self, codes: Mapping[str, Code], errors: Mapping[str, str | None], sources: Collection[str]
    ) -> None:
        """Record how looks at all code go: by an error, "" for none, and None where that is not known yet."""
        failing, unknown, answered = defaultdict[str, list[tuple[str, str]]](list), set[str](), set[str]()
        for key, code in codes.items():
            if error := errors[key]:
                failing[code.source].append((code.name, error))
            else:
                (unknown if error is None else answered).add(code.source)
        down = await self._known()
        for source, found in failing.items():
            if (why := failing_looks(found)) != down.get(source):
                await self._part(source).degrade(why)
                down[source] = why
        for source in down.keys() - failing.keys() - unknown:
            if source in sources and source in answered:
                await self._part(source).restore("it answers again")
            else:
                await self._health.forget([f"{_PART}{source}"])
            del down[source]

    async def _known(self) -> dict[str, str]:
        """What is down, and why; at first as an earlier process left it."""
        if self._down is None:
            found = [one for one in await self._health.all() if one.name.startswith(_PART)]
            self._down = {one.name.removeprefix(_PART): one.why for one in found if one.down_since}
        return self._down

    def _part(self, source: str) -> PartHealth:
        return PartHealth(f"{_PART}{source}", self._health, self._wake_notifiers)
