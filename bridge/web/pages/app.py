"""All pages, as one application: whose they are, what keeps them safe, and what is shown where one fails."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from bridge.errors import StoreError
from bridge.model.language import Language
from bridge.web.api.answers import STORE_FAILED, headers_of
from bridge.web.api.core.errors import (
    CallError,
    Invalid,
    NoSuchPath,
    NotFound,
    Unauthenticated,
    Unavailable,
    WrongMethod,
)
from bridge.web.api.languages import preferred
from bridge.web.pages.account import AccountPages
from bridge.web.pages.assets import assets
from bridge.web.pages.audit import AuditPages
from bridge.web.pages.build import OneBuildPages
from bridge.web.pages.builds import BuildPages
from bridge.web.pages.deliveries import DeliveryPages
from bridge.web.pages.failures import Failure, Fields
from bridge.web.pages.forms import PAGE, form_of, local_path
from bridge.web.pages.health import HealthPages
from bridge.web.pages.help import HelpPages
from bridge.web.pages.i18n import LANGUAGES
from bridge.web.pages.notices import NoticePages
from bridge.web.pages.overview import OverviewPages
from bridge.web.pages.repositories import RepositoryPages
from bridge.web.pages.sentences import sentences
from bridge.web.pages.sign_in import SignInPages
from bridge.web.pages.tester import TesterPages
from bridge.web.pages.tokens import TokenPages
from bridge.web.pages.visit import LANGUAGE, PageParts, PageRoute, Subject, Visit

SUBJECTS: Final[Sequence[type[Subject]]] = (
    OverviewPages,
    BuildPages,
    OneBuildPages,
    DeliveryPages,
    RepositoryPages,
    NoticePages,
    HealthPages,
    SignInPages,
    AccountPages,
    TokenPages,
    AuditPages,
    HelpPages,
    TesterPages,
)

SECURITY: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_VARY: Final = "Accept-Language, Cookie, Authorization, X-Auth-Token"
_SMALL: Final = 1000
_ICON: Final = "/favicon.ico"
_SIGN_IN: Final = "/sign-in"
_Show = Callable[[Visit], Awaitable[Response]]
_Page = tuple[_Show, Request]
"""The view of an address, and the request that opens it."""


class Pages:
    """The pages of the parts; `of_adapters` are the sentences of builders and channels in Chinese."""

    def __init__(self, parts: PageParts, of_adapters: Mapping[str, str]) -> None:
        self._callers = parts.callers
        self._parts = parts
        self._shown: list[tuple[Route, _Show]] = []
        self._say = {one: sentences(one, of_adapters) for one in LANGUAGES}
        subjects = [subject(parts) for subject in SUBJECTS]
        routes = [self._route(one, found) for one in subjects for found in _by_path(type(one))]
        static = assets()
        missed: dict[Any, Any] = {HTTPException: self._missed}
        app = Starlette(
            routes=[*routes, Route("/static/{name}", static.show), Route(_ICON, self._icon)],
            exception_handlers=missed,
        )
        app.router.redirect_slashes = False  # it would lead to http:// and to any Host
        self._app = GZipMiddleware(app, minimum_size=_SMALL, compresslevel=5)
        self._first = {route.path.split("/")[1] for route in app.routes if isinstance(route, Route)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def has(self, path: str) -> bool:
        """Whether a path is one of a page, or below one."""
        return path.partition("/")[2].partition("/")[0] in self._first

    def _route(self, subject: Subject, found: Sequence[PageRoute]) -> Route:
        by_method: dict[str, PageRoute] = {one.method: one for one in found}

        async def endpoint(request: Request) -> Response:
            one = by_method["POST" if request.method == "POST" else "GET"]
            return await self._answer(request, partial(one.view, subject), one.fields)

        route = Route(found[0].path, endpoint, methods=list(by_method))
        if "GET" in by_method:
            self._shown.append((route, partial(by_method["GET"].view, subject)))
        return route

    async def _answer(self, request: Request, view: _Show, fields: Fields) -> Response:
        visit = self._stranger(request)
        try:
            principal = await self._callers.principal(request, of_page=True)
            # Before the view reads: what happens meanwhile is an event after it.
            seq = await self._parts.events.newest(principal)
            visit = replace(visit, seq=seq, principal=principal)
            answer: Response = await view(visit)
        except CallError as error:
            answer = await self._failed(visit, error, fields)
        except StoreError:
            answer = await self._failed(visit, Unavailable(STORE_FAILED), fields)
        return _secured(answer)

    def _stranger(self, request: Request) -> Visit:
        language = self._language(request)
        return Visit(
            request=request,
            principal=None,
            origin=self._callers.origin(request),
            language=language,
            say=self._say[language],
            now=self._parts.core.clock(),
            seq=0,
            settings=self._parts.settings,
        )

    def _language(self, request: Request) -> Language:
        chosen = request.cookies.get(LANGUAGE)
        for language in LANGUAGES:
            if chosen == language:
                return language
        return preferred(request.headers.get("accept-language", ""), self._parts.settings.language)

    async def _failed(self, visit: Visit, error: CallError, fields: Fields) -> Response:
        """The page of a failure. Who has not signed in is asked to, and comes back then."""
        request = visit.request
        hidden = isinstance(error, NotFound) and not isinstance(error, NoSuchPath) and visit.principal is None
        # A header that a proxy adds may be wrong on that page, too.
        if (isinstance(error, Unauthenticated) or hidden) and request.url.path != _SIGN_IN:
            before = {"ended": "1"} if self._callers.cookie.is_in(request) else {}
            if request.method != "POST":
                return visit.go(_SIGN_IN, next=visit.link(), **before)
            return visit.go(_SIGN_IN, next=self._form_at(visit, await _typed(request)), **before, undone="1")
        is_form = request.method == "POST"
        typed = await _typed(request) if is_form else dict(request.query_params)
        visit = replace(visit, failure=Failure.of(error, typed, fields, is_form=is_form))
        addresses = self._addresses(visit, typed, error)
        found = [one for one in map(partial(self._page_at, visit), addresses) if one]
        answer = await _first_shown(visit, found)
        if answer is None:
            back = str(found[-1][1].url.path) if found else None
            answer = visit.page("error.html", number=error.status, back=back)
        answer.status_code = error.status
        answer.headers.update(headers_of(error))
        return answer

    def _page_at(self, visit: Visit, address: str) -> _Page | None:
        """The view of an address of ours, and the request that would open it."""
        path, _, query = address.partition("?")
        asked = {
            "method": "GET",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
        }
        scope = {**visit.request.scope, **asked}
        for route, view in self._shown:
            match, found = route.matches(scope)
            if match is Match.FULL:
                return view, Request({**scope, **found})
        return None

    def _addresses(self, visit: Visit, typed: Mapping[str, str], error: CallError) -> Sequence[str]:
        """Where a form stands; of what an address asks for wrongly, its usual page, then the one before."""
        if visit.request.method == "POST":
            return [] if visit.principal is None else [self._form_at(visit, typed)]
        if not isinstance(error, Invalid) or not visit.request.url.query:
            return []
        path, *above = _with_above(visit)
        return [path, self._nearest(visit, [*_came_from(visit), *above])]

    def _form_at(self, visit: Visit, typed: Mapping[str, str]) -> str:
        """The page whose form was sent, as the form or the browser says it, else the nearest one."""
        said = [typed[PAGE]] if PAGE in typed else []
        return self._nearest(visit, [*said, *_came_from(visit), *_with_above(visit)])

    def _nearest(self, visit: Visit, addresses: Sequence[str]) -> str:
        """The first one of a page of ours; else the overview."""
        local = (one for one in addresses if local_path(one) == one)
        return next((one for one in local if self._page_at(visit, one)), "/")

    async def _missed(self, request: Request, error: HTTPException) -> Response:
        """Where there is no page, or it takes no form."""

        async def view(_visit: Visit) -> Response:
            if error.status_code == WrongMethod.status:
                raise WrongMethod(f"this page does not take {request.method[:20]}: open it instead")
            raise NoSuchPath("there is no such page")

        answer = await self._answer(request, view, {})
        answer.headers.update(error.headers or {})
        return answer

    async def _icon(self, _request: Request) -> Response:
        return Response(status_code=302, headers={"location": assets().path("icon.svg")})


def _by_path(subject: type[Subject]) -> list[list[PageRoute]]:
    found: dict[str, list[PageRoute]] = {}
    for route in subject.routes:
        found.setdefault(route.path, []).append(route)
    return list(found.values())


async def _typed(request: Request) -> Mapping[str, str]:
    try:
        return (await form_of(request)).values
    except Invalid:
        return {}


async def _first_shown(visit: Visit, pages: Sequence[_Page]) -> Response | None:
    """The first of the pages that can be shown."""
    for view, request in pages:
        with suppress(CallError, StoreError):
            answer = await view(replace(visit, request=request))
            if answer.media_type == "text/html":
                return answer
    return None


def _came_from(visit: Visit) -> Sequence[str]:
    """The page before, where the browser says it."""
    try:
        before = urlsplit(visit.request.headers.get("referer", ""))
    except ValueError:
        return []
    return [f"{before.path}?{before.query}" if before.query else before.path]


def _with_above(visit: Visit) -> Sequence[str]:
    """The path that was asked for, and those above it, the nearest first."""
    parts = quote(visit.request.url.path).split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 1, -1)]


def _secured(answer: Response) -> Response:
    for name, value in SECURITY.items():
        answer.headers.setdefault(name, value)
    answer.headers.setdefault("cache-control", "private, no-cache")
    answer.headers.setdefault("vary", _VARY)
    return answer
