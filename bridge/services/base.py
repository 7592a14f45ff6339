"""The contract of a service: one duty, done in rounds, for as long as the daemon runs.

A service is woken by a hand-over of another part (`on_stored=dispatcher.wake`), by its tick, which makes up
for a hand-over that was lost, or at the time that its last round asked for; one whose work waits in the store
also when anything was written there. Ticks count in wall time; when a clock that was set back holds them up,
the service goes on by itself. Each round looks at the store for what there is to do, so that it does not
matter who woke it, how often, or whether the process is a new one.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

import anyio
import structlog
from anyio.abc import TaskGroup

from bridge.errors import StoreDied, StoreError
from bridge.runtime.events import LogEvent
from bridge.runtime.wakeups import Ticks, Wakeup

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


class StoreFollower(Service):
    """A service whose work waits in the store: it is woken when anything was written there, by any process.

    What time alone makes due it looks for when its last round asked to, and with each tick.
    """

    tick = 5.0


class Wakes(Protocol):
    """A service, or who has services."""

    def wake(self) -> None: ...


class HandOver:
    """Wakes its receivers; one that is built later, such as one that hands over in turn, is added later."""

    def __init__(self, *receivers: Wakes) -> None:
        self._receivers = list(receivers)

    def add(self, *receivers: Wakes) -> None:
        self._receivers += receivers

    def __call__(self) -> None:
        for one in self._receivers:
            one.wake()


class Crew:
    """Services at work side by side, which may join and leave. One that fails cancels all others."""

    def __init__(self) -> None:
        self._ticks = Ticks()
        self._tasks: TaskGroup | None = None
        self._at_work: dict[Service, _AtWork] = {}

    @asynccontextmanager
    async def running(self, services: Sequence[Service]) -> AsyncIterator[None]:
        """These services at work, and those that join; at the end all finish what they have in hand.

        They have 5 seconds for that. A service that fails cancels the block.
        """
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            with self._ticks.running():
                self.join(*services)
                yield
                # Nobody joins any more, since everyone is to leave.
                self._tasks = None
                await _finish(self._at_work)
                # Each service shields what it must still record; the rest can be repeated.
                tasks.cancel_scope.cancel()

    def join(self, *services: Service) -> None:
        """Begin to work. Does nothing while all services are being ended."""
        if self._tasks is None:
            return
        for service in services:
            self._at_work[service] = at_work = _AtWork(service)
            self._ticks.add(service.wakeup, service.tick)
            self._tasks.start_soon(at_work.run, name=service.name)

    def wake_followers(self) -> None:
        """Something was written to the store."""
        for service in self._at_work:
            if isinstance(service, StoreFollower):
                service.wake()

    def leave(self, services: Sequence[Service], on_left: Callable[[], None]) -> None:
        """Have services finish what they have in hand, within 5 seconds, and end; then call `on_left`.

        Does nothing while all services are being ended.
        """
        if self._tasks is not None:
            self._tasks.start_soon(self._leave, services, on_left)

    async def _leave(self, services: Sequence[Service], on_left: Callable[[], None]) -> None:
        leaving = {service: self._at_work[service] for service in services}
        await _finish(leaving)
        for service, one in leaving.items():
            self._ticks.remove(service.wakeup)
            del self._at_work[service]
            one.scope.cancel()
        # A call in a thread cannot be cut short.
        for one in leaving.values():
            await one.ended.wait()
        on_left()


class _AtWork:
    """A service at work, until `scope` is cancelled and it has `ended`."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()

    async def run(self) -> None:
        with self.scope:
            try:
                await self._service.run()
            finally:
                self.ended.set()


async def _finish(services: Collection[Service]) -> None:
    with anyio.move_on_after(FINISH_SECONDS):
        async with anyio.create_task_group() as finishing:
            for service in services:
                finishing.start_soon(service.finish)
