"""The composition root: opens every part, runs them side by side, and stops them in order."""

import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import structlog
from anyio.abc import TaskGroup, TaskStatus

from bridge import __version__
from bridge.builders import base as builders_base
from bridge.builders.base import Builder
from bridge.channels import base as channels_base
from bridge.channels.base import Channel
from bridge.config.loader import Adapter, Config
from bridge.config.people import contacts_by_email
from bridge.config.settings import Settings
from bridge.errors import ConfigError, StoreError
from bridge.model.notice import Subscription
from bridge.planning.notice_policy import NoticePolicy
from bridge.registry import BUILDERS, CHANNELS, FORGES
from bridge.rules.match import RuleSet
from bridge.runtime import log
from bridge.runtime.clock import Clock, SteadyClock, system_clock
from bridge.runtime.systemd import notify
from bridge.runtime.wakeups import Wakeup, ticking
from bridge.services.dispatcher import Dispatcher
from bridge.services.housekeeper import feed_watchdog, give_up_strays, keep_house, watch_clock, watch_store
from bridge.services.notifier import Notifier
from bridge.services.poller import Poller
from bridge.services.reloader import Reloader
from bridge.services.scheduler import Scheduler
from bridge.services.triggerer import Triggerer
from bridge.store.sqlite.builds import Builds
from bridge.store.sqlite.database import Database
from bridge.store.sqlite.deliveries import Deliveries
from bridge.store.sqlite.outbox import Outbox
from bridge.store.sqlite.schedules import Schedules
from bridge.web.app import make_api, make_app
from bridge.web.clients import Clients
from bridge.web.receiver import Receiver, Source
from bridge.web.server import Server, listen, make_server

logger = structlog.get_logger()

GRACE_SECONDS: Final = 10
"""How long requests in hand may take when we stop; TimeoutStopSec of the unit is longer."""
FINISH_SECONDS: Final = 5
"""How long the channels may take to answer to what they were sent just before we stop."""
_TICK_SECONDS: Final = 1.0
_COLLECT: Final = (20_000, 20, 20)
_HOUSE_SECONDS: Final = 3600.0
_STRAY_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 2.0
"""Between two looks at the rules on disk."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The open store, by what each service needs of it."""

    database: Database
    deliveries: Deliveries
    builds: Builds
    outbox: Outbox
    schedules: Schedules

    @classmethod
    def of(cls, database: Database, clock: Clock, watchers: Sequence[Subscription]) -> "Stores":
        return cls(
            database,
            Deliveries(database, clock),
            Builds(database, clock),
            Outbox(database, clock, watchers),
            Schedules(database),
        )


@asynccontextmanager
async def open_stores(
    path: Path,
    *,
    exclusive: bool,
    clock: Clock = system_clock,
    watchers: Sequence[Subscription] = (),
) -> AsyncIterator[Stores]:
    """The store of a configuration, closed at the end. Raises StoreError."""
    database = await anyio.to_thread.run_sync(lambda: Database.open(path, exclusive=exclusive))
    try:
        yield Stores.of(database, clock, watchers)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(database.close)


@dataclass(frozen=True, slots=True)
class Adapters:
    """The builders and channels of a configuration."""

    builders: dict[str, Builder]
    channels: dict[str, Channel]


@asynccontextmanager
async def open_adapters(config: Config, outbox: Outbox, clock: Clock) -> AsyncIterator[Adapters]:
    """Every configured builder and channel, closed at the end."""
    state = config.store_path.parent / "builders"
    builders = {
        name: BUILDERS[adapter.kind](
            name, adapter.settings, builders_base.BuilderContext(state=state / name, clock=clock)
        )
        for name, adapter in config.builders.items()
    }
    channels = {
        name: _channel(name, adapter, config.settings, clock, outbox)
        for name, adapter in config.channels.items()
    }
    try:
        yield Adapters(builders, channels)
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(GRACE_SECONDS):
            async with anyio.create_task_group() as closing:
                opened: list[Builder | Channel] = [*builders.values(), *channels.values()]
                for adapter in opened:
                    closing.start_soon(_close, adapter)


