"""What looks at Git hosts find: the moves that no delivery reported, and what becomes of those missed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.model.delivery import Delivery
from bridge.model.missed import HostRef, MissedRef, MissedState
from bridge.model.notice import EventName, Notice, ServiceFacts
from bridge.planning.looked_code import Code, Move, move_of
from bridge.planning.missed import may_be_older, reason, set_from
from bridge.rules.match import RuleSet
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import MISSED
from bridge.store.base import Store
from bridge.store.refs import CodeLook, NewLook
from bridge.store.values import ServiceNoticesFor

log = structlog.get_logger()

_DECIDED_SECONDS: Final = 5.0
"""A delivery that waits for its decision for longer is behind others."""
_NAMED: Final = 5
"""A notice names so many refs."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look at code: `known` is what was known of its refs, and `found` what they were at `url`.

    The host was asked at `asked_at`, and `known` is of `at`.
    """

    code: Code
    url: str
    known: CodeLook
    found: Mapping[str, HostRef]
    asked_at: float
    at: float

    @property
    def differing(self) -> set[str]:
        """The refs that point elsewhere than they did."""
        known = self.known.refs
        return {ref for ref in {*known, *self.found} if self.object(ref) != known.get(ref, "")}

    @property
    def peeled(self) -> dict[str, str]:
        """The commits of annotated tags that deliveries reported, by the objects."""
        reported = [self.found[ref] for ref in self.known.moved if ref in self.found]
        return {one.pushed: one.sha for one in reported if one.pushed != one.sha}

    def object(self, ref: str) -> str:
        """What a ref points to, "" where it is gone."""
        return self.found[ref].pushed if ref in self.found else ""


class MissedPushes:
    """Compares what hosts say with what was delivered, and writes what that makes of it."""

    def __init__(
        self, store: Store, notices_for: ServiceNoticesFor, clock: Clock, *, on_missed: Callable[[], None]
    ) -> None:
        self._store = store
        self._notices_for = notices_for
        self._clock = clock
        self._on_missed = on_missed
        self._away: tuple[float, float] | None = None

    async def begin(self) -> None:
        """Note when the bridge was last at work before it began: what is known of looks is overwritten."""
        if (began := self._store.nodes.alone_since) is not None:
            last = await self._store.looks.last_sign(began)
            self._away = None if last is None else (last, began)

    async def unreported(self, rules: RuleSet, look: Look) -> dict[str, Move]:
        """The refs that moved without a delivery, of those that the rules build."""
        now, code, known = self._clock(), look.code, look.known
        unreported: dict[str, Move] = {}
        refs = sorted(look.differing | {*known.moved})
        # What is decided from here on is among the moves.
        is_behind = bool(refs) and await self._is_behind(code.source)
        for ref in refs:
            moves = await self._store.deliveries.moves(code.key, ref)
            is_at = look.found.get(ref)
            before = set_from(known.refs.get(ref, ""), is_at, moves, known.looked_at or 0.0)
            if before is None:
                continue
            doubtful = is_behind or may_be_older(is_at, moves, look.asked_at)
            move = move_of(code, look.url, ref, before, is_at, doubtful=doubtful)
            # Without a list of changed files, and without its message, this is what a webhook would build.
            if rules.match(move.push.kind, move.push.event(), now, code.source).matches:
                unreported[ref] = move
        return unreported

    async def _is_behind(self, source: str) -> bool:
        """Whether deliveries of the source wait for a decision, which may be webhooks of what has moved."""
        since = await self._store.monitoring.undecided_since(source)
        return since is not None and self._clock() - since > _DECIDED_SECONDS

    async def keep(self, look: Look, confirmed: Sequence[Move], suspects: Collection[str]) -> None:
        """Write what the look found, and say so; `suspects` may be missed, and count as unseen."""
        now, code, known = self._clock(), look.code, look.known
        builds = code.polled or code.settings.missed == "build"
        deliveries = {one.ref: one.push.delivery(now) for one in confirmed if builds and one.at}
        missed = (
            [] if code.polled or not confirmed else await self._missed(code, known, confirmed, deliveries)
        )
        notices = self._notices(code, missed)
        written = NewLook(
            code=code.key,
            looks=known.looks,
            clone_url=look.url,
            looked_at=None if suspects else look.at,
            changed={ref: look.object(ref) for ref in look.differing if ref not in suspects},
            peeled=look.peeled,
            missed=missed,
            deliveries=list(deliveries.values()),
            notices=notices,
        )
        if not await self._store.looks.keep(written):
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
        self, code: Code, known: CodeLook, confirmed: Sequence[Move], deliveries: Mapping[str, Delivery]
    ) -> list[MissedRef]:
        now = self._clock()
        backlog = await self._store.monitoring.backlog([code.source], [], [])
        why = reason(
            source=code.source,
            looked_at=known.looked_at or 0.0,
            away=self._away,
            failed_since=known.failed_since,
            last_delivery=backlog.last_deliveries.get(code.source),
            rejected=await self._rejected(code.source, known.looked_at or 0.0),
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

    async def _rejected(self, source: str, since: float) -> tuple[int, str] | None:
        """How many requests of the source were rejected, and for what most of them were."""
        found = [one for one in await self._store.activity.rejections(since) if one.source == source]
        return (sum(one.count for one in found), found[0].reason) if found else None

    def _notices(self, code: Code, missed: Sequence[MissedRef]) -> Sequence[Notice]:
        if not missed:
            return []
        names = [one.ref.split("/", 2)[-1] for one in missed[:_NAMED]]
        listed = ", ".join([*names, "…"] if len(missed) > len(names) else names)
        detail = f"{listed}: moved without a webhook: {missed[0].reason}"
        return self._notices_for(
            EventName.DEGRADED, ServiceFacts(subject=f"pushes of {code.name}", detail=detail)
        )
