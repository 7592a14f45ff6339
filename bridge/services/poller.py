"""The poller: one loop for each builder; a changed state and its notices are written in one transaction."""

import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import anyio
import structlog

from bridge.builders.base import Builder, Handle, Status
from bridge.errors import Denied, Permanent
from bridge.model.build import Build, BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime import tracing
from bridge.runtime.clock import Clock, Pause
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import POLL_SECONDS, POLLS, count_ended
from bridge.services.base import Service
from bridge.services.builder_calls import Calls, LogReader, answered, error_text
from bridge.services.earlier_runs import EarlierRuns
from bridge.services.health import BuilderHealth
from bridge.services.pace import Pace
from bridge.store.base import Builds
from bridge.store.values import BuildChange

log = structlog.get_logger()

T = TypeVar("T")

CALLS: Final = 16
"""How many calls for single builds may be open at once."""
CALL_SECONDS: Final = 60.0
TAIL_CHARACTERS: Final = 8000
QUEUE_SECONDS: Final = 24 * 3600.0
SLOW_SECONDS: Final = 600.0
UNRECOGNISED_SECONDS: Final = 600.0
"""How long a word that the adapter does not know may hold up the builds behind."""
STOP_SECONDS: Final = 60.0
STOPS: Final = 5
"""How often a builder is asked to end one build."""
STEP: Final = "step"
MAX_STEPS: Final = 200
_MAX_STAGE: Final = 200
"""So much of the parts of one build stands in its timeline."""
FAILURES: Final = 3
"""After so many polls in a row that failed the builder is degraded: one alone is soon over."""
_MAX_SHARED: Final = 3
FORGET_SECONDS: Final = 7 * 24 * 3600.0
PROBE_SECONDS: Final = 60.0
_OPEN: Final = (BuildState.QUEUED, BuildState.RUNNING)
_TO_BE_TRIGGERED: Final = (BuildState.WAITING, BuildState.TRIGGERING)


@dataclass(slots=True)
class _Stop:
    """The end of a build that the builder was asked for so many times, and the pause until the next time."""

    pause: Pause
    count: int = 0


