"""The views of all dialects, as one application."""

from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bridge.config.settings import CodeArtsSettings, Settings
from bridge.runtime.clock import Clock
from bridge.store.base import Store
from bridge.web.api.alauda import AlaudaApi
from bridge.web.api.answers import FAILURES, http_failure, json_answer
from bridge.web.api.auth import make_callers
from bridge.web.api.codearts.dialect import CodeArtsApi
from bridge.web.api.codearts.times import Zone
from bridge.web.api.core.core import Core
from bridge.web.api.core.repositories import RuleKeeper
from bridge.web.api.drone import DroneApi
from bridge.web.api.events import Events
from bridge.web.api.idempotency import Attempts
from bridge.web.api.openapi import openapi
from bridge.web.api.operation import Dialect, KnowsCallers
from bridge.web.api.own import OwnApi
from bridge.web.api.pages import PageLinks

DIALECTS: Final = (OwnApi, AlaudaApi, DroneApi, CodeArtsApi)


class Api:
    """All views, until `close`; `public_url` begins the addresses in answers."""

    def __init__(
        self,
        core: Core,
        callers: KnowsCallers,
        events: Events,
        public_url: str | None = None,
        *,
        codearts: CodeArtsSettings,
    ) -> None:
        links = PageLinks(public_url)
        attempts = Attempts(core.store.idempotency_keys)
        zone = Zone(ZoneInfo(codearts.timezone))
        self._dialects: list[Dialect] = [
            OwnApi(callers, attempts, core, events, links),
            AlaudaApi(callers, attempts, core, links),
            DroneApi(callers, attempts, core),
            CodeArtsApi(callers, attempts, core, zone, allow_private=codearts.allow_private),
        ]
        self._events = events
        self._views = Starlette(
            routes=[
                Route("/openapi.json", _document),
                *(route for dialect in self._dialects for route in dialect.routes),
            ],
            exception_handlers=FAILURES | {HTTPException: self._missed},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._views(scope, receive, send)

    def close(self) -> None:
        self._events.close()

    async def _missed(self, request: Request, error: HTTPException) -> Response:
        dialect = next((one for one in self._dialects if request.url.path.startswith(one.below)), None)
        return await http_failure(request, error) if dialect is None else dialect.missed(error)


async def _document(_request: Request) -> Response:
    return json_answer(await to_thread.run_sync(openapi, DIALECTS))


def open_api(
    settings: Settings, store: Store, keeper: RuleKeeper, clock: Clock, wake: Callable[[], None]
) -> Api:
    """The API of a configuration; `keeper` holds the rules in force, `wake` is called when there is work."""
    core = Core(store, keeper, clock, wake)
    callers = make_callers(settings, store.tokens, clock)
    return Api(core, callers, Events(store.feed), settings.server.public_url, codearts=settings.api.codearts)
