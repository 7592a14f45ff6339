"""The reconciler: pushes that no webhook reported are named and, where wanted, built.

It asks the Git hosts for the refs of the code that the rules build, and compares them with what they were at
the last look and with what deliveries reported since. What differs is looked at once more after a grace: its
webhook may be under way. All that a look finds is one transaction, deliveries and notices included: who dies
before it finds the same again. The first look at a repository only notes what is there.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import anyio
import structlog

from bridge.config.loader import Config
from bridge.config.settings import SourceSettings
from bridge.errors import RemoteError
from bridge.model.delivery import Delivery
from bridge.model.event import RefKind
from bridge.model.missed import HostRef, MissedRef, MissedState
from bridge.model.notice import EventName, Notice, ServiceFacts
from bridge.planning.missed import reason, set_from
from bridge.rules.lending import lending
from bridge.rules.match import RuleSet
from bridge.rules.reconciled import ReconciledPush
from bridge.rules.schema import BuildRepository
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.git.access import CloneAccess, web_server
from bridge.runtime.git.look import ANY, REMOTE, host_refs
from bridge.runtime.metrics import MISSED
from bridge.services.base import Service
from bridge.store.base import Store
from bridge.store.refs import CodeLook, NewLook
from bridge.store.values import ServiceNoticesFor

log = structlog.get_logger()

FIRST_SECONDS: Final = 20.0
"""After the start, so that what waits at the hosts can come first."""
LOOK_SECONDS: Final = 300.0
"""From one look at a repository to the next."""
MAX_PAUSE_SECONDS: Final = 3600.0
"""After looks that fail, which come half as often each time: a host may lock out who fails to sign in."""
GRACE_SECONDS: Final = 60.0
"""How long a webhook may be under way."""
PACE_SECONDS: Final = 2.0
"""A host with many repositories is asked for one of them in this time, on average."""
_HOSTS_AT_ONCE: Final = 4
_ROUND_SECONDS: Final = 30.0
"""A host has so long in each round: what is left is asked for in the next one."""
_JITTER: Final = 0.2
_NAMED: Final = 5
"""A notice names so many refs."""
_NO_OBJECT: Final = "0" * 40


class InForce(Protocol):
    """What is in force, as the reloader has it."""

    @property
    def rules(self) -> RuleSet: ...
    @property
    def config(self) -> Config: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    """Code that rules build from; `clone_url` is what a rule says, `access` is what the source lends."""

    key: str
    source: str
    rule: BuildRepository
    settings: SourceSettings
    access: CloneAccess | None
    clone_url: str | None

    @property
    def name(self) -> str:
        return self.rule.build_config.code

    @property
    def polled(self) -> bool:
        return self.settings.poll is not None

    @property
    def every(self) -> float:
        poll = self.settings.poll
        return LOOK_SECONDS if poll is None else poll.total_seconds()

    def host(self, url: str) -> str:
        """What is asked gently."""
        return web_server(url) or self.source


@dataclass(frozen=True, slots=True)
class _Move:
    """A ref that moved to what it is `at` now, None where it is gone; `before` is empty for a new one."""

    ref: str
    before: str
    at: HostRef | None
    push: ReconciledPush


@dataclass(slots=True)
class _Pending:
    """When a code repository is looked at next, how many looks in a row have failed, and the suspects.

    These are the refs that may be missed, and since when.
    """

    due_at: float
    failed: int = 0
    suspects: dict[str, tuple[_Move, float]] = field(default_factory=dict)


class Reconciler(Service):
    """Looks at the Git hosts for what their webhooks did not report."""

    tick = 30.0

    def __init__(
        self,
        in_force: InForce,
        store: Store,
        notices_for: ServiceNoticesFor,
        clock: Clock,
        *,
        on_missed: Callable[[], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__("reconciler")
        self._in_force = in_force
        self._store = store
        self._notices_for = notices_for
        self._clock = clock
        self._on_missed = on_missed
        self._jitter = jitter
        self._began = self._round_at = clock()
        self._last_sign: float | None = None
        self._has_begun = False
        self._pending: dict[str, _Pending] = {}

    async def round(self) -> float | None:
        """Look at what is due, at few hosts at once; how long nothing will be."""
        if not self._has_begun:
            self._last_sign = await self._store.looks.last_sign()
            self._has_begun = True
        now = self._clock()
        if now < self._round_at:
            self._pending.clear()
        self._round_at = now
        codes = self._codes()
        self._schedule(codes, now)
        limiter = anyio.CapacityLimiter(_HOSTS_AT_ONCE)
        async with anyio.create_task_group() as tasks:
            for group in (await self._due(codes, now)).values():
                tasks.start_soon(self._look_at_host, group, limiter)
        soonest = min((one.due_at for one in self._pending.values()), default=None)
        return None if soonest is None else soonest - self._clock()

    def _codes(self) -> dict[str, _Code]:
        """The code that active rules build from, where its source is known."""
        rules, config = self._in_force.rules, self._in_force.config
        accesses, found = config.clone_access, dict[str, _Code]()
        for rule in rules.repositories.values():
            source, of_rule = rules.source_of(rule), rule.build_config
            settings = config.settings.sources.get(source or "")
            is_active = any(one.is_active for one in of_rule.tag_configs) and not rules.api.disabled(rule.key)
            if source is None or settings is None or not is_active or of_rule.code_repository in found:
                continue
            found[of_rule.code_repository] = _Code(
                key=of_rule.code_repository,
                source=source,
                rule=rule,
                settings=settings,
                access=accesses.get(source),
                clone_url=of_rule.code_repo_clone_url,
            )
        return found

    def _schedule(self, codes: Mapping[str, _Code], now: float) -> None:
        self._pending = {key: one for key, one in self._pending.items() if key in codes}
        for key in codes.keys() - self._pending.keys():
            self._pending[key] = _Pending(now + FIRST_SECONDS * (1 + _JITTER * self._jitter()))

    async def _due(self, codes: Mapping[str, _Code], now: float) -> dict[str, list[tuple[_Code, str]]]:
        """What is due, with its clone address, by hosts; the longest first."""
        hosts: dict[str, list[tuple[_Code, str]]] = {}
        for key in sorted(codes, key=lambda key: self._pending[key].due_at):
            code, pending = codes[key], self._pending[key]
            if pending.due_at > now:
                break
            if url := await self._address(code):
                hosts.setdefault(code.host(url), []).append((code, url))
            else:
                self._postpone(pending, code.every)
        return hosts

    async def _address(self, code: _Code) -> str | None:
        if code.clone_url:
            return code.clone_url
        known = (await self._store.looks.last(code.key)).clone_url
        path = code.rule.build_config.code_path
        return known or (f"{code.access.base}/{path}.git" if code.access and path else None)

    def _postpone(self, pending: _Pending, seconds: float) -> None:
        pending.due_at = self._clock() + seconds * (1 + _JITTER * (self._jitter() - 0.5))

    async def _look_at_host(self, group: Sequence[tuple[_Code, str]], limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            until = anyio.current_time() + _ROUND_SECONDS
            for code, url in group:
                if anyio.current_time() > until:
                    return
                await self._look(code, url, max(code.every, len(group) * PACE_SECONDS))

    async def _look(self, code: _Code, url: str, every: float) -> None:
        pending = self._pending[code.key]
        lent = lending(self._in_force.rules, code.rule, code.source, url).source
        try:
            # An address that a push named is no way to files of this machine.
            found = await host_refs(
                url, code.access if lent else None, code.source, ANY if code.clone_url else REMOTE
            )
        except RemoteError as error:
            pending.failed += 1
            self._postpone(pending, max(every, min(every * 2 ** min(pending.failed, 16), MAX_PAUSE_SECONDS)))
            if await self._store.looks.fail(code.key, url, str(error), self._clock()):
                log.warning(LogEvent.LOOK_FAILED, source=code.source, repo=code.name, error=str(error))
            return
        pending.failed = 0
        known, now = await self._store.looks.last(code.key), self._clock()
        if known.looked_at is None:
            await self._store.looks.keep(_baseline(code, url, known, found, now))
            self._postpone(pending, every)
            return
        if known.error:
            log.info(LogEvent.LOOK_RESTORED, source=code.source, repo=code.name)
        unreported = await self._unreported(code, url, known, found)
        confirmed = self._confirmed(code, pending, unreported, now)
        await self._keep(code, url, known, found, confirmed)
        self._postpone(pending, GRACE_SECONDS if pending.suspects else every)

    async def _unreported(
        self, code: _Code, url: str, known: CodeLook, found: Mapping[str, HostRef]
    ) -> dict[str, _Move]:
        """The refs that moved without a delivery, of those that the rules build."""
        rules, now = self._in_force.rules, self._clock()
        unreported: dict[str, _Move] = {}
        for ref in sorted(_differing(known, found) | {*known.moved}):
            moves = await self._store.deliveries.moves(code.key, ref)
            before = set_from(known.refs.get(ref, ""), found.get(ref), moves, known.looked_at or 0.0)
            if before is None:
                continue
            move = _move(code, url, ref, before, found.get(ref))
            # Without a list of changed files, and without its message, this is what a webhook would build.
            if rules.match(move.push.kind, move.push.event(), now, code.source).matches:
                unreported[ref] = move
        return unreported

    def _confirmed(
        self, code: _Code, pending: _Pending, unreported: Mapping[str, _Move], now: float
    ) -> list[_Move]:
        """Those that were found before, a grace ago; from now on the others are suspects."""
        grace = 0.0 if code.polled else GRACE_SECONDS
        suspects: dict[str, tuple[_Move, float]] = {}
        confirmed: list[_Move] = []
        for ref, move in unreported.items():
            earlier, since = pending.suspects.get(ref, (move, now))
            if earlier.at != move.at:
                since = now
            if now - since >= grace:
                confirmed.append(move)
            else:
                suspects[ref] = (move, since)
        pending.suspects = suspects
        return confirmed

    async def _keep(
        self,
        code: _Code,
        url: str,
        known: CodeLook,
        found: Mapping[str, HostRef],
        confirmed: Sequence[_Move],
    ) -> None:
        """Write what the look found, and say so."""
        now, suspects = self._clock(), self._pending[code.key].suspects
        builds = code.polled or code.settings.missed == "build"
        deliveries = {one.ref: one.push.delivery(now) for one in confirmed if builds and one.at}
        missed = (
            [] if code.polled or not confirmed else await self._missed(code, known, confirmed, deliveries)
        )
        notices = self._notices(code, missed)
        look = NewLook(
            code=code.key,
            looks=known.looks,
            clone_url=url,
            looked_at=None if suspects else now,
            changed={ref: _object(found, ref) for ref in _differing(known, found) if ref not in suspects},
            missed=missed,
            deliveries=list(deliveries.values()),
            notices=notices,
        )
        if not await self._store.looks.keep(look):
            return
        for one in missed:
            MISSED.labels(code.source, one.state).inc()
            log.warning(
                LogEvent.PUSH_MISSED,
                source=one.source,
                repo=one.repo,
                ref=one.ref,
                before=one.before,
                after=one.after,
                reason=one.reason,
                delivery_id=one.delivery_id,
            )
        if deliveries or notices:
            self._on_missed()

    async def _missed(
        self, code: _Code, known: CodeLook, confirmed: Sequence[_Move], deliveries: Mapping[str, Delivery]
    ) -> list[MissedRef]:
        now = self._clock()
        backlog = await self._store.monitoring.backlog([code.source], [], [])
        why = reason(
            source=code.source,
            looked_at=known.looked_at or 0.0,
            began=self._began,
            last_sign=self._last_sign,
            failed_since=known.failed_since,
            last_delivery=backlog.last_deliveries.get(code.source),
        )
        return [
            MissedRef(
                code=code.key,
                source=code.source,
                repo=code.name,
                ref=one.ref,
                before=one.before,
                after=one.at.pushed if one.at else "",
                at=now,
                reason=why,
                state=MissedState.BUILT if one.ref in deliveries else MissedState.NAMED,
                delivery_id=deliveries[one.ref].id if one.ref in deliveries else None,
            )
            for one in confirmed
        ]

    def _notices(self, code: _Code, missed: Sequence[MissedRef]) -> Sequence[Notice]:
        if not missed:
            return []
        names = [one.ref.split("/", 2)[-1] for one in missed[:_NAMED]]
        listed = ", ".join([*names, "…"] if len(missed) > len(names) else names)
        detail = f"{listed}: moved without a webhook: {missed[0].reason}"
        return self._notices_for(
            EventName.DEGRADED, ServiceFacts(subject=f"pushes of {code.name}", detail=detail)
        )


def _baseline(code: _Code, url: str, known: CodeLook, found: Mapping[str, HostRef], now: float) -> NewLook:
    refs = {ref: one.pushed for ref, one in found.items()}
    return NewLook(code=code.key, looks=known.looks, clone_url=url, looked_at=now, changed=refs)


def _differing(known: CodeLook, found: Mapping[str, HostRef]) -> set[str]:
    return {ref for ref in {*known.refs, *found} if _object(found, ref) != known.refs.get(ref, "")}


def _object(found: Mapping[str, HostRef], ref: str) -> str:
    return found[ref].pushed if ref in found else ""


def _move(code: _Code, url: str, ref: str, before: str, at: HostRef | None) -> _Move:
    kind: RefKind = "tag" if ref.startswith("refs/tags/") else "branch"
    now = at or HostRef(_NO_OBJECT, _NO_OBJECT)
    push = ReconciledPush(
        kind=code.rule.build_config.code_repo_client,
        source=code.source,
        full_name=code.name,
        clone_url=url,
        ref_kind=kind,
        ref_name=ref.split("/", 2)[-1],
        before=before or _NO_OBJECT,
        pushed=now.pushed,
        sha=now.sha,
    )
    return _Move(ref, before, at, push)
