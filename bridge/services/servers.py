"""The build servers: builders on one server share its circuit and its hints."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.runtime.clock import Clock
from bridge.services.health import BuilderHealth, Circuit
from bridge.store.health import Health


@dataclass(frozen=True, slots=True)
class _Joined:
    """A builder with its server's name, its health, and whom a hint of the server wakes."""

    server: str
    health: BuilderHealth
    on_hint: Callable[[], None]


class Servers:
    """The servers of the builders that have joined, by the builders' names."""

    def __init__(self, health: Health, clock: Clock, wake_notifiers: Callable[[], None]) -> None:
        self._health = health
        self._clock = clock
        self._wake_notifiers = wake_notifiers
        self._joined: dict[str, _Joined] = {}

    def health(self, builder: str, server: str) -> BuilderHealth:
        """The health of a builder that is about to join, with the circuit of its server."""
        others = (one.health.circuit for one in self._joined.values() if one.server == server)
        circuit = next(others, None) or Circuit(self._clock)
        return BuilderHealth(builder, self._health, circuit, self._wake_notifiers)

    def join(self, builder: str, server: str, health: BuilderHealth, on_hint: Callable[[], None]) -> None:
        """Call `on_hint` at each hint of the builder's server."""
        self._joined[builder] = _Joined(server, health, on_hint)

    def leave(self, builder: str) -> None:
        self._joined.pop(builder).health.forget()

    def hint(self, builder: str) -> bool:
        """The builder's server says that something has changed; whether the builder has joined."""
        if (hinted := self._joined.get(builder)) is None:
            return False
        for one in self._joined.values():
            if one.server == hinted.server:
                one.on_hint()
        return True
