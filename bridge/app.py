"""The composition root: opens every part, runs them side by side, and stops them in order."""

import socket
from collections.abc import Callable
from functools import partial

import anyio
import structlog
from anyio.abc import TaskStatus
from starlette.types import ASGIApp

from bridge import __version__
from bridge.builders.base import Builder
from bridge.config.keys import with_signing_key
from bridge.config.loader import Config
from bridge.planning.notice_policy import NoticePolicy, ServiceNoticePolicy
from bridge.registry import FORGES, OpenAdapters, open_adapters, targets
from bridge.rules.match import RuleSet
from bridge.rules.merge import FileRules
from bridge.runtime import log, memory, metrics
from bridge.runtime.clock import SteadyClock
from bridge.runtime.events import LogEvent
from bridge.runtime.redaction import Redactor
from bridge.runtime.signals import obey_signals
from bridge.runtime.systemd import notify
from bridge.services.base import HandOver, Service, running
from bridge.services.dispatcher import Dispatcher
from bridge.services.housekeeper import ClockFollower, Liveness, LoopLag, Pruner, Unserved, recover
from bridge.services.notifier import make_notifiers
from bridge.services.poller import Poller
from bridge.services.reloader import Reloader, RuleSources, begin
from bridge.services.room import Rooms
from bridge.services.scheduler import Scheduler
from bridge.services.servers import Servers
from bridge.services.triggerer import Triggerer
from bridge.store.base import Store
from bridge.store.open import open_store
from bridge.web.app import Api, OnFirstCall, make_app
from bridge.web.receiver import make_receiver
from bridge.web.server import HttpServer, listen, make_server, port_of
from bridge.web.wake import make_wake_view

logger = structlog.get_logger()


async def serve(
    config: Config,
    files: FileRules,
    load: Callable[[], FileRules],
    report: Callable[[RuleSet], None],
    *,
    task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """The daemon, until SIGTERM or SIGINT; `task_status` gets the port once it is ready, 0 for none.

    `load` reads the rule files anew; `files` are what it gave just now. `report` gets the rules of the start.
    A crash of any part ends all of them: systemd starts us again, and the store says where to go on.
    """
    config = with_signing_key(config)
    log.configure(config.secrets, style=config.settings.log.format, level=config.settings.log.level.upper())
    clock = SteadyClock()
    service_notices = ServiceNoticePolicy(clock, [one.subscription for one in config.default_notices])
    redact = Redactor(config.secrets).foreign
    store_of = partial(open_store, config.store_url, log_limit=config.settings.store.log_limit)
    async with (
        store_of(exclusive=True, clock=clock, service_notices=service_notices, redact=redact) as store,
        open_adapters(config, store.messages, clock) as adapters,
        anyio.create_task_group() as tasks,
    ):
        metrics.prepare(config.settings.sources, config.builders, config.channels)
        sources = await begin(files, load, store.repositories, report)
        daemon = _Daemon(config, store, adapters, clock, service_notices, sources=sources)
        await recover(store, config.builders, config.channels, daemon.notice_policy)
        listener = listen(config.settings.server.host, config.settings.server.port)
        server = make_server(daemon.http, config.settings.server, on_stop=daemon.api.close)
        tasks.start_soon(obey_signals, server.stop, daemon.reloader.reload)
        async with running(daemon.services):
            tasks.start_soon(_report_ready, server, listener, task_status)
            await server.serve(sockets=[listener])
            notify("STOPPING=1")
            logger.info(LogEvent.DAEMON_STOPPING)
        tasks.cancel_scope.cancel()


class _Daemon:
    """The services of one configuration, and whom each of them wakes."""

    def __init__(
        self,
        config: Config,
        store: Store,
        adapters: OpenAdapters,
        clock: SteadyClock,
        service_notices: ServiceNoticePolicy,
        *,
        sources: RuleSources,
    ) -> None:
        self._store, self._clock = store, clock
        self.notice_policy = NoticePolicy(clock, config.settings.server.public_url)
        self._wake_notifiers = HandOver()
        self._notifiers = make_notifiers(
            adapters.channels, targets(config), store, clock, self._wake_notifiers
        )
        self._wake_notifiers.add(*self._notifiers)
        self._rooms = Rooms(config, store.health, clock, self._wake_notifiers)
        self._servers = Servers(config.builders, store.health, clock, self._wake_notifiers)
        of_builders = [one for named in adapters.builders.items() for one in self._of_builder(*named)]
        self._dispatcher = Dispatcher(
            FORGES,
            lambda: self.reloader.rules,
            store.deliveries,
            default_notices=config.default_notices,
            notice_policy=self.notice_policy,
            on_dispatched=HandOver(*of_builders, *self._notifiers),
        )
        self._wake_all = HandOver(self._dispatcher, *of_builders, *self._notifiers)
        self._scheduler = Scheduler(
            lambda: self.reloader.rules,
            store.schedules,
            service_notices,
            clock,
            on_due=self._dispatcher.wake,
            wake_notifiers=self._wake_notifiers,
        )
        self.reloader = Reloader(
            sources,
            config.rule_paths,
            default_notices=config.default_notices,
            health=store.health,
            clock=clock,
            on_reloaded=self._reloaded,
            wake_notifiers=self._wake_notifiers,
        )
        self.services: list[Service] = [
            self.reloader,
            self._dispatcher,
            self._scheduler,
            *of_builders,
            *self._notifiers,
            ClockFollower(store, clock),
            Unserved(store, list(adapters.builders), list(adapters.channels), self.notice_policy),
            Pruner(store, config.settings.retention),
            *(Liveness(store), LoopLag()),
        ]
        self.http = self._http(config)

    def _reloaded(self) -> None:
        self._scheduler.wake()
        for notifier in self._notifiers:
            notifier.reopen()

    def _of_builder(self, name: str, builder: Builder) -> list[Service]:
        builds_ended, health = HandOver(), self._servers.health(name)
        poller = Poller(
            name,
            builder,
            builds=self._store.builds,
            health=health,
            notice_policy=self.notice_policy,
            clock=self._clock,
            on_ended=builds_ended,
            wake_notifiers=self._wake_notifiers,
        )
        self._servers.add(name, poller.hint)
        triggerer = Triggerer(
            name,
            builder,
            builds=self._store.builds,
            jobs=self._store.jobs,
            health=health,
            rooms=self._rooms.of_builder(name, builder.folder),
            notice_policy=self.notice_policy,
            clock=self._clock,
            on_triggered=poller.wake,
            wake_notifiers=self._wake_notifiers,
        )
        builds_ended.add(triggerer)
        return [triggerer, poller]

    def _http(self, config: Config) -> ASGIApp:
        settings, store, clock, on_stored = config.settings, self._store, self._clock, self._dispatcher.wake
        receiver = make_receiver(settings, FORGES, store.deliveries, clock, on_stored=on_stored)
        wake = make_wake_view(config.builders, self._servers.hint, clock)

        def make() -> Api:
            from bridge.web.api.app import open_api  # noqa: PLC0415  # only once it is used

            return open_api(settings, store, self.reloader, clock, self._wake_all, forges=FORGES)

        self.api = OnFirstCall(make)
        return make_app(store, receiver, wake, self.api, settings=settings, clock=clock)


async def _report_ready(server: HttpServer, listener: socket.socket, task_status: TaskStatus[int]) -> None:
    await server.wait_started()
    port = port_of(listener)
    memory.settle()
    notify("READY=1", f"STATUS=listening on {f'port {port}' if port else listener.getsockname()}")
    logger.info(LogEvent.DAEMON_READY, version=__version__, port=port)
    task_status.started(port)
