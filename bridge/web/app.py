"""The ASGI application: deliveries go to the receiver, everything else to the views of the APIs."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.errors import StoreError
from bridge.rules.diff import Changes
from bridge.store.base import Store
from bridge.web.api.answers import http_failure, store_failure
from bridge.web.api.auth import Tokens
from bridge.web.api.health import HealthApi
from bridge.web.api.own import OwnApi


class Dialect(Protocol):
    """One API: the routes of its views."""

    @property
    def routes(self) -> Sequence[Route]: ...


def make_api(
    store: Store,
    *,
    tokens: Sequence[str],
    reload: Callable[[], Awaitable[Changes]],
    public_url: str | None = None,
) -> Starlette:
    """All views; `reload` loads the rules on disk and raises ConfigError for faults."""
    known = Tokens(tokens)
    dialects: list[Dialect] = [
        HealthApi(store),
        OwnApi(store.deliveries, store.builds, tokens=known, reload=reload, public_url=public_url),
    ]
    return Starlette(
        routes=[route for dialect in dialects for route in dialect.routes],
        exception_handlers={HTTPException: http_failure, StoreError: store_failure},  # type: ignore[dict-item]
    )


def make_app(receiver: ASGIApp, api: ASGIApp) -> ASGIApp:
    """Both behind one address; deliveries are the hot path, so they do not go through the router."""

    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        chosen = receiver if scope["path"].startswith("/hooks/") else api
        return chosen(scope, receive, send)

    return app
