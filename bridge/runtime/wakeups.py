"""Wake-ups: by a hand-over, or by APScheduler, whose jobs only set the event that a service waits for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import anyio
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


@contextmanager
def ticking(wakeups: dict[Wakeup, float]) -> Iterator[None]:
    """Wake each of them every so many seconds, while the block runs."""
    scheduler = AsyncIOScheduler(timezone="UTC")

    async def tick(wakeup: Wakeup) -> None:  # a coroutine runs in the loop, a function in a thread
        wakeup.wake()

    for wakeup, seconds in wakeups.items():
        scheduler.add_job(
            tick,
            "interval",
            [wakeup],
            seconds=seconds,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=_NEVER_LATE,
        )
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
