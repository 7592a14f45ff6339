"""Services under test on one open store, under a clock that stands until a test advances it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar

import anyio
from support.disks import FolderDisk
from support.listed import newest_notices
from support.scripted import Rounds, ScriptedBuilder, ScriptedChannel, Store, eventually

from bridge.builders.base import Status
from bridge.builders.jenkins.builder import JenkinsBuilder
from bridge.config.channels import ChannelSettings
from bridge.config.notices import NoticeSetting
from bridge.forges.base import Forge
from bridge.model.build import Build
from bridge.model.delivery import Delivery, DeliveryState
from bridge.model.notice import EventName, ServiceFacts
from bridge.model.repository import NOTHING_STORED
from bridge.planning.notice_policy import NoticePolicy, ServiceNoticePolicy
from bridge.rules.in_force import InForce
from bridge.rules.match import RuleSet
from bridge.rules.merge import FileRules, RuleMerge
from bridge.services.base import Service
from bridge.services.dispatcher import Dispatcher
from bridge.services.health import BuilderHealth, Circuit
from bridge.services.notifier import Notifier, Target
from bridge.services.poller import Poller
from bridge.services.reloader import Reloader, RuleSources
from bridge.services.room import Room
from bridge.services.scheduler import Scheduler
from bridge.services.triggerer import Triggerer
from bridge.store.values import DeliveryRow, NoticeFilter

S = TypeVar("S", bound=Service)


class Harness:
    """Runs services side by side; `calls` are the hand-overs that they made, by name and in order."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls: list[str] = []
        self.circuit = Circuit(store.clock)
        self._rounds: dict[Service, Rounds] = {}

    def add(self, service: S) -> S:
        """A service to be run."""
        self._rounds[service] = Rounds.of(service)
        return service

    def hand_over(self, name: str, *receivers: Service) -> Callable[[], None]:
        """A hand-over that is recorded, and wakes these services."""

        def call() -> None:
            self.calls.append(name)
            for receiver in receivers:
                receiver.wake()

        return call

    def builder_health(self, builder: str) -> BuilderHealth:
        return BuilderHealth(builder, self.store.health, self.circuit, self.hand_over("wake_notifiers"))

    def rounds(self, service: Service) -> Rounds:
        return self._rounds[service]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """All services at work; they have done what was due at their start."""
        async with anyio.create_task_group() as tasks:
            for service in self._rounds:
                tasks.start_soon(service.run)
            await self.settled()
            yield self
            tasks.cancel_scope.cancel()

    async def settled(self) -> None:
        """Until each service, in the order in which it was added, has done a round that began after now."""
        for rounds in self._rounds.values():
            await rounds.settled()

    async def advance(self, seconds: float) -> None:
        """Advance the clock, and wait until all that is due then has been done."""
        self.store.clock.advance(seconds)
        await self.settled()

    async def advance_to(self, moment: float) -> None:
        await self.advance(moment - self.store.clock())

    async def is_down(self, component: str) -> bool:
        return (await self.store.health.get(component)).down_since is not None

    async def service_notices(self, channel: str) -> list[tuple[EventName, str, str]]:
        """Event, subject and detail of each notice that is not about a build, oldest first."""
        rows = reversed(await newest_notices(self.store, 2000, NoticeFilter(channel=channel)))
        found = [(row.notice.event, row.notice.facts) for row in rows]
        return [
            (event, facts.subject, facts.detail) for event, facts in found if isinstance(facts, ServiceFacts)
        ]


class TriggererHarness(Harness):
    """A triggerer on a builder, mostly a scripted one."""

    def __init__(self, store: Store, builder: ScriptedBuilder | JenkinsBuilder, *rooms: Room) -> None:
        super().__init__(store)
        self.triggerer = self.add(
            Triggerer(
                builder.name,
                builder,
                builds=store.builds,
                jobs=store.jobs,
                health=self.builder_health(builder.name),
                rooms=rooms,
                notice_policy=NoticePolicy(store.clock),
                clock=store.clock,
                on_triggered=self.hand_over("on_triggered"),
                wake_notifiers=self.hand_over("wake_notifiers"),
            )
        )
        self._builder = builder

    async def down(self) -> bool:
        return await self.is_down(f"builder:{self._builder.name}")


class PollerHarness(Harness):
    """A poller on a scripted builder."""

    def __init__(self, store: Store, builder: ScriptedBuilder) -> None:
        super().__init__(store)
        self.poller = self.add(
            Poller(
                builder.name,
                builder,
                builds=store.builds,
                health=self.builder_health(builder.name),
                notice_policy=NoticePolicy(store.clock),
                clock=store.clock,
                on_ended=self.hand_over("on_ended"),
                wake_notifiers=self.hand_over("wake_notifiers"),
            )
        )
        self._builder = builder

    async def polled(self, build: Build, status: Status) -> Build:
        """The build, after the poller has read this status of it."""
        self._builder.statuses[build.id] = status
        await self.settled()
        return await self.store.build(build.id)


