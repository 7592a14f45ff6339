"""The views of the APIs over a store, with tokens of every kind."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
from starlette.types import ASGIApp
from support.keeping import NoRules
from support.scripted import Store
from support.trail import change_by, no_trail

from bridge.config.settings import ApiSettings, CodeArtsSettings, CorsSettings, Settings, SourceSettings
from bridge.config.sign_in import SignInSettings
from bridge.model.access import IssuedToken, Role
from bridge.model.notice import Notice
from bridge.registry import ADAPTERS, FORGES
from bridge.runtime.topics import topics
from bridge.store.sql.tokens import Tokens
from bridge.web.api.auth import Callers
from bridge.web.api.core.core import Core
from bridge.web.api.core.health import PartTest
from bridge.web.api.core.repositories import RuleKeeper
from bridge.web.api.credentials import Credentials
from bridge.web.api.events import Events
from bridge.web.app import App
from bridge.web.clients import Clients
from bridge.web.limits import AttemptLimits
from bridge.web.receiver import make_receiver
from bridge.web.site import Site
from bridge.web.wake import WakeView

KEY = "the-key-of-the-tests-with-enough-letters"


DEFAULTS = CodeArtsSettings()
TOPICS = tuple(topics(ADAPTERS))
NO_SOURCES: Mapping[str, SourceSettings] = {}


def nothing() -> None:
    """Where no service is to be woken."""


async def says_that_it_works(part: str) -> tuple[bool, str]:
    """Where no builder and no channel is open."""
    return True, f"ok: {part}"


def shows_the_event(notice: Notice, language: str | None) -> Mapping[str, str]:
    """Where there is one channel, which shows only this."""
    return {"team": f"{notice.event} {language}\n"}


def api_of(
    store: Store,
    *,
    tokens: Sequence[str] = (),
    keys: Sequence[str] = (KEY,),
    keeper: RuleKeeper | None = None,
    public_url: str | None = None,
    codearts: CodeArtsSettings = DEFAULTS,
    origins: Sequence[str] = (),
    metrics_tokens: Sequence[str] = (),
    wake: Callable[[], None] = nothing,
    sources: Mapping[str, SourceSettings] = NO_SOURCES,
    sign_in: SignInSettings | None = None,
    test: PartTest = says_that_it_works,
) -> ASGIApp:
    """All views; the clock is that of the store. Without a `keeper` there are no rules."""
    callers = callers_of(store, *tokens, keys=keys, public_url=public_url, sign_in=sign_in)
    events = Events(store.feed, callers.holds)
    events.close()  # a stream ends with what there is: this client hears an answer only as a whole
    settings = ApiSettings(codearts=codearts, cors=CorsSettings(origins=tuple(origins)))
    whole = Settings.model_validate(
        {"metrics": {"tokens": metrics_tokens}, "server": {"public_url": public_url}}
    )
    server = whole.server.model_copy(update={"sign_in": sign_in})
    whole = whole.model_copy(update={"api": settings, "server": server})
    core = Core(
        store,
        keeper or NoRules(),
        store.clock,
        wake,
        forges=FORGES,
        sources=sources,
        test=test,
        previews=shows_the_event,
        credentials=Credentials(keys),
    )
    site = Site(core, callers, events, whole, of_adapters={}, topics=TOPICS, answers={})
    receiver = make_receiver(whole, FORGES, store.deliveries, store.clock, on_stored=wake)
    return App(store, receiver, WakeView({}, store.clock), site, settings=whole, clock=store.clock)


def callers_of(
    store: Store,
    *tokens: str,
    keys: Sequence[str] = (KEY,),
    local: str | None = None,
    public_url: str | None = None,
    sign_in: SignInSettings | None = None,
) -> Callers:
    """Who has one of these tokens, or one that a key has signed."""
    attempts = AttemptLimits(store.clock())
    credentials = Credentials(keys)
    return Callers(
        tokens,
        credentials,
        store.tokens,
        clients=Clients(),
        clock=store.clock,
        attempts=attempts,
        local=local,
        sessions=store.sessions,
        public_url=public_url,
        sign_in=sign_in,
    )


@asynccontextmanager
async def client_of(
    app: ASGIApp, *, address: str = "192.0.2.7", raise_app_exceptions: bool = True
) -> AsyncIterator[httpx.AsyncClient]:
    """A client at this address."""
    transport = httpx.ASGITransport(app, client=(address, 1), raise_app_exceptions=raise_app_exceptions)
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge.example.com") as client:
        yield client


async def issue(store: Store, role: Role = Role.VIEWER, *namespaces: str, **changes: Any) -> IssuedToken:
    """A new token that is kept in the store; without namespaces it is for all of them."""
    made = Credentials([KEY]).issue(
        name=f"the {role}",
        role=role,
        namespaces=frozenset(namespaces) or None,
        now=store.clock(),
        by="root",
        has_access_key=changes.pop("has_access_key", False),
    )
    made = replace(made, **changes)
    await Tokens(store.database, store.clock, no_trail(store)).add(made, change_by())
    return made


def bearer(issued: IssuedToken) -> dict[str, str]:
    """The header that shows a token."""
    return {"authorization": f"Bearer {Credentials([KEY]).token(issued)}"}
