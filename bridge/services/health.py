"""The health of builders and channels, as the services that call them report it."""

from collections import defaultdict
from collections.abc import Callable
from typing import Final, Literal

import structlog

from bridge.runtime.clock import Clock, Pause
from bridge.runtime.events import LogEvent
from bridge.runtime.retry import Backoff, bounded
from bridge.store.health import Health

log = structlog.get_logger()

DENIED: Final = Backoff((60.0, 300.0, 900.0, 1800.0))
"""The pauses between two calls with a credential that is not accepted: some servers lock an account out."""

DISK: Final = "disk"
"""The part that is the disk of the store; `disk:NAME` is that of the builds of a builder."""

RULES: Final = "rules"
"""The part that is bridge.yaml and the rules on disk: down while they have faults; what was good stays."""
RULES_RESTORED: Final = "the rules on disk are good again, and in force"
CONFIGURATION: Final = "configuration"
"""The part that is bridge.yaml: down while a change of it waits for a restart."""
CONFIGURATION_RESTORED: Final = "nothing in bridge.yaml waits for a restart"

Caller = Literal["trigger", "poll"]


class PartHealth:
    """The health of the builder or channel that a service works for.

    A change is on disk with its notices, then it is logged and wakes the notifiers.
    """

    def __init__(self, part: str, health: Health, wake_notifiers: Callable[[], None]) -> None:
        self._part = part
        self._health = health
        self._wake_notifiers = wake_notifiers

    async def restore(self, why: str) -> None:
        """It works."""
        if await self._health.restore(self._part, why):
            log.info(LogEvent.SERVICE_RESTORED, service=self._part)
            self._wake_notifiers()

    async def degrade(self, why: str, *, pause: float = 0.0, failing: str = "") -> None:
        """It does not work, and is paused for `pause` seconds."""
        if await self._health.degrade(self._part, why, pause=pause, failing=failing):
            log.warning(LogEvent.SERVICE_DEGRADED, service=self._part, reason=why)
            self._wake_notifiers()


class _Denials:
    """The pauses after calls whose credential is not accepted. Several that were under way are one denial."""

    def __init__(self, clock: Clock) -> None:
        self.pause = Pause(clock)
        self.count = 0

    def add(self) -> None:
        if not self.pause.left:
            self.count += 1
            self.pause.begin(DENIED.wait(self.count))


class Circuit:
    """Whether a build server may be called: what triggers, polls, reads logs and cancels waits as one.

    All builders on one server share it. One of them waits alone where it is denied what the server has
    accepted of another one since it was denied first: so it is not the credential.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all = _Denials(clock)
        self._alone: dict[str, _Denials] = {}
        self._denied: defaultdict[str, set[Caller]] = defaultdict(set)

    @property
    def pause(self) -> float:
        """Seconds for which no one should call the server."""
        return self._all.pause.left

    def pause_of(self, builder: str) -> float:
        """Seconds for which this builder should not."""
        alone = self._alone.get(builder)
        return max(self.pause, alone.pause.left if alone else 0.0)

    def rest(self, seconds: float) -> None:
        """The server asks for a pause."""
        self._all.pause.begin(max(self.pause, bounded(seconds)))

    def denied(self, builder: str, call: Caller) -> None:
        """It does not accept our credential for such a call."""
        self._denied[builder].add(call)
        self._alone.get(builder, self._all).add()

    def accepted(self, builder: str, call: Caller) -> None:
        """It does."""
        for other, denied in self._denied.items():
            if call in denied and other != builder:
                self._alone.setdefault(other, _Denials(self._clock))

    def forget(self, builder: str) -> None:
        """It is not called any more as it was: what was denied to it says nothing of who comes after it."""
        self._alone.pop(builder, None)
        if self._denied.pop(builder, None):
            self._all = _Denials(self._clock)

    def recovered(self, builder: str) -> None:
        """Nothing is denied to this builder any more."""
        self._all.count = 0
        self._alone.pop(builder, None)
        self._denied.pop(builder, None)


class BuilderHealth(PartHealth):
    """A builder is down while calls of either kind fail: one that shows its builds may take no new ones."""

    def __init__(
        self, name: str, health: Health, circuit: Circuit, wake_notifiers: Callable[[], None]
    ) -> None:
        super().__init__(f"builder:{name}", health, wake_notifiers)
        self.circuit = circuit
        self._failing: set[str] | None = None

    def forget(self) -> None:
        """The builder is called no more with these settings."""
        self.circuit.forget(self._part)

    @property
    def pause(self) -> float:
        """Seconds for which this builder should not call its server."""
        return self.circuit.pause_of(self._part)

    async def is_down(self) -> bool:
        return (await self._health.get(self._part)).down_since is not None

    async def failed(self, by: Caller, why: str, *, denied: bool = False) -> None:
        """A call failed for a reason that is not in one build."""
        failing = await self._known_failing()
        failing.add(by)
        if denied:
            self.circuit.denied(self._part, by)
        await self.degrade(why, failing=",".join(sorted(failing)))

    async def worked(self, by: Caller) -> None:
        """A call succeeded. That of a poll ends only an outage that polls alone have found."""
        self.circuit.accepted(self._part, by)
        failing = await self._known_failing()
        if by == "poll" and failing != {"poll"}:
            return
        failing.clear()
        self.circuit.recovered(self._part)
        await self.restore("it answers again")

    async def _known_failing(self) -> set[str]:
        """The kinds of calls that fail; at first those of before the start."""
        if self._failing is None:
            self._failing = set(filter(None, (await self._health.get(self._part)).failing.split(",")))
        return self._failing