class Poller(Service):
    """Follows the builds of one builder."""

    tick = 5.0

    def __init__(
        self,
        name: str,
        builder: Builder,
        *,
        builds: Builds,
        health: BuilderHealth,
        notice_policy: NoticePolicy,
        clock: Clock,
        on_ended: Callable[[], None],
        wake_notifiers: Callable[[], None],
    ) -> None:
        super().__init__(f"poller:{name}")
        self.tick = max(self.tick, builder.poll_interval)
        self._name = name
        self._builder = builder
        self._builds = builds
        self._health = health
        self._notice_policy = notice_policy
        self._clock = clock
        self._on_ended = on_ended
        self._wake_notifiers = wake_notifiers
        self._slow = Pause(clock)
        self._calls = Calls(name, clock, health.circuit)
        self._logs = LogReader(builder, builds, self._calls, clock)
        self._earlier_runs = EarlierRuns(
            name, builder, builds=builds, calls=self._calls, logs=self._logs, clock=clock
        )
        self._open_calls = anyio.CapacityLimiter(CALLS)
        self._probe = Pause(clock)
        self._failures = 0
        self._stops: dict[str, _Stop] = {}
        self._pace = Pace(builder.poll_interval, builds, clock)
        self._unrecognised: dict[str, float] = {}
        self._hints: dict[str, str] = {}
        self._recorded_steps: dict[str, set[str]] = {}
        self._budget: set[str] = set()

    def hint(self) -> None:
        """The builder says that it has something new: look now, and more often for a while."""
        self._pace.hint()
        self.wake()

    async def round(self) -> float | None:
        """Look at every open build, and again as the pace of these builds asks for."""
        builds = await self._followed()
        for kept in (self._stops, self._unrecognised, self._hints, self._recorded_steps, self._logs.read_at):
            for run_id in kept.keys() - {build.run_id for build in builds}:
                del kept[run_id]
        if self._builder.on_this_machine and builds:
            handles = [build.handle for build in builds if build.handle is not None]
            await self._calls.ask(self._builder.renew(handles), CALL_SECONDS, "renew")
        if self._health.pause:
            for build in builds:
                await self._check_deadline(build)
        else:
            await (self._poll(builds) if builds else self._look_for_recovery())
            await self._earlier_runs.free()
        followed = [build for build in builds if build.state in _OPEN]
        await self._pace.learn(followed)
        return self._pace.wait(followed) if followed else None

    async def _followed(self) -> list[Build]:
        """The open builds; every ten minutes also those in state `unknown` that may still be resolved."""
        builds = await self._builds.in_state(self._name, *_OPEN)
        now = self._clock()
        if not self._slow.left:
            self._slow.begin(SLOW_SECONDS)
            await self._release_leftovers()
            await self._calls.ask(self._builder.reclaim(), CALL_SECONDS, "reclaim")
            lost = await self._builds.in_state(self._name, BuildState.UNKNOWN)
            builds += [build for build in lost if now - build.enqueued_at < FORGET_SECONDS]
        return [build for build in builds if build.handle is not None]

    async def _poll(self, builds: list[Build]) -> None:
        """Poll all, and record ends first and side by side: no build waits for the log of another one."""
        await self._each(self._cancel, [build for build in builds if build.cancel_reason is not None])
        handles = {build.run_id: build.handle for build in builds if build.handle is not None}
        begun = self._clock()
        statuses = await self._statuses(handles)
        took = max(0.0, self._clock() - begun)
        POLL_SECONDS.labels(self._name).observe(took)
        self._pace.polled(took)
        runs: defaultdict[str | None, list[Build]] = defaultdict(list)
        for build in builds:
            runs[build.handle].append(build)
        seen = [await self._shared(build, runs[build.handle]) for build in builds if build.run_id in statuses]
        seen.sort(key=lambda build: statuses[build.run_id].state in _OPEN)
        running = [build.run_id for build in seen if statuses[build.run_id].state is BuildState.RUNNING]
        self._budget = self._logs.due(running)
        await self._each(lambda build: self._follow(build, statuses[build.run_id]), seen)
        for build in builds:
            if build.run_id not in statuses:
                await self._check_deadline(build)

    async def _shared(self, build: Build, run: Sequence[Build]) -> Build:
        """The build, with a caveat where the builder made one `run` of it and others."""
        others = [one for one in run if one.id != build.id]
        if not others:
            return build
        names = ", ".join(f"{one.full_name} #{one.number}" for one in others[:_MAX_SHARED])
        caveat = f"one run for this build and {names}"
        if caveat in build.caveat:
            return build
        caveat = "; ".join(filter(None, (build.caveat, caveat)))
        await self._builds.add_step(build.run_id, build.state, caveat, caveat=caveat)
        return replace(build, caveat=caveat)

    async def _statuses(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        """What the builder says of each build; what this call shows of the builder itself is reported."""
        statuses = await self._calls.ask(self._builder.poll(handles), CALL_SECONDS, "poll", self._poll_failed)
        POLLS.labels(self._name, "failed" if statuses is None else "answered").inc()
        if statuses is not None:
            self._failures = 0
            await self._health.worked("poll")
        return statuses or {}

    async def _poll_failed(self, error: Exception) -> None:
        self._failures += 1
        denied = isinstance(error, Denied)
        if denied or self._failures >= FAILURES:
            await self._health.failed("poll", error_text(error), denied=denied)

    async def _look_for_recovery(self) -> None:
        """Ask a builder that is down, while nothing waits for it that would show that it is up again."""
        if self._probe.left:
            return
        self._probe.begin(PROBE_SECONDS)
        if not await self._health.is_down() or await self._builds.in_state(self._name, *_TO_BE_TRIGGERED):
            return
        if await self._calls.ask(self._builder.test(), CALL_SECONDS, "test", self._poll_failed) is not None:
            await self._health.worked("trigger")

    async def _each(self, work: Callable[[Build], Awaitable[None]], builds: Sequence[Build]) -> None:
        async def one(build: Build) -> None:
            async with self._open_calls:
                with tracing.following(build):
                    await work(build)

        async with anyio.create_task_group() as tasks:
            for build in builds:
                tasks.start_soon(one, build)

    async def _follow(self, build: Build, status: Status) -> None:
        handle = status.handle or build.handle
        assert handle is not None
        if status.state in _OPEN:
            await self._go_on(build, status, handle)
            return
        await self._record_steps(build, status)
        is_whole = await self._logs.read_to_end(build, handle)
        tail = await self._builds.log_tail(build.id, TAIL_CHARACTERS, run=build.run)
        moved = await self._move(build, status, handle, tail)
        if moved is None:
            return
        self._on_ended()
        self._wake_notifiers()
        if is_whole:
            await self._release(moved)

    async def _go_on(self, build: Build, status: Status, handle: str) -> None:
        if build.state is BuildState.UNKNOWN and (self._overdue(build) or not status.recognised):
            return
        if not status.recognised:
            if await self._unrecognised_for_long(build, status):
                return
        elif self._unrecognised.pop(build.run_id, None) is not None:
            await self._builds.update(build.run_id, raw=status.raw, detail=status.detail)
        if status.state is not build.state:
            # What it was until now may be over its time; what it is now has just begun.
            build = await self._move(build, status, handle, "") or build
            self._wake_notifiers()
        elif (status.handle, status.url) not in {(None, None), (build.handle, build.url)}:
            await self._builds.update(build.run_id, handle=handle, url=status.url or build.url)
        await self._record_hint(build, status.hint)
        await self._record_steps(build, status)
        if build.run_id in self._budget:
            await self._logs.read(build, handle)
        await self._check_deadline(build)

    async def _record_hint(self, build: Build, hint: str) -> None:
        # Stored texts have no secrets: only after a start they are what a hint is compared with.
        if hint and hint != self._hints.get(build.run_id, build.detail):
            await self._builds.add_step(build.run_id, build.state, hint, detail=hint)
        self._hints[build.run_id] = hint

    async def _record_steps(self, build: Build, status: Status) -> None:
        """Write what is new of the parts of a build: after a start, the timeline says what that is."""
        if not status.steps:
            return
        recorded = self._recorded_steps.get(build.run_id)
        if recorded is None:
            steps = await self._builds.steps(build.id, run=build.run)
            recorded = {step.detail for step in steps if step.what == STEP}
            self._recorded_steps[build.run_id] = recorded
        for text in map(str, status.steps):
            if text not in recorded and len(recorded) < MAX_STEPS:
                await self._builds.add_step(build.run_id, STEP, text)
                recorded.add(text)

    async def _move(self, build: Build, status: Status, handle: str, tail: str) -> Build | None:
        change: BuildChange = {
            "raw": status.raw,
            "detail": "; ".join(filter(None, (_why(build, status), build.caveat))),
            "handle": handle,
            "url": status.url or build.url,
            "digest": status.digest or build.digest,
            "stage": " ".join(status.stage.split())[:_MAX_STAGE],
            "started_at": status.started_at or build.started_at,
        }
        change["ended_at"] = None if status.state in _OPEN else status.ended_at or self._clock()
        notice_policy = replace(self._notice_policy, log_tail=tail)
        cancelled = status.state is BuildState.CANCELLED
        to = build.ended_by_us if cancelled else status.state
        moved = await self._builds.transition(build.run_id, to, notice_policy, **change)
        if moved is not None:
            log.info(
                LogEvent.BUILD_STATE_CHANGED,
                build_id=build.id,
                build=f"{build.full_name} #{build.number}",
                state=moved.state,
                raw=status.raw,
                reason=moved.detail,
            )
            if moved.state.terminal:
                count_ended(moved)
        return moved

    async def _unrecognised_for_long(self, build: Build, status: Status) -> bool:
        """Show a word that no one knows at once; end the build as unknown when it stays."""
        detail = f"the builder says {status.raw!r}, which is not known here: look there"
        since = self._unrecognised.get(build.run_id)
        if since is None:
            since = self._unrecognised[build.run_id] = self._clock()
            fields = {"builder": self._name, "build_id": build.id, "raw": status.raw}
            log.warning(LogEvent.BUILDER_WORD_UNKNOWN, **fields)
            await self._builds.add_step(build.run_id, build.state, detail, raw=status.raw, detail=detail)
        if self._clock() - since < UNRECOGNISED_SECONDS:
            return False
        await self._end_as_unknown(build, detail)
        return True

    async def _cancel(self, build: Build) -> None:
        """Ask for the end of a build once, and again after a pause: a clean-up must not be cut off."""
        assert build.handle is not None
        stop = self._stops.setdefault(build.run_id, _Stop(Pause(self._clock)))
        if stop.pause.left or stop.count >= STOPS:
            return

        async def refused(error: Exception) -> None:
            if isinstance(error, Permanent):
                why = f"not stopped: {error}"
                await self._builds.add_step(build.run_id, "stop", why, detail=why)
            else:
                stop.count -= 1

        stop.pause.begin(STOP_SECONDS)
        stop.count += 1
        call = answered(self._builder.cancel(build.handle))
        if await self._calls.ask(call, CALL_SECONDS, "cancel", refused, build_id=build.id) is not None:
            await self._builds.add_step(build.run_id, "stop", "the builder was asked to end it")

    def _deadline(self, build: Build) -> float:
        """Seconds that a build may wait in the builder's queue, or run."""
        return QUEUE_SECONDS if build.state is BuildState.QUEUED else self._builder.deadline

    def _overdue(self, build: Build) -> bool:
        since = build.started_at or build.triggered_at or build.enqueued_at
        return self._clock() - since >= self._deadline(build)

    async def _check_deadline(self, build: Build) -> None:
        if build.state not in _OPEN or not self._overdue(build):
            return
        detail = f"no end within {self._deadline(build) / 3600:g} h (last seen: {build.raw or build.state})"
        await self._end_as_unknown(build, detail)

    async def _end_as_unknown(self, build: Build, detail: str) -> None:
        moved = await self._builds.transition(
            build.run_id, BuildState.UNKNOWN, self._notice_policy, detail=detail, ended_at=self._clock()
        )
        if moved is not None:
            count_ended(moved)
        self._on_ended()
        self._wake_notifiers()

    async def _release_leftovers(self) -> None:
        """Release builds that ended just before the last stop, or while the builder did not answer."""
        ended = await self._builds.unreleased(self._name, self._clock() - FORGET_SECONDS)
        # In any order: one that can never be released must not stand before the others for good.
        for build in random.sample(ended, len(ended)):
            unread = build.state is not BuildState.UNKNOWN and build.handle is not None
            if unread and not await self._logs.read_to_end(build, build.handle or ""):
                continue
            if not await self._release(build):
                return

    async def _release(self, build: Build) -> bool:
        """Tell the builder that nothing of the build is needed any more; False when it did not answer."""
        if build.state is BuildState.UNKNOWN and self._clock() - build.enqueued_at < FORGET_SECONDS:
            return True
        if build.handle is not None:
            call = answered(self._builder.release(build.handle))
            if not await self._calls.ask(call, CALL_SECONDS, "release", build_id=build.id):
                return False
        await self._builds.update(build.run_id, released=True)
        return True


def _why(build: Build, status: Status) -> str:
    """The builder's text; for an end that was asked for here, who asked."""
    if status.state is BuildState.CANCELLED and build.cancel_reason is not None:
        return build.superseded or build.cancel_reason
    return status.detail
