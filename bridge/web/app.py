"""The ASGI application: deliveries go to the receiver, everything else to the views of the APIs."""

from collections.abc import Awaitable
from typing import Final
from zoneinfo import ZoneInfo

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.config.settings import CodeArtsSettings
from bridge.errors import StoreError
from bridge.web.api.answers import http_failure, json_answer, store_failure
from bridge.web.api.codearts.dialect import CodeArtsApi
from bridge.web.api.codearts.times import Zone
from bridge.web.api.core.core import Core
from bridge.web.api.drone import DroneApi
from bridge.web.api.events import Events
from bridge.web.api.health import HealthApi
from bridge.web.api.openapi import openapi
from bridge.web.api.operation import Dialect, KnowsCallers
from bridge.web.api.own import OwnApi

DIALECTS: Final = (OwnApi, DroneApi, CodeArtsApi)


def make_api(
    core: Core,
    callers: KnowsCallers,
    events: Events,
    public_url: str | None = None,
    *,
    codearts: CodeArtsSettings,
) -> Starlette:
    """All views; `callers` tells who calls, `public_url` begins the addresses in answers."""
    zone = Zone(ZoneInfo(codearts.timezone))
    dialects: list[Dialect] = [
        OwnApi(callers, core, events, public_url=public_url),
        DroneApi(callers, core),
        CodeArtsApi(callers, core, zone, allow_private=codearts.allow_private),
    ]

    async def document(_request: Request) -> Response:
        return json_answer(await to_thread.run_sync(openapi, DIALECTS))

    async def missed(request: Request, error: HTTPException) -> Response:
        dialect = next((one for one in dialects if request.url.path.startswith(one.below)), None)
        return await http_failure(request, error) if dialect is None else dialect.missed(error)

    return Starlette(
        routes=[
            *HealthApi(core.store).routes,
            Route("/openapi.json", document),
            *(route for dialect in dialects for route in dialect.routes),
        ],
        exception_handlers={HTTPException: missed, StoreError: store_failure},  # type: ignore[dict-item]
    )


def make_app(receiver: ASGIApp, api: ASGIApp) -> ASGIApp:
    """Both behind one address; deliveries are the hot path, so they do not go through the router."""

    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        chosen = receiver if scope["path"].startswith("/hooks/") else api
        return chosen(scope, receive, send)

    return app
