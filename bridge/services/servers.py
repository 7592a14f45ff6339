"""The build servers of a configuration: builders on one server share its circuit and its hints."""

from collections import defaultdict
from collections.abc import Callable, Mapping

from bridge.config.loader import ConfiguredAdapter
from bridge.runtime.clock import Clock
from bridge.services.health import BuilderHealth, Circuit
from bridge.store.base import Health


class Servers:
    """The server of each builder, by the builder's name."""

    def __init__(
        self,
        builders: Mapping[str, ConfiguredAdapter],
        health: Health,
        clock: Clock,
        wake_notifiers: Callable[[], None],
    ) -> None:
        self._health = health
        self._wake_notifiers = wake_notifiers
        self._server_of = {name: adapter.server or name for name, adapter in builders.items()}
        self._circuits = {name: Circuit(clock) for name in self._server_of.values()}
        self._hinted: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)

    def health(self, builder: str) -> BuilderHealth:
        """The health of a builder, with the circuit of its server."""
        circuit = self._circuits[self._server_of[builder]]
        return BuilderHealth(builder, self._health, circuit, self._wake_notifiers)

    def add(self, builder: str, on_hint: Callable[[], None]) -> None:
        """Call `on_hint` at each hint of the builder's server."""
        self._hinted[self._server_of[builder]].append(on_hint)

    def hint(self, builder: str) -> None:
        """The builder's server says that something has changed."""
        for on_hint in self._hinted[self._server_of[builder]]:
            on_hint()