def _channel(name: str, adapter: Adapter, settings: Settings, clock: Clock, outbox: Outbox) -> Channel:
    kind = CHANNELS[adapter.kind]
    context = channels_base.ChannelContext(
        language=settings.language,
        contacts=contacts_by_email(settings.people, kind.contact),
        clock=clock,
        messages=outbox,
    )
    return kind(name, adapter.settings, context)


async def _close(adapter: Builder | Channel) -> None:
    try:
        await adapter.aclose()
    except Exception:
        logger.exception("the adapter broke", kind=adapter.kind)


async def serve(
    config: Config,
    rules: RuleSet,
    load: Callable[[], RuleSet],
    *,
    task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """The daemon, until SIGTERM or SIGINT; `task_status` is told the port once it is ready, 0 for none.

    `load` reads the rules anew; `rules` are what it gave just now.

    A crash of any part ends all of them: systemd starts us again, and the store says where to go on.
    """
    log.configure(config.secrets, style=config.settings.log.format, level=config.settings.log.level.upper())
    clock = SteadyClock()
    watchers = [setting.subscription for setting in config.default_notices]
    async with (
        open_stores(config.store_path, exclusive=True, clock=clock, watchers=watchers) as stores,
        open_adapters(config, stores.outbox, clock) as adapters,
        anyio.create_task_group() as services,
    ):
        await _recover(config, stores, clock)
        daemon = _Daemon(config, stores, adapters, rules=rules, load=load, clock=clock)
        listener = listen(config.settings.server.host, config.settings.server.port)
        server = make_server(daemon.http, config.settings.server, grace_seconds=GRACE_SECONDS)
        with ticking(daemon.wakeups):
            daemon.start(services)
            services.start_soon(_obey_signals, server, daemon.reloader)
            services.start_soon(_say_ready, server, listener, task_status)
            await server.serve(sockets=[listener])
            notify("STOPPING=1")
            logger.info("stopping")
            await daemon.finish()
            # Each service shields what it must still write down; the rest can be repeated.
            services.cancel_scope.cancel()


async def _recover(config: Config, stores: Stores, clock: Clock) -> None:
    """Take up what an earlier process left, under this configuration."""
    services = [f"builder:{name}" for name in config.builders]
    services += [f"channel:{name}" for name in config.channels]
    dropped = await stores.outbox.recover(config.channels, services)
    notice_policy = NoticePolicy(clock, config.settings.server.public_url)
    lost = await stores.builds.abandon(config.builders, notice_policy)
    if dropped or lost:
        logger.warning(
            "left without a builder or channel", builds=[build.id for build in lost], notices=dropped
        )


class _Daemon:
    """The services of one configuration and the wakeups that wake them."""

    def __init__(
        self,
        config: Config,
        stores: Stores,
        adapters: Adapters,
        *,
        rules: RuleSet,
        load: Callable[[], RuleSet],
        clock: SteadyClock,
    ) -> None:
        self._clock = clock
        self._stores = stores
        self._settings = config.settings
        self._builders = adapters.builders
        self._dispatch = Wakeup()
        self._house = Wakeup()
        self._look = Wakeup()
        self._due = Wakeup()
        self._steps = Wakeup()
        self._strays = Wakeup()
        self._triggers = {name: Wakeup() for name in adapters.builders}
        self._polls = {name: Wakeup() for name in adapters.builders}
        self._notices = {name: Wakeup() for name in adapters.channels}
        told = _wake_all(list(self._notices.values()))
        self.reloader = Reloader(
            rules,
            config.rule_paths,
            load,
            default_notices=config.default_notices,
            outbox=stores.outbox,
            clock=clock,
            wakeup=self._look,
            told=_wake_all([*self._notices.values(), self._due]),
        )
        notice_policy = NoticePolicy(clock, config.settings.server.public_url)
        self._dispatcher = Dispatcher(
            FORGES,
            lambda: self.reloader.rules,
            stores.deliveries,
            default_notices=config.default_notices,
            notice_policy=notice_policy,
            wakeup=self._dispatch,
            dispatched=_wake_all([*self._triggers.values(), *self._polls.values(), *self._notices.values()]),
        )
        self._scheduler = Scheduler(
            lambda: self.reloader.rules,
            stores.schedules,
            stores.outbox,
            clock,
            wakeup=self._due,
            asked=self._dispatch.wake,
            told=told,
        )
        self._triggerers = [
            Triggerer(
                name,
                builder,
                builds=stores.builds,
                outbox=stores.outbox,
                notice_policy=notice_policy,
                clock=clock,
                wakeup=self._triggers[name],
                triggered=self._polls[name].wake,
                told=told,
            )
            for name, builder in adapters.builders.items()
        ]
        self._pollers = [
            Poller(
                name,
                builder,
                builds=stores.builds,
                notice_policy=notice_policy,
                clock=clock,
                wakeup=self._polls[name],
                ended=self._triggers[name].wake,
                told=told,
            )
            for name, builder in adapters.builders.items()
        ]
        self._notifiers = [
            Notifier(name, channel, stores.outbox, clock, wakeup=self._notices[name])
            for name, channel in adapters.channels.items()
        ]
        receiver = Receiver(
            {
                name: Source(
                    name,
                    FORGES[source.kind],
                    source.credentials,
                    source.allow,
                    source.rate,
                    source.refused_rate,
                )
                for name, source in config.settings.sources.items()
            },
            stores.deliveries,
            clock,
            max_body=config.settings.server.max_body,
            clients=Clients(config.settings.server.trusted_proxies),
            stored=self._dispatch.wake,
        )
        tokens = [token.reveal() for token in config.settings.api.tokens]
        api = make_api(
            stores.database,
            stores.deliveries,
            stores.builds,
            stores.outbox,
            tokens=tokens,
            reload=self.reloader.reload,
            public_url=config.settings.server.public_url,
        )
        self.http = make_app(receiver, api)

    @property
    def wakeups(self) -> dict[Wakeup, float]:
        """How often each wakeup rings by itself: the fallback for a hand-over that was not heard."""
        often = [self._dispatch, self._steps, self._due, *self._triggers.values(), *self._notices.values()]
        polls = {
            wakeup: max(_TICK_SECONDS, self._builders[name].poll_interval)
            for name, wakeup in self._polls.items()
        }
        seldom = {
            self._house: _HOUSE_SECONDS,
            self._look: _LOOK_SECONDS,
            self._strays: _STRAY_SECONDS,
        }
        return dict.fromkeys(often, _TICK_SECONDS) | polls | seldom

    def start(self, services: TaskGroup) -> None:
        services.start_soon(self._dispatcher.run)
        services.start_soon(self.reloader.run)
        services.start_soon(self._scheduler.run)
        for triggerer in self._triggerers:
            services.start_soon(triggerer.run)
        for poller in self._pollers:
            services.start_soon(poller.run)
        for notifier in self._notifiers:
            services.start_soon(notifier.run)
        services.start_soon(watch_clock, self._stores.database, self._clock, self._steps)
        services.start_soon(give_up_strays, self._stores.outbox, list(self._notices), self._strays)
        services.start_soon(watch_store, self._stores.database)
        services.start_soon(feed_watchdog, self._stores.database)
        services.start_soon(self._keep_house)

    async def finish(self) -> None:
        """A notice whose answer is not waited for would be sent again after the next start."""
        with anyio.move_on_after(FINISH_SECONDS):
            async with anyio.create_task_group() as finishing:
                for notifier in self._notifiers:
                    finishing.start_soon(notifier.finish)

    async def _keep_house(self) -> None:
        retention = self._settings.retention
        await keep_house(
            self._stores.database,
            self._clock,
            self._house,
            deliveries=retention.deliveries,
            builds=retention.builds,
        )


def _wake_all(wakeups: Sequence[Wakeup]) -> Callable[[], None]:
    def wake() -> None:
        for wakeup in wakeups:
            wakeup.wake()

    return wake


async def _obey_signals(server: Server, reloader: Reloader) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for received in signals:
            if received != signal.SIGHUP:
                server.should_exit = True
                continue
            with suppress(ConfigError, StoreError):  # the reloader tells why
                await reloader.reload()


async def _say_ready(server: Server, listener: socket.socket, task_status: TaskStatus[int]) -> None:
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await anyio.sleep(0.01)
    address = listener.getsockname()
    port: int = address[1] if isinstance(address, tuple) else 0
    # What was made until now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT)
    where = f"port {port}" if port else address
    notify("READY=1", f"STATUS=listening on {where}")
    logger.info("ready", version=__version__, port=port)
    task_status.started(port)
