"""The views of all dialects, as one application."""

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

import anyio
import orjson
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.config.settings import ApiSettings
from bridge.web.api.alauda import AlaudaApi
from bridge.web.api.answers import FAILURES
from bridge.web.api.caching import with_caching
from bridge.web.api.codearts.dialect import CodeArtsApi
from bridge.web.api.codearts.times import Zone
from bridge.web.api.core.core import Core
from bridge.web.api.drone import DroneApi
from bridge.web.api.events import Events
from bridge.web.api.idempotency import Attempts
from bridge.web.api.openapi import openapi
from bridge.web.api.operation import Dialect, KnowsCallers
from bridge.web.api.own import OwnApi
from bridge.web.api.pages import PageLinks

_SENT: Final = (
    *("Authorization", "X-Auth-Token", "X-Project-Id", "X-Sdk-Date", "X-Sdk-Content-Sha256"),
    *("Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID"),
)
"""The headers that web pages may send."""
_READ: Final = ("ETag", "Retry-After", "WWW-Authenticate", "X-Request-Id", "X-Subject-Token")
"""The headers of answers that web pages may read."""
DIALECTS: Final = (OwnApi, AlaudaApi, DroneApi, CodeArtsApi)


class Api:
    """All views; `public_url` begins the addresses in answers."""

    def __init__(  # what dialects share
        self,
        core: Core,
        callers: KnowsCallers,
        attempts: Attempts,
        events: Events,
        public_url: str | None = None,
        *,
        settings: ApiSettings,
    ) -> None:
        links = PageLinks(public_url)
        zone = Zone(ZoneInfo(settings.codearts.timezone))
        self._dialects: list[Dialect] = [
            OwnApi(callers, attempts, core, events, links),
            AlaudaApi(callers, attempts, core, links),
            DroneApi(callers, attempts, core),
            CodeArtsApi(callers, attempts, core, zone, allow_private=settings.codearts.allow_private),
        ]
        self._document = b""
        self._one_document = anyio.Lock()
        views = Starlette(
            routes=[
                Route("/openapi.json", self._show_document),
                *(route for dialect in self._dialects for route in dialect.routes),
            ],
            exception_handlers=FAILURES | {HTTPException: self._missed},
        )
        self._first = {route.path.split("/")[1] for route in views.routes if isinstance(route, Route)}
        views.router.redirect_slashes = False  # it would lead to http:// and to any Host
        self._views = _for_pages(views, settings.cors.origins)

    def has(self, path: str) -> bool:
        """Whether a path may be one of a call: it begins like one."""
        return path.partition("/")[2].partition("/")[0] in self._first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._views(scope, receive, send)

    async def _show_document(self, request: Request) -> Response:
        # Anyone may ask for it, and to make it takes a second: it is made once.
        async with self._one_document:
            self._document = self._document or await to_thread.run_sync(_document)
        return with_caching(request, Response(self._document, media_type="application/json"))

    async def _missed(self, request: Request, error: HTTPException) -> Response:
        path, own = request.url.path, self._dialects[0]
        dialect = next((one for one in self._dialects if path.startswith(one.below)), own)
        return with_caching(request, dialect.missed(request, error))


def _document() -> bytes:
    return orjson.dumps(openapi(DIALECTS))


def _for_pages(views: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """The views for web pages of these origins, too."""
    if not origins:
        return views
    return CORSMiddleware(
        views,
        allow_origins=origins,
        allow_methods=("GET", "POST", "PUT", "DELETE"),
        allow_headers=_SENT,
        expose_headers=_READ,
    )
