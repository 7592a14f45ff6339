"""The composition root: opens every part, runs them side by side, and stops them in order."""

import socket
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Literal

import anyio
import structlog
from anyio.abc import TaskStatus

from bridge import __version__
from bridge.config.loader import Config
from bridge.duties import DISPATCH, SCHEDULE, UPKEEP, standing
from bridge.planning.notice_policy import NoticePolicy, ServiceNoticePolicy
from bridge.registry import ADAPTERS, FORGES, chinese_of
from bridge.rules.disk import Disk, OnDisk
from bridge.rules.match import RuleSet
from bridge.runtime import home, log, memory, tracing
from bridge.runtime.clock import SteadyClock
from bridge.runtime.events import LogEvent
from bridge.runtime.local_socket import listening_locally
from bridge.runtime.signals import obey_signals
from bridge.runtime.systemd import notify
from bridge.runtime.topics import topics
from bridge.services.base import Crew, HandOver, Service
from bridge.services.housekeeper import ClockFollower, watchers
from bridge.services.membership import Listener, Membership
from bridge.services.reloader import Reloader, RuleSources, begin
from bridge.staff import Staff
from bridge.store.base import Store
from bridge.store.open import open_store
from bridge.web.app import App, OnFirstCall, Views, made_of
from bridge.web.receiver import Receiver, make_receiver
from bridge.web.server import HttpServer, listen, make_server, port_of
from bridge.web.site_memory import SiteMemory
from bridge.web.wake import WakeView, make_wake_view

logger = structlog.get_logger()

Only = Literal["receive", "work"]
"""What a node does of the two, where it does not do both."""


