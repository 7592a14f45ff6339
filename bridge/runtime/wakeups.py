"""Wake-ups: by a hand-over, or by APScheduler, whose jobs only set the event that a service waits for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import anyio

from bridge.runtime import memory

with memory.emptied("apscheduler.executors.pool"):  # for jobs in threads and processes
    from apscheduler.executors.debug import DebugExecutor
    from apscheduler.job import Job
    from apscheduler.schedulers.asyncio import AsyncIOScheduler


class Wakeup:
    """An event to wait for. Any number of wake-ups before or during the wait end it once."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def wake(self) -> None:
        self._event.set()

    async def wait(self, seconds: float | None = None) -> None:
        """Until it was woken since the last wait, or `seconds` have passed."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event = anyio.Event()


_NEVER_LATE: Final = None


class Ticks:
    """Wakes each of what was added every so many seconds, while `running`."""

    def __init__(self) -> None:
        # An executor that calls in the loop, at once: any other has jobs on their way when it ends, and logs
        # an error with a traceback for each.
        self._scheduler = AsyncIOScheduler(timezone="UTC", executors={"default": DebugExecutor()})
        self._jobs: dict[Wakeup, Job] = {}

    def add(self, wakeup: Wakeup, seconds: float) -> None:
        self._jobs[wakeup] = self._scheduler.add_job(
            wakeup.wake,
            "interval",
            seconds=seconds,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=_NEVER_LATE,
        )

    def remove(self, wakeup: Wakeup) -> None:
        self._jobs.pop(wakeup).remove()

    @contextmanager
    def running(self) -> Iterator[None]:
        self._scheduler.start()
        try:
            yield
        finally:
            self._scheduler.shutdown(wait=False)
