"""The triggerer: one loop for each builder, so that one that is down delays no other.

A build is `triggering` on disk before the builder is called, and what the builder said is on disk after. A
process that dies between the two finds the build `triggering` at its next start and asks the builder for it
before it repeats anything. A look that finds nothing proves nothing either, while the request can still be on
its way: the builder is asked several times, for longer than that can take.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Unpack, assert_never

import anyio
import structlog

from bridge.builders.base import Ambiguous, Builder, Handle, Outcome, Rejected, Retry, Search, Sent
from bridge.errors import Denied, NotSent, RemoteError
from bridge.model.build import Build, BuildState, SeenJob
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime import lease, tracing
from bridge.runtime.clock import Clock, Pause
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import TRIGGERS, count_ended, count_triggered
from bridge.runtime.rate import Bucket, Rate
from bridge.runtime.retry import Backoff, bounded
from bridge.services.base import StoreFollower
from bridge.services.builder_calls import Calls, request_of
from bridge.services.health import BuilderHealth
from bridge.services.room import Room
from bridge.store.base import Builds
from bridge.store.jobs import Jobs
from bridge.store.values import BuildChange

log = structlog.get_logger()

CALL_SECONDS: Final = 60.0
RECORD_SECONDS: Final = 30.0
GIVE_UP_SECONDS: Final = 24 * 3600.0
BACKOFF: Final = Backoff.exponential(2.0, 300.0)
EXPLAIN_SECONDS: Final = 10.0
"""How often the builds that wait for room on a disk get the reason as their detail."""
RATE: Final = Rate(50, 5.0)
"""A server that was away is not given all at once that has waited for it."""
LOOKS: Final = 5
"""How many times a builder is asked again for a build that it did not have at the first look."""


@dataclass(frozen=True, slots=True)
class _NoAnswer:
    """The builder could not say whether it has the build; with `denied`, for want of a credential."""

    why: str
    denied: bool = False


@dataclass(slots=True)
class _Doubt:
    """A trigger that may or may not have reached the builder.

    `why` is what an attempt of this process left open, None for one of an earlier process. So many `looks` in
    a row have not found the build.
    """

    why: str | None = None
    looks: int = 0


class Triggerer(StoreFollower):
    """Triggers the builds of one builder."""

    def __init__(
        self,
        name: str,
        builder: Builder,
        *,
        builds: Builds,
        jobs: Jobs,
        health: BuilderHealth,
        rooms: Sequence[Room],
        notice_policy: NoticePolicy,
        clock: Clock,
        on_triggered: Callable[[], None],
        wake_notifiers: Callable[[], None],
    ) -> None:
        super().__init__(f"triggerer:{name}")
        self._name = name
        self._builder = builder
        self._builds = builds
        self._jobs = jobs
        self._kept: SeenJob | None = None
        self._health = health
        self._rooms = rooms
        self._calls = Calls(name, clock, health.circuit)
        self._explained = Pause(clock)
        self._notice_policy = notice_policy
        self._clock = clock
        self._on_triggered = on_triggered
        self._wake_notifiers = wake_notifiers
        self._failures = 0
        self._pause = Pause(clock)
        self._rate = Bucket(RATE, clock())
        self._doubts: dict[str, _Doubt] = {}
        self._in_hand = anyio.Lock()
        self._finished = False

    async def finish(self) -> None:
        """A trigger whose answer is not waited for leaves a doubt, and not every builder can be searched."""
        self._finished = True
        async with self._in_hand:
            return

    async def round(self) -> float | None:
        """Trigger what is due; a builder that is down gets one build after each pause, and no more."""
        begun = self._clock()
        for build in await self._builds.unwanted(self._name):
            why = build.superseded or build.cancel_reason or ""
            await self._move(build, build.ended_by_us, detail=why, ended_at=self._clock())
        for build in await self._builds.in_state(self._name, BuildState.TRIGGERING):
            if build.next_at <= self._clock() and not self._paused:
                await self._resolve(build)
        while not self._wait and await self._trigger_next():
            pass
        await self._keep_job()
        if self._wait:
            return self._wait
        next_at = await self._builds.next_due(self._name, begun)
        return None if next_at is None else next_at - self._clock()

    async def _trigger_next(self) -> bool:
        """Trigger the build that is due, if there is one."""
        async with self._in_hand:
            claimed = None if self._finished else await self._claim()
            if claimed is None:
                return False
            self._rate.take(self._clock())
            outcome = await self._trigger(claimed)
        if isinstance(outcome, Ambiguous):
            self._doubts[claimed.run_id] = _Doubt(outcome.why)
            await self._resolve(claimed)
        return True

    async def _keep_job(self) -> None:
        """Keep what calls have seen of the job, for `check`."""
        seen = self._builder.seen
        if seen is not None and seen != self._kept:
            await self._jobs.keep(self._name, seen)
            self._kept = seen

    @property
    def _paused(self) -> float:
        return max(self._pause.left, self._health.pause)

    @property
    def _wait(self) -> float:
        """Seconds until the next trigger may be sent."""
        return self._paused or self._rate.wait(self._clock())

    async def _claim(self) -> Build | None:
        """The build to trigger now, if the builder has a slot for it."""
        if not await self._has_room():
            return None
        build = await self._builds.claim(self._name, self._builder.slots, self._notice_policy)
        if build is not None:
            self._changed(build)
        return build

    async def _has_room(self) -> bool:
        """Whether every disk that a build would fill has room; where not, what waits says so."""
        short = [room for room in self._rooms if await room.is_short()]
        if short:
            call = self._builder.reclaim(everything=True)
            await self._calls.ask(call, CALL_SECONDS, "reclaim")
            short = [room for room in short if await room.is_short()]
        for room in self._rooms:
            await room.report(short=room in short)
        if short and not self._explained.left:
            self._explained.begin(EXPLAIN_SECONDS)
            for build in await self._builds.in_state(self._name, BuildState.WAITING):
                if build.detail != short[0].why:
                    await self._builds.add_step(build.run_id, build.state, short[0].why, detail=short[0].why)
        return not short

    async def _trigger(self, build: Build) -> Outcome:
        with tracing.asking(build, "trigger") as span:
            outcome = await self._call(build)
            TRIGGERS.labels(self._name, outcome.label).inc()
            why = outcome.detail if isinstance(outcome, Sent) else outcome.why
            span.outcome(outcome.label, why, not isinstance(outcome, Sent))
            with anyio.CancelScope(shield=True), anyio.move_on_after(RECORD_SECONDS):
                await self._record(build, outcome)
        return outcome

    async def _call(self, build: Build) -> Outcome:
        request = await request_of(self._builds, build)
        try:
            lease.require()
            with anyio.fail_after(CALL_SECONDS):
                return await self._builder.trigger(request)
        except TimeoutError:
            return Ambiguous(f"no answer within {CALL_SECONDS:.0f} s")
        except NotSent as error:
            return Retry(str(error), outdated=True)
        except RemoteError as error:
            return Ambiguous(str(error))
        except Exception as error:
            log.exception(LogEvent.BUILDER_ERROR, builder=self._name, call="trigger", build_id=build.id)
            return Ambiguous(f"the adapter failed: {type(error).__name__}")

    async def _record(self, build: Build, outcome: Outcome) -> None:
        match outcome:
            case Sent():
                await self._sent(build, outcome)
            case Rejected(why):
                await self._healthy()
                await self._move(build, BuildState.FAILED, detail=f"rejected: {why}", ended_at=self._clock())
            case Retry(why, denied=True):
                await self._denied(build, why)
            case Retry(why, after, outdated=True):
                soon = self._clock() + (BACKOFF.waits[0] if after is None else bounded(after))
                await self._move(build, BuildState.WAITING, detail=why, next_at=soon)
            case Retry(why, after):
                await self._again(build, why, after)
            case Ambiguous(why):
                await self._builds.add_step(build.run_id, "ambiguous", why)
            case _:
                assert_never(outcome)

    async def _sent(self, build: Build, sent: Sent) -> None:
        moved = await self._move(
            build,
            BuildState.QUEUED,
            detail=sent.detail,
            handle=sent.handle,
            caveat=sent.caveat,
            images_passed=sent.images_passed,
        )
        if moved is not None:
            count_triggered(moved, self._clock())
        await self._healthy()
        self._on_triggered()

    async def _denied(self, build: Build, why: str) -> None:
        """The builds wait for the operator, however long; after the cure the first trigger succeeds."""
        await self._health.failed("trigger", why, denied=True)
        await self._move(build, BuildState.WAITING, detail=why, next_at=self._clock())

    async def _again(self, build: Build, why: str, after: float | None) -> None:
        """The builder does not have the build: try again later, or give it up after a day."""
        await self._health.failed("trigger", why)
        if self._clock() - build.enqueued_at > GIVE_UP_SECONDS:
            await self._move(
                build, BuildState.FAILED, detail=f"given up after a day: {why}", ended_at=self._clock()
            )
            return
        self._rest(after)
        wait = BACKOFF.wait(build.attempts) if after is None else bounded(after)
        await self._move(build, BuildState.WAITING, detail=why, next_at=self._clock() + wait)

    def _rest(self, after: float | None = None) -> None:
        """Pause the triggers, longer after each failure, or all calls, where the server says for how long."""
        self._failures += 1
        if after is None:
            self._pause.begin(BACKOFF.wait(self._failures))
        else:
            self._health.circuit.rest(after)

    async def _resolve(self, build: Build) -> None:
        """Find out whether the builder has a build that may or may not have reached it."""
        with tracing.asking(build, "find") as span:
            found = await self._find(build)
            if isinstance(found, _NoAnswer):
                span.outcome("unanswered", found.why, failed=True)
        if found is None and await self._may_still_arrive(build):
            return
        match found:
            case str():
                await self._sent(build, self._builder.found(found, build.request))
            case None:
                await self._absent(build)
            case Search.UNSEARCHABLE:
                detail = "the builder may or may not have started it, and cannot be asked: look there"
                await self._move(build, BuildState.UNKNOWN, detail=detail, ended_at=self._clock())
            case _NoAnswer(reason, denied=True):
                await self._health.failed("trigger", reason, denied=True)
            case _NoAnswer(reason):
                await self._cannot_tell(build, reason)
            case _:
                assert_never(found)
        if not isinstance(found, _NoAnswer):
            self._doubts.pop(build.run_id, None)

    async def _may_still_arrive(self, build: Build) -> bool:
        """Whether another look is needed, since the request may have been on its way at this one.

        The looks are counted, not their time: a clock that is set makes them no fewer.
        """
        doubt = self._doubts.setdefault(build.run_id, _Doubt())
        doubt.looks += 1
        settle, now = self._builder.settle_seconds, self._clock()
        if not settle or doubt.looks > LOOKS:
            return False
        change = BuildChange(next_at=now + settle / LOOKS)
        if doubt.looks == 1:
            until = datetime.fromtimestamp(now + settle).astimezone()
            change["detail"] = f"making sure that the builder does not have it, until {until:%H:%M:%S}"
            await self._builds.add_step(build.run_id, build.state, change["detail"], **change)
        else:
            await self._builds.update(build.run_id, **change)
        return True

    async def _absent(self, build: Build) -> None:
        """The builder does not have the build: send it again, at once after a first attempt."""
        why = self._doubts[build.run_id].why
        if why is None or build.attempts == 1:
            detail = "the builder does not have it"
            await self._move(build, BuildState.WAITING, detail=detail, next_at=self._clock())
        else:
            await self._again(build, f"the builder does not have it: {why}", None)

    async def _find(self, build: Build) -> "Handle | Search | _NoAnswer | None":
        request = await request_of(self._builds, build)
        try:
            with anyio.fail_after(CALL_SECONDS):
                return await self._builder.find(request)
        except Denied as error:
            return _NoAnswer(str(error), denied=True)
        except (RemoteError, TimeoutError) as error:
            return _NoAnswer(str(error) or "no answer")
        except Exception as error:
            log.exception(LogEvent.BUILDER_ERROR, builder=self._name, call="find", build_id=build.id)
            return _NoAnswer(f"the adapter failed: {type(error).__name__}")

    async def _cannot_tell(self, build: Build, why: str) -> None:
        await self._health.failed("trigger", why)
        self._rest()
        if self._clock() - build.enqueued_at > GIVE_UP_SECONDS:
            detail = f"the builder could not be asked: {why}"
            await self._move(build, BuildState.UNKNOWN, detail=detail, ended_at=self._clock())
            return
        attempts = build.attempts + 1
        await self._builds.update(
            build.run_id, attempts=attempts, next_at=self._clock() + BACKOFF.wait(attempts)
        )

    async def _move(self, build: Build, to: BuildState, **change: Unpack[BuildChange]) -> Build | None:
        moved = await self._builds.transition(build.run_id, to, self._notice_policy, **change)
        if moved is not None:
            if moved.state.terminal:
                count_ended(moved)
            self._changed(moved)
        return moved

    def _changed(self, build: Build) -> None:
        with tracing.following(build):
            log.info(
                LogEvent.BUILD_STATE_CHANGED,
                build_id=build.id,
                build=f"{build.full_name} #{build.number}",
                state=build.state,
                reason=build.detail,
            )
        self._wake_notifiers()

    async def _healthy(self) -> None:
        self._failures = 0
        await self._health.worked("trigger")
