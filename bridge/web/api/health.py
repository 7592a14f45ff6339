"""What monitoring asks: whether the daemon is alive (`/healthz`) and ready (`/readyz`), and its metrics."""

import math
from typing import Final

import anyio
from prometheus_client import generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.runtime.clock import system_clock
from bridge.runtime.metrics import DOWN, REGISTRY
from bridge.store.base import Store
from bridge.store.values import HealthRecord
from bridge.web.api.answers import json_answer
from bridge.web.api.documents import when

READY_SECONDS: Final = 1.0
"""However often `/readyz` is asked, it writes to the store only once in this time."""


class HealthApi:
    """The views for monitoring; they need no token and show no reasons."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._probe = anyio.Lock()
        self._wrote_at = -math.inf
        self.routes = [
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
        ]

    async def healthz(self, _request: Request) -> Response:
        """Alive: the loop answers and the store's writer works. Names builders and channels that are down."""
        alive = self._store.beating
        down = [health.name for health in await self._store.health.all() if health.down_since is not None]
        status = "dead" if not alive else "degraded" if down else "ok"
        return json_answer({"status": status, "down": down}, 200 if alive else 503)

    async def readyz(self, _request: Request) -> Response:
        """Ready: the store takes a write now, or took one within the last second."""
        async with self._probe:
            if anyio.current_time() - self._wrote_at >= READY_SECONDS:
                # Each time another text: SQLite does not write a row that stays the same.
                why = f"it took a write at {when(system_clock())}"
                await self._store.health.set(HealthRecord(name="store", why=why))
                self._wrote_at = anyio.current_time()
        return json_answer({"status": "ready"})

    async def metrics(self, _request: Request) -> Response:
        """The metrics in the text format of Prometheus."""
        for health in await self._store.health.all():
            DOWN.labels(health.name).set(health.down_since is not None)
        return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4; charset=utf-8")
