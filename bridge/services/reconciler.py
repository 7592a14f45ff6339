"""The reconciler: pushes that no webhook reported are named and, where wanted, built.

It asks the Git hosts for the refs of the code that the rules build, and compares them with what they were at
the last look and with what deliveries reported since. What differs is looked at once more after a grace: its
webhook may be under way, or the host, where it can, sends again what it could not deliver. All that a look
finds is one transaction, deliveries and notices included: who dies before it finds the same again. The first
look at a repository only notes what is there.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import anyio
import structlog

from bridge.config.loader import Config
from bridge.errors import RemoteError
from bridge.forges.webhooks import Webhooks
from bridge.model.missed import HostRef
from bridge.planning.looked_code import Code, Move, codes
from bridge.rules.lending import lending
from bridge.rules.match import RuleSet
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.git.look import ANY, REMOTE, host_refs
from bridge.runtime.metrics import LOOKS
from bridge.services.base import Service
from bridge.services.missed_pushes import Look, MissedPushes
from bridge.services.redeliveries import Redeliveries
from bridge.services.source_health import SourceHealth
from bridge.store.base import Store
from bridge.store.refs import CodeLook, NewLook
from bridge.store.values import ServiceNoticesFor

log = structlog.get_logger()

FIRST_SECONDS: Final = 20.0
"""After the start, so that what waits at the hosts can come first."""
MAX_PAUSE_SECONDS: Final = 3600.0
"""After looks that fail, which come half as often each time: a host may lock out who fails to sign in."""
GRACE_SECONDS: Final = 60.0
"""How long a webhook may be under way."""
ASKING_SECONDS: Final = 900.0
"""The same, while the host sends again what it could not deliver."""
PACE_SECONDS: Final = 2.0
"""A host with many repositories is asked for one of them in this time, on average."""
_HOSTS_AT_ONCE: Final = 4
_ROUND_SECONDS: Final = 30.0
"""A host has so long in each round: what is left is asked for in the next one."""
_JITTER: Final = 0.2


class InForce(Protocol):
    """What is in force, as the reloader has it."""

    @property
    def rules(self) -> RuleSet: ...
    @property
    def config(self) -> Config: ...


@dataclass(slots=True)
class _Pending:
    """When a code repository is looked at next, how many looks in a row have failed, and the suspects.

    These are the refs that may be missed, and since when. While `asking`, the host is sending again what it
    could not deliver. `error` is why looks fail, and not only the last one: empty while they go well, None
    before that is known.
    """

    due_at: float
    failed: int = 0
    error: str | None = None
    asking: bool = False
    suspects: dict[str, tuple[Move, float]] = field(default_factory=dict)


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
        self._jitter = jitter
        self._missed = MissedPushes(store, notices_for, clock, on_missed=on_missed)
        self._redeliveries = Redeliveries(webhooks, store.looks, clock)
        self._health = SourceHealth(store.health, on_missed)
        self._round_at = clock()
        self._has_begun = False
        self._pending: dict[str, _Pending] = {}

    async def round(self) -> float | None:
        """Look at what is due, at few hosts at once; how long nothing will be."""
        if not self._has_begun:
            await self._missed.begin()
            self._has_begun = True
        now = self._clock()
        if now < self._round_at:
            self._pending.clear()
        self._round_at = now
        looked_at = codes(self._in_force.rules, self._in_force.config)
        self._schedule(looked_at, now)
        limiter = anyio.CapacityLimiter(_HOSTS_AT_ONCE)
        async with anyio.create_task_group() as tasks:
            for group in (await self._due(looked_at, now)).values():
                tasks.start_soon(self._look_at_host, group, limiter)
        errors = {key: one.error for key, one in self._pending.items()}
        await self._health.follow(looked_at, errors, self._in_force.config.settings.sources)
        soonest = min((one.due_at for one in self._pending.values()), default=None)
        return None if soonest is None else soonest - self._clock()

    def _schedule(self, codes: Mapping[str, Code], now: float) -> None:
        self._pending = {key: one for key, one in self._pending.items() if key in codes}
        for key in codes.keys() - self._pending.keys():
            self._pending[key] = _Pending(now + FIRST_SECONDS * (1 + _JITTER * self._jitter()))

    async def _due(self, codes: Mapping[str, Code], now: float) -> dict[str, list[tuple[Code, str]]]:
        """What is due, with its clone address, by hosts; the longest first."""
        hosts: dict[str, list[tuple[Code, str]]] = {}
        for key in sorted(codes, key=lambda key: self._pending[key].due_at):
            code, pending = codes[key], self._pending[key]
            if pending.due_at > now:
                break
            if url := await self._address(code):
                hosts.setdefault(code.host(url), []).append((code, url))
            else:
                pending.error = ""
                self._postpone(pending, code.every)
        return hosts

    async def _address(self, code: Code) -> str | None:
        if code.clone_url:
            return code.clone_url
        known = (await self._store.looks.last(code.key)).clone_url
        path = code.rule.build_config.code_path
        return known or (f"{code.access.base}/{path}.git" if code.access and path else None)

    def _postpone(self, pending: _Pending, seconds: float) -> None:
        pending.due_at = self._clock() + seconds * (1 + _JITTER * (self._jitter() - 0.5))

    async def _look_at_host(self, group: Sequence[tuple[Code, str]], limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            until = anyio.current_time() + _ROUND_SECONDS
            for code, url in group:
                if anyio.current_time() > until:
                    return
                await self._look(code, url, max(code.every, len(group) * PACE_SECONDS))

    async def _look(self, code: Code, url: str, every: float) -> None:
        pending = self._pending[code.key]
        lent = lending(self._in_force.rules, code.rule, code.source, url).source
        asked_at = self._clock()
        try:
            # An address that a push named is no way to files of this machine.
            found = await host_refs(
                url, code.access if lent else None, code.source, ANY if code.clone_url else REMOTE
            )
        except RemoteError as error:
            pending.failed += 1
            pending.error = str(error) if pending.failed > 1 else pending.error
            LOOKS.labels(code.source, "failed").inc()
            self._postpone(pending, max(every, min(every * 2 ** min(pending.failed, 16), MAX_PAUSE_SECONDS)))
            if await self._store.looks.fail(code.key, url, str(error), self._clock()):
                log.warning(LogEvent.LOOK_FAILED, source=code.source, repo=code.name, error=str(error))
            return
        pending.failed, pending.error = 0, ""
        LOOKS.labels(code.source, "answered").inc()
        known, now = await self._store.looks.last(code.key), self._clock()
        if known.looked_at is None:
            await self._store.looks.keep(_baseline(code, url, known, found, now))
            self._postpone(pending, every)
            return
        if known.error:
            log.info(LogEvent.LOOK_RESTORED, source=code.source, repo=code.name)
        look = Look(code, url, known, found, asked_at, now)
        unreported = await self._missed.unreported(self._in_force.rules, look)
        pending.asking = await self._have_sent_again(code, pending, unreported, known)
        confirmed = self._confirmed(code, pending, unreported, self._clock())
        await self._missed.keep(look, confirmed, pending.suspects)
        self._postpone(pending, min(GRACE_SECONDS, every) if pending.suspects else every)

    async def _have_sent_again(
        self, code: Code, pending: _Pending, unreported: Mapping[str, Move], known: CodeLook
    ) -> bool:
        """Have the host send again what it could not deliver, where refs moved; whether to wait for that."""
        before = pending.suspects
        is_new = any(ref not in before or before[ref][0].at != move.at for ref, move in unreported.items())
        if code.polled or not (is_new or (pending.asking and unreported)):
            return False
        public_url = self._in_force.config.settings.server.public_url
        return await self._redeliveries.ask(code, public_url, known.looked_at or 0.0, unreported.values())

    def _confirmed(
        self, code: Code, pending: _Pending, unreported: Mapping[str, Move], now: float
    ) -> list[Move]:
        """Those that were found a grace ago and moved on at most; from now on the others are suspects.

        Where a webhook reported a part of it meanwhile, the one of the rest may be under way.
        """
        grace = 0.0 if code.polled else ASKING_SECONDS if pending.asking else GRACE_SECONDS
        suspects: dict[str, tuple[Move, float]] = {}
        confirmed: list[Move] = []
        for ref, move in unreported.items():
            earlier, since = pending.suspects.get(ref, (move, now))
            if earlier.before != move.before:
                since = now
            if now - since >= grace and not move.doubtful:
                confirmed.append(move)
            else:
                suspects[ref] = (move, since)
        pending.suspects = suspects
        return confirmed


def _baseline(code: Code, url: str, known: CodeLook, found: Mapping[str, HostRef], now: float) -> NewLook:
    refs = {ref: one.pushed for ref, one in found.items()}
    return NewLook(code=code.key, looks=known.looks, clone_url=url, looked_at=now, changed=refs)
