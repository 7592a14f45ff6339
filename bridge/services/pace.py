"""How soon the builds of one builder are looked at again.

The builder's own interval is the longest wait. It is shortened while some build has just begun, is about as
old as its repository's builds usually become, or after a hint that something has changed.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from bridge.model.build import Build
from bridge.runtime.clock import Clock, Pause
from bridge.store.base import Builds

SHORTENED: Final = 0.2
"""The short wait, as a part of the long one."""
SHORTEST_SECONDS: Final = 1.0
YOUNG_SECONDS: Final = 30.0
"""Many a build ends before this age."""
NEAR_END: Final = 0.1
"""How far from its usual duration a build is near its end, as a part of that."""
HINT_SECONDS: Final = 10.0
"""A server may say that a build has ended before it shows this itself."""
SHARE: Final = 0.1
"""The part of the time that polls may take."""
_JITTER: Final = 0.1


class Pace:
    """The waits between the polls of one builder; `longest` is its own interval, in seconds."""

    def __init__(self, longest: float, builds: Builds, clock: Clock) -> None:
        self._longest = longest
        self._builds = builds
        self._clock = clock
        self._hinted = Pause(clock)
        self._usual: dict[str, float | None] = {}
        self._took = 0.0

    def hint(self) -> None:
        """A build may have changed."""
        self._hinted.begin(HINT_SECONDS)

    async def learn(self, builds: Sequence[Build]) -> None:
        """Look up how long builds like these usually take, once for each."""
        usual = {build.run_id: self._usual.get(build.run_id) for build in builds}
        for build in builds:
            if build.run_id not in self._usual:
                usual[build.run_id] = await self._builds.usual_seconds(build)
        self._usual = usual

    def polled(self, seconds: float) -> None:
        """The last poll took so long."""
        self._took = seconds

    def wait(self, builds: Iterable[Build], random: Callable[[], float] = random.random) -> float:
        """Seconds until these builds are to be looked at again; `random` is in [0, 1)."""
        wait = self._longest
        if self._hinted.left:
            wait = SHORTEST_SECONDS
        elif any(map(self._soon, builds)):
            wait *= SHORTENED
        wait = min(max(SHORTEST_SECONDS, wait, self._took / SHARE), self._longest)
        # Never over the interval: that is what was promised.
        return wait * (1.0 - _JITTER * random())

    def _soon(self, build: Build) -> bool:
        """Whether the build may well end during the long wait."""
        begun = build.started_at or build.triggered_at
        if begun is None:
            return False
        age, usual = self._clock() - begun, self._usual.get(build.run_id)
        return age < YOUNG_SECONDS or (
            usual is not None and abs(age - usual) <= max(usual * NEAR_END, self._longest)
        )
