"""What monitoring asks: whether the daemon is alive (`/healthz`) and ready (`/readyz`)."""

import math
from typing import Final

import anyio
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.errors import StoreError
from bridge.runtime.clock import system_clock, when
from bridge.runtime.events import LogEvent
from bridge.store.base import Store
from bridge.web.api.answers import json_answer

log = structlog.get_logger()

STORE: Final = "store"
READY_SECONDS: Final = 1.0
"""However often the daemon is asked, it writes to the store only once in this time."""
PATIENCE_SECONDS: Final = 3.0
"""A store that takes no write for so long cannot be used now: who asks does not wait much longer."""

_DEAD: Final = "the store's writer does not show that it lives: start the daemon again"


class HealthApi:
    """The views for monitoring; they need no token, and show reasons of the store only."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._probe = anyio.Lock()
        self._wrote_at = -math.inf
        self._probes = 0
        self._fault: StoreError | None = None
        self.routes = [
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
        ]

    async def healthz(self, _request: Request) -> Response:
        """Healthy: the store is alive, and takes deliveries, as when ready. Names what else is down.

        Without the store no delivery is accepted: that is 503, with the reason. What else is down delays
        builds or notices but loses nothing: that is 200.
        """
        fault = await self.store_fault()
        try:
            down = [health.name for health in await self._store.health.all() if health.down_since is not None]
        except StoreError as error:
            fault, down = error, []
        if not self._store.beating or self._store.death is not None:
            return json_answer({"status": "dead", "down": [*down, STORE], "reason": str(fault or _DEAD)}, 503)
        if fault is not None:
            return json_answer({"status": "degraded", "down": [*down, STORE], "reason": str(fault)}, 503)
        return json_answer({"status": "degraded" if down else "ok", "down": down})

    async def readyz(self, _request: Request) -> Response:
        """Ready: the store takes deliveries now, or took a write like theirs within the last second."""
        if (fault := await self.store_fault()) is not None:
            raise fault
        return json_answer({"status": "ready"})

    async def store_fault(self) -> StoreError | None:
        """Why the store takes no write now; a write that was made for another request shows it, too."""
        before = self._probes
        async with self._probe:
            if self._probes == before and anyio.current_time() - self._wrote_at >= READY_SECONDS:
                fault = await self._write()
                if fault is None:
                    self._wrote_at = anyio.current_time()
                    if self._fault is not None:
                        log.info(LogEvent.STORE_RESTORED, by="health")
                elif self._fault is None:
                    log.error(LogEvent.STORE_WRITE_FAILED, by="health", error=str(fault))
                self._fault = fault
                self._probes += 1
            return self._fault

    async def _write(self) -> StoreError | None:
        # Each time another text: SQLite does not write a row that stays the same.
        why = f"it took a write at {when(system_clock())}"
        try:
            with anyio.fail_after(PATIENCE_SECONDS):
                await self._store.health.prove(STORE, why)
        except TimeoutError:
            return StoreError(f"the store took no write for {PATIENCE_SECONDS:g} s")
        except StoreError as error:
            return error
        return None
