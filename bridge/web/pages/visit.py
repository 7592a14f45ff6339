"""One request of a page: who reads it, in which language, and how an answer is made."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, TypeVar
from urllib.parse import quote, urlencode

import anyio
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bridge.model.access import Principal, Role
from bridge.model.language import Language
from bridge.runtime.topics import Topic
from bridge.store.values import Page
from bridge.web.api.core.core import Core
from bridge.web.api.core.errors import Conflict, KeyInUse, Unauthenticated
from bridge.web.api.events import Events
from bridge.web.api.idempotency import Attempts
from bridge.web.api.operation import KnowsCallers, query_of
from bridge.web.pages.failures import Failure, Fields
from bridge.web.pages.forms import Form, form_of
from bridge.web.pages.i18n import TEXTS
from bridge.web.pages.render import environment, words_of

Query = TypeVar("Query", bound=BaseModel)
Row = TypeVar("Row")
_CURSORS: Final = ("page", "before", "after")
_AGAIN_SECONDS: Final = 0.2
_PATIENCE: Final = 50
SEE_OTHER: Final = 303
LANGUAGE: Final = "language"
"""The cookie in which a reader has chosen a language."""
TIMES: Final = "times"
"""The cookie in which a reader has chosen whose time zone counts: `server` or `reader`."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request, who sent it (None without sign-in), and from which address; `now` is Unix seconds."""

    request: Request
    principal: Principal | None
    origin: str
    language: Language
    say: Callable[[str], str]
    """Puts a stored English sentence into the language."""
    now: float
    seq: int
    """The newest event of the feed when the page was begun: its stream goes on after it."""
    settings: "PageSettings"
    failure: Failure | None = None
    """Why what the reader asked for was not done, on the page that it was asked on."""

    @property
    def path(self) -> Mapping[str, Any]:
        """The parts of the path that have names."""
        return self.request.path_params

    @property
    def caller(self) -> Principal:
        """Who reads. Raises Unauthenticated."""
        if self.principal is None:
            raise Unauthenticated("this page is for those who have signed in")
        return self.principal

    def may(self, role: Role, namespace: str | None = None) -> bool:
        """Whether the reader has the role in the namespace; for None, everywhere."""
        if self.principal is None:
            return False
        if namespace is None:
            return self.principal.namespaces is None and self.principal.role.includes(role)
        return self.principal.may(role, namespace)

    def query(self, model: type[Query], *also: str) -> Query:
        """What stands in the address; a field that is empty was not filled in. Raises Invalid.

        Names in `also` belong to the page itself.
        """
        given = self.request.query_params.multi_items()
        return query_of([(name, text) for name, text in given if text and name not in also], model)

    def text(self, key: str, /, **values: object) -> str:
        """A text of the pages."""
        return TEXTS[self.language](key, **values)

    def knows(self, key: str) -> bool:
        """Whether the pages have this text."""
        return key in TEXTS[self.language]

    def typed(self, name: str, usual: object = "") -> object:
        """What a field holds: what was typed before it failed, or the usual."""
        return usual if self.failure is None else self.failure.typed.get(name, usual)

    def wrong(self, name: str) -> str:
        """What is wrong with what was typed in a field; empty for nothing."""
        return "" if self.failure is None else self.failure.of_field(name)

    @property
    def times(self) -> str:
        """Whose time zone the reader wants."""
        return "server" if self.request.cookies.get(TIMES) == "server" else "reader"

    async def form(self) -> Form:
        return await form_of(self.request)

    def link(self, **changes: str | int | None) -> str:
        """The address of this page with other values in its query; None takes one out."""
        given = self.request.query_params.multi_items()
        kept = [(name, text) for name, text in given if text and name not in changes]
        query = [*kept, *((name, value) for name, value in changes.items() if value not in {None, ""})]
        path = quote(self.request.url.path)
        return f"{path}?{urlencode(query)}" if query else path

    def neighbours(self, page: Page[Row], key: Callable[[Row], str | int]) -> dict[str, str | None]:
        """The addresses of the pages beside this one of a list."""
        none = dict.fromkeys(_CURSORS)
        rows = page.rows
        older = {**none, "before": key(rows[-1])} if page.older and rows else None
        newer = {**none, "after": key(rows[0])} if page.newer and rows else None
        return {
            "older": None if older is None else self.link(**older),
            "newer": None if newer is None else self.link(**newer),
            "first": self.link(**none),
        }

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """The answer; `context` is what the template needs beside the words and who reads."""
        text = (
            environment()
            .get_template(template)
            .render(
                {
                    **words_of(self.language, self.say, self.now),
                    "visit": self,
                    "principal": self.principal,
                    "may": self.may,
                    "seq": self.seq,
                    "settings": self.settings,
                    **context,
                }
            )
        )
        return HTMLResponse(text, status)

    @staticmethod
    def go(path: str, **query: str) -> Response:
        """Another page, after something was done."""
        return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, SEE_OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """What pages know of the configuration."""

    public_url: str | None
    language: Language
    sign_out: str | None
    """Where the proxy that signs people in signs them out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageParts:
    """What subjects do their work with."""

    core: Core
    callers: KnowsCallers
    attempts: Attempts
    events: Events
    settings: PageSettings
    answers: dict[str, Any]
    """What admins have been answered, by its name; it outlives the pages."""
    topics: Sequence[Topic]


View = Callable[..., Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class PageRoute:
    """A method and a path as Starlette writes it, the view behind them, and the fields that it takes."""

    method: Literal["GET", "POST"]
    path: str
    view: View
    fields: Fields = field(default_factory=dict)


class Subject:
    """The pages about one subject."""

    routes: ClassVar[Sequence[PageRoute]]

    def __init__(self, parts: PageParts) -> None:
        self.core = parts.core
        self.callers = parts.callers
        self.settings = parts.settings
        self._attempts = parts.attempts

    def signed_out(self, visit: Visit) -> Response:
        """The page that says so, to a browser that forgets its session."""
        answer = visit.go("/sign-in", out="1")
        self.callers.cookie.clear(answer)
        answer.headers["cache-control"] = "no-store"
        return answer

    async def end_a_session(self, visit: Visit, back: str) -> Response:
        """End the one that the path names, and go back; from one's own, to where one signs in."""
        caller, session_id = visit.caller, visit.path["session_id"]
        await self.core.sessions.end(caller, session_id, visit.origin)
        return self.signed_out(visit) if session_id == caller.session_id else visit.go(back, done="ended")

    async def done_once(self, visit: Visit, act: Callable[[Form, str], Awaitable[str]]) -> Response:
        """Do what a form asks for, and go to the path that `act` returns.

        The same form that is sent again leads there, too, and does nothing. `act` gets the form and the id of
        a claim, with which the store does it once. Raises Invalid for a form that no page of ours has shown.
        """
        form, caller = await visit.form(), visit.caller
        key = form.key
        for _ in range(_PATIENCE):
            try:
                async with self._attempts.of(caller, key, visit.request) as attempt:
                    if attempt.answer is not None:
                        return visit.go(bytes(attempt.answer.body).decode())
                    path = await act(form, attempt.claim_id)
                    await attempt.keep(Response(path, SEE_OTHER, media_type="text/plain"))
                    return visit.go(path)
            except KeyInUse:
                # The first of two clicks is being answered: the second leads to the same page.
                await anyio.sleep(_AGAIN_SECONDS)
        raise Conflict("the same form is still being done: look at the page again in a moment")