class NotifierHarness(Harness):
    """A notifier on a scripted channel; those `beside` it have one each, which it wakes."""

    def __init__(
        self,
        store: Store,
        channel: ScriptedChannel,
        target: Target | None = None,
        settings: ChannelSettings | None = None,
        beside: Sequence[ScriptedChannel] = (),
    ) -> None:
        super().__init__(store)
        self._target = target or Target(channel.name)
        others = [self._of(other, Target(other.name), ChannelSettings()) for other in beside]
        self.notifier = self.add(self._of(channel, self._target, settings or ChannelSettings(), *others))
        for other in others:
            self.add(other)
        self._channel = channel

    def _of(
        self, channel: ScriptedChannel, target: Target, settings: ChannelSettings, *woken: Service
    ) -> Notifier:
        return Notifier(
            channel.name,
            channel,
            target,
            settings,
            notices=self.store.notices,
            health=self.store.health,
            clock=self.store.clock,
            wake_notifiers=self.hand_over("wake_notifiers", *woken),
        )

    @property
    def attempted(self) -> list[str]:
        """The ids of the notices that the channel was given, one for each attempt."""
        return [notice.id for notice in self._channel.attempts]

    async def health(self) -> tuple[bool, float]:
        """Whether the channel is down, and for how many more seconds it is left alone."""
        found = await self.store.health.get(f"channel:{self._channel.name}")
        until = max(found.paused_until, await self.store.notices.paused_until(self._target.key))
        return found.down_since is not None, max(0.0, until - self.store.clock())


class DispatcherHarness(Harness):
    """A dispatcher on rules that a test may replace."""

    def __init__(
        self,
        store: Store,
        rules: RuleSet,
        forges: Mapping[str, Forge],
        default_notices: Sequence[NoticeSetting] = (),
    ) -> None:
        super().__init__(store)
        self.rules = rules
        self.dispatcher = self.add(
            Dispatcher(
                forges,
                lambda: self.rules,
                store.deliveries,
                default_notices=lambda: default_notices,
                notice_policy=NoticePolicy(store.clock),
                on_dispatched=self.hand_over("on_dispatched"),
            )
        )

    async def put(self, *deliveries: Delivery) -> list[DeliveryRow]:
        """Store deliveries, and wait until they are decided."""
        ids = [(await self.store.deliveries.put(delivery)).id for delivery in deliveries]
        await self.rounds(self.dispatcher).settled()
        return [await self.row(one) for one in ids]

    async def row(self, delivery_id: str) -> DeliveryRow:
        found = await self.store.deliveries.get(delivery_id)
        assert found is not None
        assert found[0].state is not DeliveryState.STORED
        return found[0]


class SchedulerHarness(DispatcherHarness):
    """A scheduler, and the dispatcher that it wakes."""

    def __init__(self, store: Store, rules: RuleSet, forges: Mapping[str, Forge]) -> None:
        super().__init__(store, rules, forges)
        dispatching = self._rounds.pop(self.dispatcher)
        self.scheduler = self.add(self.another())
        self._rounds[self.dispatcher] = dispatching

    def another(self) -> Scheduler:
        """A scheduler on the same store, which does not run yet."""
        return Scheduler(
            lambda: self.rules,
            self.store.schedules,
            ServiceNoticePolicy(self.store.clock),
            self.store.clock,
            on_due=self.hand_over("on_due", self.dispatcher),
            wake_notifiers=self.hand_over("wake_notifiers"),
        )


class ReloaderHarness(Harness):
    """A reloader on a folder of rules; it looks at the files only when a test lets it."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        default_notices: Sequence[NoticeSetting],
        load: Callable[[], FileRules] | None = None,
    ) -> None:
        super().__init__(store)
        merge, disk = RuleMerge(), FolderDisk(folder, default_notices)
        begun = disk.load()
        if load is not None:
            disk = FolderDisk(folder, default_notices, load)
            disk.tried = disk.fingerprint()
        sources = RuleSources(
            begun=InForce(files=begun.files, rules=merge(begun.files, NOTHING_STORED), ids={}),
            config=begun.config,
            disk=disk,
            repositories=store.repositories,
            merge=merge,
        )
        self.reloader = self.add(
            Reloader(
                sources,
                health=store.health,
                clock=store.clock,
                use=lambda _: None,
                on_reloaded=self.hand_over("on_reloaded"),
                wake_notifiers=self.hand_over("wake_notifiers"),
            )
        )

    async def settled(self) -> None:
        """Until it waits for another look."""
        rounds = self.rounds(self.reloader)
        await eventually(lambda: rounds.idle)

    async def look(self, times: int = 2) -> None:
        """So many looks at the files, one after the other, and no other."""
        await self.settled()
        for _ in range(times):
            self.reloader.wake()
            await self.settled()

    def names(self) -> list[str]:
        return sorted(repository.repo_name for repository in self.reloader.rules.repositories.values())

    def pattern(self, name: str = "shop") -> str:
        return str(self.reloader.rules.repositories["acme", name].build_config.tag_configs[0].refs)

    async def fault(self) -> str | None:
        """Why the rules are down; None while they are not."""
        health = await self.store.health.get("rules")
        return health.why if health.down_since is not None else None
