"""The ASGI application: deliveries go to the receiver, everything else to the views of the APIs."""

from collections.abc import Awaitable
from typing import Final

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.errors import StoreError
from bridge.store.base import Store
from bridge.web.api.answers import http_failure, json_answer, store_failure
from bridge.web.api.core.repositories import RepositoryAccess, RuleKeeper
from bridge.web.api.events import Events
from bridge.web.api.health import HealthApi
from bridge.web.api.openapi import openapi
from bridge.web.api.operation import Dialect, KnowsCallers
from bridge.web.api.own import OwnApi

DIALECTS: Final = (OwnApi,)


def make_api(
    store: Store,
    callers: KnowsCallers,
    events: Events,
    *,
    keeper: RuleKeeper,
    public_url: str | None = None,
) -> Starlette:
    """All views; `callers` tells who calls, `keeper` holds the rules in force."""
    dialects: list[Dialect] = [
        OwnApi(
            callers,
            store,
            events,
            repositories=RepositoryAccess(keeper),
            reload=keeper.reload,
            public_url=public_url,
        ),
    ]

    async def document(_request: Request) -> Response:
        return json_answer(await to_thread.run_sync(openapi, DIALECTS))

    return Starlette(
        routes=[
            *HealthApi(store).routes,
            Route("/openapi.json", document),
            *(route for dialect in dialects for route in dialect.routes),
        ],
        exception_handlers={HTTPException: http_failure, StoreError: store_failure},  # type: ignore[dict-item]
    )


def make_app(receiver: ASGIApp, api: ASGIApp) -> ASGIApp:
    """Both behind one address; deliveries are the hot path, so they do not go through the router."""

    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        chosen = receiver if scope["path"].startswith("/hooks/") else api
        return chosen(scope, receive, send)

    return app
