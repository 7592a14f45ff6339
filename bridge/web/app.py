"""The ASGI application: deliveries, hints, monitoring, and all else for the API and the pages."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import anyio
from anyio import to_thread
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.config.settings import Settings
from bridge.runtime import memory
from bridge.runtime.clock import Clock
from bridge.store.base import Store
from bridge.web.api.answers import FAILURES
from bridge.web.api.health import HealthApi
from bridge.web.metrics import MetricsView, StoreCollector
from bridge.web.receiver import Receiver
from bridge.web.wake import PATH, WakeView

with memory.emptied("html"):  # for pages about faults, which only debugging shows
    from starlette.applications import Starlette

_TOO_MANY: Final = ("//hooks/", f"/{PATH}")
"""What hosts send to an address with a slash at its end. Of others a proxy may have closed `/metrics`."""


_NO_DELIVERIES: Final = PlainTextResponse(
    "This node takes no deliveries: send them to another one.\n", 503, {"Retry-After": "5"}
)


class Views(Protocol):
    """An application some of whose answers are streams."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def close(self) -> None:
        """End the streams: a server that stops does not wait for them."""


def made_of(settings: Settings) -> tuple[object, ...]:
    """What of a configuration the API and the pages are made of."""
    server = settings.server
    adapters = settings.sources, settings.builders, settings.channels
    of_server = server.public_url, server.trusted_proxies, server.sign_in
    return settings.api, settings.language, *of_server, *adapters


class OnFirstCall:
    """Views that are made when one is first called: those that no one uses take no memory."""

    def __init__(self, make: Callable[[], Views]) -> None:
        self._make = make
        self._app: Views | None = None
        self._making = anyio.Lock()
        self._made_for = object()
        """Another one for each `renew`."""
        self._closed = False

    def close(self) -> None:
        self._closed = True
        if self._app is not None:
            self._app.close()

    def renew(self) -> None:
        """Make it anew for the next call. Calls under way go on, but streams end: their clients come back."""
        self._made_for = object()
        if self._app is not None:
            self._app.close()
            self._app = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._making:
            while (app := self._app) is None:
                wanted = self._made_for
                made = await to_thread.run_sync(self._make)
                if wanted is self._made_for:
                    self._app = made
                if self._closed:  # meanwhile
                    made.close()
        await app(scope, receive, send)


class App:
    """All behind one address; deliveries are the hot path, so they do not go through the router.

    One that does not receive sends deliveries away. `receiver` and `wake` are replaced with the
    configuration: a request goes on with what it began with.
    """

    def __init__(
        self,
        store: Store,
        receiver: Receiver,
        wake: WakeView,
        site: ASGIApp,
        *,
        settings: Settings,
        clock: Clock,
        receives: bool = True,
    ) -> None:
        self._receives = receives
        self.receiver = receiver
        self.wake = wake
        self._site = site
        health = HealthApi(store)
        self.metrics = MetricsView(StoreCollector(store, clock, health.store_fault), settings, clock)
        routes = [*health.routes, Route("/metrics", self.metrics.show)]
        self._monitoring = Starlette(routes=routes, exception_handlers=FAILURES)
        self._monitoring.router.redirect_slashes = False
        self._monitored = {route.path for route in routes}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        path: str = scope["path"]
        if path.startswith(_TOO_MANY):
            path = scope["path"] = f"/{path.lstrip('/')}"
        if path.startswith("/hooks/"):
            return (self.receiver if self._receives else _NO_DELIVERIES)(scope, receive, send)
        if path.startswith(PATH):
            return self.wake(scope, receive, send)
        chosen = self._monitoring if path in self._monitored else self._site
        return chosen(scope, receive, send)
