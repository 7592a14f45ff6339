"""The ASGI application: deliveries, hints, monitoring, and all else for the API."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio
from anyio import to_thread
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.config.settings import Settings
from bridge.runtime.clock import Clock
from bridge.store.base import Store
from bridge.web.api.answers import FAILURES
from bridge.web.api.health import HealthApi
from bridge.web.metrics import MetricsView, StoreCollector
from bridge.web.wake import PATH


class Api(Protocol):
    """An application some of whose answers are streams."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def close(self) -> None:
        """End the streams: a server that stops does not wait for them."""


class OnFirstCall:
    """An API that is made when it is first called: one that no one uses takes no memory."""

    def __init__(self, make: Callable[[], Api]) -> None:
        self._make = make
        self._app: Api | None = None
        self._making = anyio.Lock()
        self._closed = False

    def close(self) -> None:
        self._closed = True
        if self._app is not None:
            self._app.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._making:
            if self._app is None:
                self._app = await to_thread.run_sync(self._make)
                if self._closed:  # meanwhile
                    self._app.close()
        await self._app(scope, receive, send)


def make_app(
    store: Store, receiver: ASGIApp, wake: ASGIApp, api: ASGIApp, *, settings: Settings, clock: Clock
) -> ASGIApp:
    """All behind one address; deliveries are the hot path, so they do not go through the router."""
    health = HealthApi(store)
    metrics = MetricsView(StoreCollector(store, clock, health.store_fault), settings, clock)
    routes = [*health.routes, Route("/metrics", metrics.show)]
    monitoring = Starlette(routes=routes, exception_handlers=FAILURES)
    paths = {route.path for route in routes}

    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        path: str = scope["path"]
        if path.startswith("/hooks/"):
            return receiver(scope, receive, send)
        chosen = wake if path.startswith(PATH) else monitoring if path in paths else api
        return chosen(scope, receive, send)

    return app
