"""Room for builds: none starts while a disk that it would fill is nearly full."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from anyio import to_thread

from bridge.config.outline import Outline
from bridge.runtime.clock import Clock
from bridge.runtime.disk import free_bytes, same_disk, size_text
from bridge.services.health import DISK, PartHealth
from bridge.store.health import Health

RESTORE_SECONDS: Final = 60.0
"""Room that is there for so long is reported: a build that ends gives some, and the next one takes it."""


class Room:
    """The free space of the disk of one folder; a change is reported once.

    A disk that is that of the folder `beside`, too, has a room already: this one is never short then.
    """

    def __init__(
        self, folder: Path, min_free: int, part: PartHealth, clock: Clock, beside: Path | None = None
    ) -> None:
        self.why = f"less than {size_text(min_free)} are free on the disk of {folder}: no build starts"
        self._folder = folder
        self._min_free = min_free
        self._part = part
        self._clock = clock
        self._beside = beside
        self._reported: bool | None = None
        self._enough_since: float | None = None

    async def is_short(self) -> bool:
        return self._min_free > 0 and await to_thread.run_sync(self._is_short)

    def _is_short(self) -> bool:
        try:
            if self._beside is not None and same_disk(self._folder, self._beside):
                return False
            return free_bytes(self._folder) < self._min_free
        except OSError:
            # What is wrong with it shows in the first build.
            return False

    async def report(self, *, short: bool) -> None:
        """Record what was measured. Raises StoreError."""
        if short:
            self._enough_since = None
            if self._reported is not True:
                await self._part.degrade(self.why)
                self._reported = True
        elif self._reported is not False:
            if self._enough_since is None:
                self._enough_since = self._clock()
            if self._reported is None or self._clock() - self._enough_since >= RESTORE_SECONDS:
                await self._part.restore("there is room again")
                self._reported = False


class Rooms:
    """The rooms of builders: builds of every one fill the disk of the store, at least with their logs."""

    def __init__(
        self, config: Outline, health: Health, clock: Clock, wake_notifiers: Callable[[], None]
    ) -> None:
        self._store_folder = config.state_path.parent
        self._min_free = config.settings.store.min_free
        self._health = health
        self._clock = clock
        self._wake_notifiers = wake_notifiers
        self._of_store = self._room(self._store_folder, DISK)

    def of_builder(self, name: str, folder: Path | None) -> list[Room]:
        """Those that a build needs; `folder` is where the builder's builds fill a disk of this machine."""
        if folder is None:
            return [self._of_store]
        return [self._of_store, self._room(folder, f"{DISK}:{name}", beside=self._store_folder)]

    def _room(self, folder: Path, part: str, beside: Path | None = None) -> Room:
        health = PartHealth(part, self._health, self._wake_notifiers)
        return Room(folder, self._min_free, health, self._clock, beside)
