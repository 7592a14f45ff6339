"""The services of each builder and channel of the configuration in force, which they follow.

Whoever is there with the same settings works on. One that was changed or removed finishes what it has in hand
before another takes its place, and holds up no other meanwhile; where that takes too long, the next one finds
in the store what was left, as after a start.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final

import anyio
import structlog
from pydantic import BaseModel

from bridge.builders.base import Builder
from bridge.channels.base import Channel, Ok
from bridge.config.channels import common
from bridge.config.loader import Config
from bridge.errors import RemoteError
from bridge.model.language import Language
from bridge.model.node import BUILDER, CHANNEL
from bridge.model.notice import Notice
from bridge.planning.notice_policy import NoticePolicy
from bridge.posts import Part, Post, configured, duties, full_name, moves, posts
from bridge.registry import Plan, close_all, previews
from bridge.runtime import metrics
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.services.base import Crew, HandOver, Service
from bridge.services.channel_test import answer_text, end_pauses, notice_of_test
from bridge.services.health import DISK
from bridge.services.housekeeper import recover
from bridge.services.leftovers import MOVED, NODE_GONE, leave_behind
from bridge.services.membership import Covered, Membership
from bridge.services.notifier import Notifier, Target
from bridge.services.poller import Poller
from bridge.services.room import Rooms
from bridge.services.servers import Servers
from bridge.services.triggerer import Triggerer
from bridge.store.base import Store

log = structlog.get_logger()

TEST_SECONDS: Final = 45.0
"""How long a builder or channel that is tested may take: less than who asks for it waits."""
_HINT: Final = "hint"
"""What is called, with the name of the builder, where a hint is for another node."""
_CHANGED: Final = "a reload changes or removes it just now: test it again"


@dataclass(frozen=True, slots=True)
class _Filled:
    """A post with its adapter and services."""

    post: Post
    adapter: Builder | Channel
    services: Sequence[Service]


class Staff(Service):
    """Has a triggerer and a poller for each builder, a notifier for each channel, and ends those of others.

    Those that share a server or a target are one duty: another node may have it. `on_changed` is called when
    one has ended or begun, since what waits may have no one to serve it.
    """

    tick = 60.0

    def __init__(
        self,
        config: Callable[[], Config],
        crew: Crew,
        store: Store,
        clock: Clock,
        *,
        membership: Callable[[], Membership],
        notice_policy: NoticePolicy,
        on_changed: Callable[[], None],
    ) -> None:
        super().__init__("staff")
        self._membership = membership
        self._config = config
        self._crew = crew
        self._store = store
        self._clock = clock
        self._notice_policy = notice_policy
        self._on_changed = on_changed
        self._servers = Servers(store.health, clock, self.wake_notifiers)
        self._targets: dict[str, Target] = {}
        self._filled: dict[Part, _Filled] = {}
        self._ending: set[Part] = set()
        """Those of `_filled` whose services are ending; none of the same name begins before."""
        self._left: list[Part] = []
        """Those whose services have ended since the last round."""
        self._last: dict[Part, Plan[Builder | Channel]] = {}
        """What each builder was made of last: one that is away for a while may come back elsewhere."""
        self._leaving: list[Builder | Channel] = []
        """Adapters whose services have ended; they are still to be closed."""
        self._begun = False

    @cached_property
    def _rooms(self) -> Rooms:
        """Of the disk of the store, which stays the same whatever is reloaded."""
        return Rooms(self._config(), self._store.health, self._clock, self.wake_notifiers)

    def duties(self) -> Mapping[str, Covered]:
        """The duties of the configuration."""
        return duties(posts(self._config(), self._store, self._clock).values())

    def known(self, what: str) -> set[str]:
        """The builders or channels that there are, here or for another node."""
        here = {*dict(configured(self._config()))[what], *self._names(what)}
        pairs = (one.partition(":") for one in self._membership().elsewhere())
        return here | {name for kind, _, name in pairs if kind == what}

    def does(self, name: str) -> bool:
        """Whether any service of the duty or part is at work, or ending."""
        return any(name in {one.post.duty, full_name(part)} for part, one in self._filled.items())

    def builders(self) -> set[str]:
        """The names of those that there are, or are about to be."""
        return {*self._config().builders, *self._names(BUILDER)}

    def channels(self) -> set[str]:
        return {*self._config().channels, *self._names(CHANNEL)}

    def wake_all(self) -> None:
        """Builds and notices may be due."""
        self._wake(BUILDER, CHANNEL)

    def wake_notifiers(self) -> None:
        self._wake(CHANNEL)

    def hear(self, word: str) -> None:
        """Another node has builds or notices that this one may have to do with, or has got a hint."""
        kind, _, name = word.partition(":")
        if kind == _HINT:
            self._servers.hint(name)
            return
        for one in self._services(word):
            one.wake()

    async def recover(self) -> None:
        """Take up what earlier nodes left, none of which is there any more. Raises StoreError."""
        config, policy = self._config(), self._notice_policy
        await recover(self._store, config.builders, config.channels, config.settings.sources, policy)

    def _wake(self, *kinds: str) -> None:
        """Wake the services of these kinds, wherever they are."""
        for kind, names in configured(self._config()):
            if kind in kinds:
                self.hear(kind)
                if any((kind, name) not in self._filled for name in names):
                    self._store.nodes.call(kind)

    def hint(self, builder: str) -> None:
        """The server of the builder says that something has changed: on some node its poller looks."""
        if not self._servers.hint(builder):
            self._store.nodes.call(f"{_HINT}:{builder}")

    def reopen_channels(self) -> None:
        """Somebody may have mended a channel."""
        for service in self._services(CHANNEL):
            if isinstance(service, Notifier):
                service.reopen()

    async def test(self, part: str) -> tuple[bool, str] | None:
        """Test the builder or channel `builder:NAME` or `channel:NAME`: whether it works, and what it said.

        None where there is no such part. A channel is sent one real notice; if it took that, its pause ends.
        Of a part that a reload ends meanwhile it only says so.
        """
        what, _, name = part.partition(":")
        if (filled := self._filled.get((what, name))) is None:
            return await self._test_apart((what, name))
        try:
            tested = await self._tested(name, filled.adapter, filled.post.beside)
        except Exception:
            if self._stays((what, name), filled):
                raise
            tested = False, ""  # it was closed in the midst of the test
        return tested if self._stays((what, name), filled) else (False, f"{name}: {_CHANGED}")

    async def _test_apart(self, part: Part) -> tuple[bool, str] | None:
        """Test a part that is at work on another node."""
        post = posts(self._config(), self._store, self._clock).get(part)
        if post is None or self._holds(post):
            return None
        adapter = post.plan.make()
        try:
            return await self._tested(part[1], adapter, post.beside)
        finally:
            await close_all([adapter])

    async def _tested(self, name: str, adapter: Builder | Channel, target: str) -> tuple[bool, str]:
        try:
            with anyio.fail_after(TEST_SECONDS):
                if isinstance(adapter, Channel):
                    return await self._test_channel(name, adapter, target)
                return True, f"ok: {await adapter.test()}"
        except RemoteError as error:
            return False, f"{name}: {error}"
        except TimeoutError:
            return False, f"{name}: no answer within {TEST_SECONDS:.0f} s"

    def previews(self, notice: Notice, language: Language | None) -> Mapping[str, str]:
        """What each channel of the configuration in force would send of it."""
        return previews(self._config(), self._store.messages, self._clock, notice, language=language)

    def _stays(self, part: Part, filled: _Filled) -> bool:
        return self._filled.get(part) is filled and part not in self._ending

    async def _test_channel(self, name: str, channel: Channel, target: str) -> tuple[bool, str]:
        now, shared = self._clock(), self._targets.get(target) or Target(target)
        async with shared.lock:
            outcome = await channel.send(notice_of_test(name, now))
        if worked := isinstance(outcome, Ok):
            # Not the targets of the configuration: a reload may have changed it meanwhile.
            await end_pauses(self._store, name, dict.fromkeys((name, *shared.channels), target), now)
            self.wake_notifiers()
        return worked, answer_text(name, outcome)

    async def aclose(self) -> None:
        """Close all adapters, once no service is at work any more."""
        await close_all([*self._leaving, *(one.adapter for one in self._filled.values())])

    async def round(self) -> None:
        """Follow the configuration in force. Raises StoreError."""
        config = self._config()
        known = posts(config, self._store, self._clock)
        wanted = {part: post for part, post in known.items() if self._holds(post)}
        for part, filled in self._filled.items():
            if wanted.get(part) != filled.post and part not in self._ending:
                self._ending.add(part)
                if known.get(part) == filled.post:  # it is another node's now, which may move it
                    self._last.pop(part, None)
                self._crew.leave(filled.services, partial(self._release, part))
        left, self._left = self._left, []
        # The series of what is leaving stay until it has: it still counts.
        metrics.prepare(config.settings.sources, self.builders(), self.channels())
        came = [part for part in wanted if part not in self._filled]
        for part in came:
            await self._settle(wanted[part])
            if self._holds(wanted[part]):  # it may be another's by now
                self._fill(wanted[part])
        if self._begun and (left or came):
            names = {"ended": [full_name(part) for part in left], "begun": [full_name(part) for part in came]}
            log.info(LogEvent.STAFF_CHANGED, **names)
        self._begun = True
        await self._close()
        await self._forget(known)
        if left or came:
            self._on_changed()

    def _holds(self, post: Post) -> bool:
        """Whether it is for this node to act for it."""
        return self._membership().holds(post.duty, full_name(post.part))

    def _release(self, part: Part) -> None:
        """The services of this have ended: the next one may begin."""
        what, name = part
        filled = self._filled.pop(part)
        self._ending.remove(part)
        self._left.append(part)
        self._leaving.append(filled.adapter)
        if what == BUILDER:
            self._servers.leave(name)
        else:
            self._targets[filled.post.beside].channels.discard(name)
        used = {filled.post.beside for (what, _), filled in self._filled.items() if what == CHANNEL}
        self._targets = {key: target for key, target in self._targets.items() if key in used}
        self.wake()

    async def _settle(self, post: Post) -> None:
        """Before a builder begins: end what it has elsewhere, where it was until now."""
        (what, name), membership = post.part, self._membership()
        if what != BUILDER:
            return
        moved = self._has_moved(post)
        if moved or membership.inherits(post.duty):
            why = MOVED if moved else NODE_GONE
            await leave_behind(self._store.builds, name, self._notice_policy, why)
            self.wake_notifiers()
        await membership.settle_at(full_name(post.part), post.place)
        if post.is_bound:
            await membership.settle(post.duty)

    def _has_moved(self, post: Post) -> bool:
        """Whether a builder was elsewhere until now, on this node or another one."""
        before = self._membership().place(full_name(post.part))
        if before is None or post.is_bound:
            return post.part in self._last and moves(self._last[post.part], post.plan)
        return before != post.place

    def _fill(self, post: Post) -> None:
        part, name = post.part, post.part[1]
        adapter = post.plan.make()
        if isinstance(adapter, Channel):
            services: Sequence[Service] = [self._of_channel(name, adapter, post.plan.settings, post.beside)]
        else:
            services = self._of_builder(name, adapter, post.beside)
            self._last[part] = post.plan
        self._filled[part] = _Filled(post, adapter, services)
        self._crew.join(*services)

    def _of_channel(self, name: str, channel: Channel, settings: BaseModel, target: str) -> Notifier:
        shared = self._targets.setdefault(target, Target(target))
        shared.channels.add(name)
        return Notifier(
            name,
            channel,
            shared,
            common(settings),
            notices=self._store.notices,
            health=self._store.health,
            clock=self._clock,
            wake_notifiers=self.wake_notifiers,
        )

    def _of_builder(self, name: str, builder: Builder, server: str) -> list[Service]:
        builds_ended, health = HandOver(), self._servers.health(name, server)
        poller = Poller(
            name,
            builder,
            builds=self._store.builds,
            health=health,
            notice_policy=self._notice_policy,
            clock=self._clock,
            on_ended=builds_ended,
            wake_notifiers=self.wake_notifiers,
        )
        self._servers.join(name, server, health, poller.hint)
        triggerer = Triggerer(
            name,
            builder,
            builds=self._store.builds,
            jobs=self._store.jobs,
            health=health,
            rooms=self._rooms.of_builder(name, builder.folder),
            notice_policy=self._notice_policy,
            clock=self._clock,
            on_triggered=poller.wake,
            wake_notifiers=self.wake_notifiers,
        )
        builds_ended.add(triggerer)
        return [triggerer, poller]

    async def _close(self) -> None:
        leaving = list(self._leaving)
        await close_all(leaving)
        del self._leaving[: len(leaving)]

    async def _forget(self, wanted: Mapping[Part, Post]) -> None:
        """Forget the health of parts that are gone: nobody can mend them."""
        kinds = {BUILDER: BUILDER, CHANNEL: CHANNEL, DISK: BUILDER}
        gone = []
        for health in await self._store.health.all():
            what, _, name = health.name.partition(":")
            kind = kinds.get(what)
            if name and kind and (kind, name) not in wanted and name not in self.known(kind):
                gone.append(health.name)
        if gone:
            await self._store.health.forget(gone)

    def _names(self, what: str) -> list[str]:
        return [name for kind, name in self._filled if kind == what]

    def _services(self, *kinds: str) -> list[Service]:
        return [one for (kind, _), filled in self._filled.items() if kind in kinds for one in filled.services]