async def serve(
    disk: Disk,
    loaded: OnDisk,
    report: Callable[[RuleSet], None],
    *,
    only: Only | None = None,
    task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """The daemon, until SIGTERM or SIGINT; `task_status` gets the port once it is ready, 0 for none.

    It begins with what was `loaded` just now, and follows what is on `disk`. `report` gets the rules of the
    start. Beside other nodes it may do `only` a part. A crash of any part ends all of them: systemd starts us
    again, and the store says where to go on.
    """
    config, settings = loaded.config, loaded.config.settings
    lines = log.configure(config.secrets, style=settings.log.format, level=settings.log.level.upper())
    clock, crew = SteadyClock(), Crew()
    service_notices = ServiceNoticePolicy(clock, config.watchers, settings.pools, config.fallbacks)
    store_of = partial(open_store, config.store_url, exclusive=True, log_limit=settings.store.log_limit)
    tracing.follow(settings.tracing, lines.redactor.foreign)
    async with (
        store_of(clock=clock, service_notices=service_notices, redact=lines.redactor.foreign) as store,
        anyio.create_task_group() as tasks,
    ):
        sources = await begin(disk, loaded, store.repositories, report)
        with home.held(config.node_file) as place, listening_locally(config.socket_file) as local:
            listener = listen(settings.server.host, settings.server.port)  # before it takes others' duties
            daemon = _Daemon(sources, store, clock, crew, service_notices, lines, local, only)
            await daemon.membership.join(place, home.node_name(settings.server.port))
            store.feed.follow(crew.wake_followers)
            tasks.start_soon(obey_signals, daemon.server.stop, daemon.reloader.reload)
            async with aclosing(daemon.staff), crew.running(daemon.services()):
                tasks.start_soon(_report_ready, daemon.server, listener, task_status)
                await daemon.server.serve(sockets=[listener, *([local] if local else [])])
                notify("STOPPING=1")
                logger.info(LogEvent.DAEMON_STOPPING)
            await daemon.membership.leave()
            tasks.cancel_scope.cancel()


class _Daemon:
    """The parts, whom each of them wakes, and how they follow a configuration that has changed."""

    def __init__(  # noqa: PLR0917  # the parts that are opened before it
        self,
        sources: RuleSources,
        store: Store,
        clock: SteadyClock,
        crew: Crew,
        service_notices: ServiceNoticePolicy,
        lines: log.Lines,
        local: socket.socket | None,
        only: Only | None,
    ) -> None:
        config = sources.config
        self._store, self._clock, self._lines, self._service_notices = store, clock, lines, service_notices
        self._local = None if local is None else local.getsockname()
        self._memory = SiteMemory(clock())
        self._site_settings = made_of(config.settings)
        self.notice_policy = NoticePolicy(clock, pools=config.settings.pools)
        self.staff = Staff(
            lambda: self.reloader.config,
            crew,
            store,
            clock,
            membership=lambda: self.membership,
            notice_policy=self.notice_policy,
            on_changed=(changed := HandOver()),
        )
        self.reloader = Reloader(
            sources,
            health=store.health,
            clock=clock,
            use=self._use,
            on_reloaded=self._reloaded,
            wake_notifiers=self.staff.wake_notifiers,
            announces=self._announces,
        )
        parts = self.reloader, self.staff, store, clock
        self._duties = standing(*parts, notice_policy=self.notice_policy, service_notices=service_notices)
        of_node = store.nodes, crew, self.staff, list(self._duties.values())
        self.membership = Membership(
            *of_node, key_ids=lambda: self.reloader.config.settings.api.key_ids, works=only != "receive"
        )
        changed.add(self._duties[UPKEEP], self.membership)
        self._site = OnFirstCall(self._make_site)
        settings, views = config.settings, (self._receiver(config), self._wake_view(config), self._site)
        self._http = App(store, *views, settings=settings, clock=clock, receives=only != "work")
        self.server = make_server(self._http, settings.server, on_stop=self._site.close)

    def services(self) -> list[Service]:
        """All that work from the start; the staff has more join."""
        follower = ClockFollower(self._store, self._clock, self.membership.is_alone)
        nodes = self.membership, Listener(self._store.nodes, self.membership.hear)
        return [*nodes, self.reloader, self.staff, follower, *watchers(self._store, self.staff.builders)]

    def _use(self, config: Config) -> None:
        """In the turn in which it comes into force: what is asked from now on is answered by it."""
        settings = config.settings
        self._lines.redactor.learn(config.secrets)
        self._lines.set(style=settings.log.format, level=settings.log.level.upper())
        tracing.follow(settings.tracing, self._lines.redactor.foreign)
        self._service_notices.watchers = config.watchers
        self._service_notices.pools = self.notice_policy.pools = settings.pools
        self._service_notices.fallbacks = config.fallbacks
        self._http.receiver = self._receiver(config, self._http.receiver)
        self._http.wake = self._wake_view(config, self._http.wake)
        self._http.metrics.use(settings)
        self.server.use(settings.server)
        if (of_api := made_of(settings)) != self._site_settings:
            self._site_settings = of_api
            self._site.renew()
        self.membership.wake()
        self.staff.wake()

    def _reloaded(self) -> None:
        self._duties[SCHEDULE].wake()
        self.staff.reopen_channels()

    def _announces(self, by_store: bool) -> bool:
        return self.membership.holds(UPKEEP) and not (self._store.nodes.is_shared and by_store)

    def _wake_all(self) -> None:
        self._duties[DISPATCH].wake()
        self.staff.wake_all()

    def _receiver(self, config: Config, before: Receiver | None = None) -> Receiver:
        kept, on_stored = self._store.deliveries, self._duties[DISPATCH].wake
        return make_receiver(config.settings, FORGES, kept, self._clock, on_stored=on_stored, before=before)

    def _wake_view(self, config: Config, before: WakeView | None = None) -> WakeView:
        return make_wake_view(config.builders, self.staff.hint, self._clock, before)

    def _make_site(self) -> Views:
        from bridge.web.site import open_site  # noqa: PLC0415  # only once it is used

        config = self.reloader.config
        parts = config.settings, self._store, self.reloader, self._clock, self._wake_all
        guides, said = tuple(topics(ADAPTERS)), chinese_of(config)
        calls = partial(open_site, test=self._test, previews=self.staff.previews, of_adapters=said)
        return calls(*parts, forges=FORGES, memory=self._memory, local=self._local, topics=guides)

    async def _test(self, part: str) -> tuple[bool, str] | None:
        found = await self.staff.test(part)
        return found and (found[0], self._lines.redactor.foreign(found[1]))


async def _report_ready(server: HttpServer, listener: socket.socket, task_status: TaskStatus[int]) -> None:
    await server.wait_started()
    port = port_of(listener)
    memory.settle()
    notify("READY=1", f"STATUS=listening on {f'port {port}' if port else listener.getsockname()}")
    logger.info(LogEvent.DAEMON_READY, version=__version__, port=port)
    task_status.started(port)
