"""The contract of a service: one duty, done in rounds, for as long as the daemon runs.

A service is woken by a hand-over of another part (`on_stored=dispatcher.wake`), by its tick, which makes up
for a hand-over that was lost, or at the time that its last round asked for. Ticks count in wall time; when a
clock that was set back holds them up, the service goes on by itself. Each round looks at the store for
what there is to do, so that it does not matter who woke it, how often, or whether the process is a new one.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
import structlog

from bridge.errors import StoreDied, StoreError
from bridge.runtime.events import LogEvent
from bridge.runtime.wakeups import Wakeup, ticking

log = structlog.get_logger()

FINISH_SECONDS: Final = 5.0
"""How long all services together may take to finish what they have in hand."""
RETRY_SECONDS: Final = 1.0
"""After a round that the store failed."""
SHORTEST_WAIT: Final = 0.01
TICK_PATIENCE: Final = 1.5
"""How many ticks a service waits for its next one.

Over one: a tick is late by some milliseconds, and a service that does not wait for it does its round twice.
"""


class Service(ABC):
    """One duty of the daemon; `name` stands in the log."""

    tick: float = 1.0
    """Seconds after which it is woken without a hand-over; half as many again while no tick comes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wakeup = Wakeup()
        self._store_error: str | None = None

    @abstractmethod
    async def round(self) -> float | None:
        """Do all that is due; in how many seconds something will be, None if nothing is known to be.

        A StoreError, alone or in a group, ends the round and not the service: the next one begins in a
        second. Any other error ends the daemon, which a supervisor starts again.
        """

    def wake(self) -> None:
        """Begin another round, when this one has ended. Never blocks; a repeat changes nothing."""
        self.wakeup.wake()

    async def run(self) -> None:
        """Do round after round, until cancelled. Raises StoreDied, and what `round` raises but StoreError."""
        while True:
            wait = await self._supervised_round()
            await self.wakeup.wait(self._bounded(wait))

    async def finish(self) -> None:  # noqa: B027  # most rounds can be cut short and repeated
        """Begin nothing else; returns when what is in hand is on disk. The service still runs meanwhile."""

    async def _supervised_round(self) -> float | None:
        wait: float | None = RETRY_SECONDS
        try:
            wait = await self.round()
        except* StoreDied:
            raise
        except* StoreError as errors:
            self._store_failed(str(_first(errors)))
        else:
            self._store_works()
        return wait

    def _bounded(self, wait: float | None) -> float:
        longest = self.tick * TICK_PATIENCE
        return longest if wait is None else min(max(wait, SHORTEST_WAIT), longest)

    def _store_failed(self, error: str) -> None:
        """One line for each outage, however many rounds it costs."""
        if error != self._store_error:
            log.error(LogEvent.STORE_WRITE_FAILED, by=self.name, error=error)
        self._store_error = error

    def _store_works(self) -> None:
        if self._store_error is not None:
            log.info(LogEvent.STORE_RESTORED, by=self.name)
        self._store_error = None


def _first(errors: BaseExceptionGroup[StoreError]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class HandOver:
    """Wakes its receivers; one that is built later, such as one that hands over in turn, is added later."""

    def __init__(self, *receivers: Service) -> None:
        self._receivers = list(receivers)

    def add(self, *receivers: Service) -> None:
        self._receivers += receivers

    def __call__(self) -> None:
        for service in self._receivers:
            service.wake()


@asynccontextmanager
async def running(services: Sequence[Service]) -> AsyncIterator[None]:
    """All services at work, side by side; at the end they finish what they have in hand, within 5 seconds.

    A service that fails cancels the block and the others.
    """
    async with anyio.create_task_group() as tasks:
        with ticking({service.wakeup: service.tick for service in services}):
            for service in services:
                tasks.start_soon(service.run, name=service.name)
            yield
            with anyio.move_on_after(FINISH_SECONDS):
                async with anyio.create_task_group() as finishing:
                    for service in services:
                        finishing.start_soon(service.finish)
            # Each service shields what it must still record; the rest can be repeated.
            tasks.cancel_scope.cancel()
