"""The reconciler: pushes that no webhook reported are named and, where wanted, built.

It asks the Git hosts for the refs of the code that the rules build, and compares them with what they were at
the last look and with what deliveries reported since. What differs is looked at once more after a grace: its
webhook may be under way, or the host, where it can, sends again what it could not deliver. All that a look
finds is one transaction, deliveries and notices included: who dies before it finds the same again. The first
look at a repository only notes what is there.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

import anyio
import structlog

from bridge.config.loader import Config
from bridge.errors import Denied, RemoteError, StoreError, Transient
from bridge.forges.webhooks import Webhooks
from bridge.model.missed import HostRef
from bridge.planning.looked_code import Code, Move, codes
from bridge.rules.lending import lending
from bridge.rules.match import RuleSet
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.git.access import web_server
from bridge.runtime.git.look import ANY, REMOTE, host_refs
from bridge.runtime.metrics import LOOKS
from bridge.services.base import Service
from bridge.services.look_queue import LookedHost, LookQueue, Pending, Suspect
from bridge.services.missed_pushes import Look, MissedPushes
from bridge.services.redeliveries import Redeliveries
from bridge.services.source_health import SourceHealth
from bridge.store.base import Store
from bridge.store.refs import CodeLook, NewLook
from bridge.store.values import ServiceNoticesFor

log = structlog.get_logger()

GRACE_SECONDS: Final = 60.0
"""How long a webhook may be under way."""
ASKING_SECONDS: Final = 900.0
"""The same, while the host sends again what it could not deliver."""
MOVING_SECONDS: Final = 900.0
"""A ref that moves on and on is missed after so long, though the webhook of its newest move may come yet."""
_LOOKS_AT_ONCE: Final = 8
"""Each is a process of Git. Hosts that do not answer are asked too rarely to keep these places."""
_EMPTY: Final = "the host names no branch and no tag any more: if all were removed, this counts in an hour"
_NO_ADDRESS: Final = "nothing says where it is: give its rule code_repo_clone_url"


class InForce(Protocol):
    """What is in force, as the reloader has it."""

    @property
    def rules(self) -> RuleSet: ...
    @property
    def config(self) -> Config: ...


class Reconciler(Service):
    """Looks at the Git hosts for what their webhooks did not report."""

    tick = 30.0

    def __init__(
        self,
        in_force: InForce,
        store: Store,
        notices_for: ServiceNoticesFor,
        clock: Clock,
        webhooks: Mapping[str, type[Webhooks]],
        *,
        on_missed: Callable[[], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__("reconciler")
        self._in_force = in_force
        self._store = store
        self._clock = clock
        self._missed = MissedPushes(store, notices_for, clock, on_missed=on_missed)
        self._redeliveries = Redeliveries(webhooks, store.looks, clock)
        self._health = SourceHealth(store.health, on_missed)
        self._queue = LookQueue(clock, jitter)
        self._round_at = clock()
        self._has_begun = False
        self._seen: tuple[RuleSet, Config] | None = None
        self._codes: Mapping[str, Code] = {}
        self._wanted: Collection[str] | None = None
        self._asked = 0
        self._answer = anyio.Event()
        self._store_error_of_look: StoreError | None = None

    async def run(self) -> None:
        """As all services; hosts are asked beside the rounds, since one may not answer for long."""
        self._places = anyio.CapacityLimiter(_LOOKS_AT_ONCE)
        async with anyio.create_task_group() as self._tasks:
            await super().run()

    async def round(self) -> float | None:
        """Look at what is due, until all hosts have answered, or others are due; how long nothing will be."""
        if not self._has_begun:
            await self._missed.begin()
            self._has_begun = True
        self._keep_up()
        # Without any code the folder of the rules is rather not mounted.
        if self._codes and self._wanted != self._codes.keys():
            # What moves while no rule wants it is no news once one does again.
            await self._store.looks.forget_others(self._codes)
            self._wanted = {*self._codes}
        for name, group in (await self._due()).items():
            host = self._queue.host(name)
            host.is_asked = True
            self._asked += 1
            self._tasks.start_soon(self._ask, host, group)
        await self._answers()
        if error := self._store_error_of_look:
            self._store_error_of_look = None
            raise error
        await self._health.follow(self._codes, self._queue.errors, self._in_force.config.settings.sources)
        return self._queue.wait

    async def _answers(self) -> None:
        """Until all hosts that are asked have answered, or another one is due."""
        while self._asked:
            self._answer = anyio.Event()
            with anyio.move_on_after(self._bounded(self._queue.wait)) as until:
                await self._answer.wait()
            if until.cancelled_caught:
                return

    def _keep_up(self) -> None:
        """Have the queue follow the rules and the configuration, and a clock that was set back."""
        now, (rules, config) = self._clock(), (self._in_force.rules, self._in_force.config)
        is_back, self._round_at = now < self._round_at, now
        if is_back:
            self._queue.restart()
        if is_back or self._seen is None or self._seen[0] is not rules or self._seen[1] is not config:
            self._seen = rules, config
            self._codes = codes(rules, config)
            self._queue.set(self._codes)

    async def _due(self) -> dict[str, list[Pending]]:
        """What is due, by hosts; the longest due first."""
        hosts: dict[str, list[Pending]] = {}
        for pending in self._queue.due():
            if not pending.host and (url := await self._address(pending.code)):
                pending.host = pending.code.host(url)
            if not pending.host:
                pending.error = _NO_ADDRESS if pending.code.polled else ""
                self._queue.postpone(pending, pending.code.every)
            elif self._queue.may_be_asked(pending):
                hosts.setdefault(pending.host, []).append(pending)
        return hosts

    async def _address(self, code: Code) -> str | None:
        if code.clone_url:
            return code.clone_url
        known = (await self._store.looks.last(code.key)).clone_url
        # What was looked at before the source named its host may be another one's.
        is_elsewhere = code.access is not None and web_server(known) not in {None, code.access.base}
        return (code.made_url if is_elsewhere or not known else known) or known or None

    async def _ask(self, host: LookedHost, group: Sequence[Pending]) -> None:
        """Look at code at one host, as far as its pace and its answers allow."""
        try:
            for pending in group:
                if not self._queue.holds(pending):
                    continue
                if not host.take():
                    break
                try:
                    await self._look(pending, host)
                except StoreError as error:
                    self._store_error_of_look = error
                    # The host is not asked on and on for what cannot be kept, nor does its other code wait.
                    self._queue.postpone(pending, min(GRACE_SECONDS, pending.code.every))
                    break
            self.wake()
        finally:
            host.is_asked = False
            self._asked -= 1
            self._answer.set()

    async def _look(self, pending: Pending, host: LookedHost) -> None:
        code, url = pending.code, await self._address(pending.code)
        if url is None or code.host(url) != pending.host:
            pending.host = ""  # a push has named another address
            return
        lent = lending(self._in_force.rules, code.rule, code.source, url).source
        access = code.access if lent else None
        try:
            async with self._places:
                asked_at = self._clock()
                # An address that a push named is no way to files of this machine.
                found = await host_refs(url, access, code.source, ANY if code.clone_url else REMOTE)
        except RemoteError as error:
            await self._failed(pending, host, url, error)
            return
        host.answered()
        known, now = await self._store.looks.last(code.key), self._clock()
        if pending.is_unbelievable(known.refs, found, now):
            await self._failed(pending, host, url, Transient(_EMPTY))
            return
        self._queue.answered(pending)
        LOOKS.labels(code.source, "answered").inc()
        if known.looked_at is None:
            await self._store.looks.keep(_baseline(code, url, known, found, now))
            self._queue.postpone(pending, code.every)
            return
        if known.error:
            log.info(LogEvent.LOOK_RESTORED, source=code.source, repo=code.name)
        look = Look(code, url, known, found, asked_at, now)
        unreported = await self._missed.unreported(self._in_force.rules, look)
        pending.asking = await self._have_sent_again(code, pending, unreported, known)
        confirmed = self._confirmed(code, pending, unreported, self._clock())
        await self._missed.keep(look, confirmed, pending.suspects)
        self._queue.postpone(pending, min(GRACE_SECONDS, code.every) if pending.suspects else code.every)

    async def _failed(self, pending: Pending, host: LookedHost, url: str, error: RemoteError) -> None:
        code = pending.code
        self._queue.failed(pending, host, str(error), refused=isinstance(error, Denied))
        if isinstance(error, Denied) and await self._is_never_shown(code):
            pending.error = ""
        LOOKS.labels(code.source, "failed").inc()
        if await self._store.looks.fail(code.key, url, str(error), self._clock()):
            log.warning(LogEvent.LOOK_FAILED, source=code.source, repo=code.name, error=str(error))

    async def _is_never_shown(self, code: Code) -> bool:
        """Private code of webhooks, for which the source has no `clone`: no one expects looks at it."""
        if code.polled or code.access is not None:
            return False
        return (await self._store.looks.last(code.key)).looked_at is None

    async def _have_sent_again(
        self, code: Code, pending: Pending, unreported: Mapping[str, Move], known: CodeLook
    ) -> bool:
        """Have the host send again what it could not deliver, where refs moved; whether to wait for that."""
        before = pending.suspects
        is_new = any(ref not in before or before[ref].move.at != move.at for ref, move in unreported.items())
        if code.polled or not (is_new or (pending.asking and unreported)):
            return False
        public_url = self._in_force.config.settings.server.public_url
        return await self._redeliveries.ask(code, public_url, known.looked_at or 0.0, unreported.values())

    def _confirmed(
        self, code: Code, pending: Pending, unreported: Mapping[str, Move], now: float
    ) -> list[Move]:
        """Those that were found a grace ago, as they are now; from now on the others are suspects.

        Where a webhook reported a part of it meanwhile, or the ref moved on, the one of the rest may be under
        way.
        """
        grace = 0.0 if code.polled else ASKING_SECONDS if pending.asking else GRACE_SECONDS
        suspects: dict[str, Suspect] = {}
        confirmed: list[Move] = []
        for ref, move in unreported.items():
            since = last = now
            earlier = pending.suspects.get(ref)
            if earlier is not None and earlier.move.before == move.before:
                since, last = earlier.since, earlier.last if earlier.move.at == move.at else now
            is_late = now - last >= grace or now - since >= MOVING_SECONDS
            if is_late and not move.doubtful:
                confirmed.append(move)
            else:
                suspects[ref] = Suspect(move, since, last)
        pending.suspects = suspects
        return confirmed


def _baseline(code: Code, url: str, known: CodeLook, found: Mapping[str, HostRef], now: float) -> NewLook:
    refs = {ref: one.pushed for ref, one in found.items()}
    return NewLook(code=code.key, looks=known.looks, clone_url=url, looked_at=now, changed=refs)
