"""All that people and programs ask for: the API for programs and the pages for people, over one store."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.types import Receive, Scope, Send

from bridge.config.settings import Settings
from bridge.forges.base import Forge
from bridge.runtime.clock import Clock
from bridge.runtime.topics import Topic
from bridge.store.base import Store
from bridge.web.api.app import Api
from bridge.web.api.auth import make_callers
from bridge.web.api.core.core import Core
from bridge.web.api.core.health import PartTest
from bridge.web.api.core.previews import Previews
from bridge.web.api.core.repositories import RuleKeeper
from bridge.web.api.credentials import Credentials
from bridge.web.api.events import Events
from bridge.web.api.idempotency import Attempts
from bridge.web.api.operation import KnowsCallers
from bridge.web.pages.app import Pages
from bridge.web.pages.visit import PageParts, PageSettings
from bridge.web.site_memory import SiteMemory


class Site:
    """The API and the pages, until `close`; `of_adapters` is as in `Pages`, `topics` are the guides.

    `answers` is as in `PageParts`.
    """

    def __init__(
        self,
        core: Core,
        callers: KnowsCallers,
        events: Events,
        settings: Settings,
        *,
        of_adapters: Mapping[str, str],
        topics: Sequence[Topic],
        answers: dict[str, Any],
    ) -> None:
        attempts = Attempts(core.store.idempotency_keys)
        public_url = settings.server.public_url
        sign_in = settings.server.sign_in
        of_pages = PageSettings(
            public_url=public_url,
            language=settings.language,
            sign_out=None if sign_in is None else sign_in.sign_out,
        )
        self._events = events
        self._api = Api(core, callers, attempts, events, public_url, settings=settings.api)
        parts = PageParts(
            core=core,
            callers=callers,
            attempts=attempts,
            events=events,
            settings=of_pages,
            topics=topics,
            answers=answers,
        )
        self._pages = Pages(parts, of_adapters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        is_page = self._pages.has(path) or (not self._api.has(path) and _is_browser(scope))
        await (self._pages if is_page else self._api)(scope, receive, send)

    def close(self) -> None:
        self._events.close()


def _is_browser(scope: Scope) -> bool:
    """Whether a person asks: where there is nothing, a page says so."""
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def open_site(
    settings: Settings,
    store: Store,
    keeper: RuleKeeper,
    clock: Clock,
    wake: Callable[[], None],
    *,
    forges: Mapping[str, Forge],
    memory: SiteMemory,
    local: str | None,
    test: PartTest,
    previews: Previews,
    of_adapters: Mapping[str, str],
    topics: Sequence[Topic],
) -> Site:
    """The site of a configuration; `keeper` holds the rules in force, `wake` is called when there is work.

    `test` and `previews` are as in `Core`. `memory` outlives the site. Who connects through the
    socket file `local` is an admin.
    """
    credentials = Credentials([key.reveal() for key in settings.api.keys])  # there is at least one
    core = Core(
        store,
        keeper,
        clock,
        wake,
        forges=forges,
        sources=settings.sources,
        test=test,
        previews=previews,
        credentials=credentials,
    )
    callers = make_callers(settings, store, credentials, clock=clock, attempts=memory.attempts, local=local)
    events = Events(store.feed, callers.holds)
    answers = memory.answers
    return Site(core, callers, events, settings, of_adapters=of_adapters, topics=topics, answers=answers)
