"""Prints the timeline of each delivery while it grows, each entry once."""

from collections.abc import Callable
from typing import Final

import anyio

from bridge.demo.progress import DeliveryProgress, ProgressReader, TimelineEntry, timeline
from bridge.demo.screen import Screen
from bridge.model.build import BuildState
from bridge.rules.match import RuleSet

_CHECK_SECONDS: Final = 0.03


class TimelinePrinter:
    """The timelines of all pushes; `check` raises when the demo cannot go on."""

    def __init__(
        self, reader: ProgressReader, rules: RuleSet, screen: Screen, check: Callable[[], None]
    ) -> None:
        self._reader = reader
        self._rules = rules
        self._screen = screen
        self._check = check
        self._begun: dict[str, float] = {}
        self._printed: dict[str, set[TimelineEntry]] = {}
        self._last: str | None = None

    async def follow(self, since: float, seconds: float) -> DeliveryProgress | None:
        """Print the next new delivery to its end, for at most `seconds`.

        `since` is when its push began, in Unix seconds.
        """
        progress = None
        with anyio.move_on_after(seconds):
            while progress is None or not progress.done:
                progress = next(
                    (one for one in await self._read_new(since) if one.id == self._last), progress
                )
                self._check()
                await anyio.sleep(_CHECK_SECONDS)
        return progress

    async def follow_all(self) -> None:
        """Print every delivery until cancelled; times count from its reception."""
        while True:
            await self._read_new(None)
            self._check()
            await anyio.sleep(_CHECK_SECONDS)

    async def _read_new(self, since: float | None) -> list[DeliveryProgress]:
        deliveries = [progress for progress in await self._reader.read() if progress.decided]
        for progress in deliveries:
            self._print(progress, since)
        return deliveries

    def _print(self, progress: DeliveryProgress, since: float | None) -> None:
        printed = self._printed.setdefault(progress.id, set())
        if fresh := [
            entry for entry in timeline(progress, self._rules, self._screen.tell) if entry not in printed
        ]:
            if since is None and progress.id != self._last:
                what = "A push of {refs}, continued" if printed else "A push of {refs}"
                self._screen.heading(self._screen.tell(what, refs=progress.title))
            self._last = progress.id
            begun = self._begun.setdefault(progress.id, since or progress.row.delivery.received_at)
            for entry in fresh:
                self._screen.entry(entry, begun)
            printed.update(fresh)
        # No new entry may mark the end: the robot has the message before the store records it.
        if progress.done:
            self._show_failures(progress)
            del self._printed[progress.id], self._begun[progress.id]

    def _show_failures(self, progress: DeliveryProgress) -> None:
        for notice in progress.notices:
            if notice.accepted and any(build.state is BuildState.FAILED for build in progress.builds):
                self._screen.message(notice.accepted)
