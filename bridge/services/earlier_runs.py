"""What a builder keeps of runs that another run of the same build has followed.

An earlier run that ended is read to its end and released. One that is `unknown` may still be with the
builder: that is asked to end it first, as no one waits for its result any more. The newest run waits for none
of this.
"""

from dataclasses import dataclass
from typing import Final

from bridge.builders.base import Builder, Handle, Search
from bridge.model.build import Build, BuildState
from bridge.runtime.clock import Clock, Pause
from bridge.services.builder_calls import Calls, LogReader, answered, request_of
from bridge.store.base import Builds

CALL_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 60.0
SLOW_SECONDS: Final = 600.0
STOPS: Final = 5
"""How often a builder is asked to end one run."""
FORGET_SECONDS: Final = 7 * 24 * 3600.0
"""After so long a run that does not end is left to its builder."""
AT_ONCE: Final = 4
"""How many runs a round looks at, so that it delays no poll for long."""


@dataclass(slots=True)
class _Visit:
    """How long to leave a run alone, and how often its end was asked for."""

    pause: Pause
    stops: int = 0


class EarlierRuns:
    """The earlier runs of one builder's builds."""

    def __init__(
        self, name: str, builder: Builder, *, builds: Builds, calls: Calls, logs: LogReader, clock: Clock
    ) -> None:
        self._name = name
        self._builder = builder
        self._builds = builds
        self._calls = calls
        self._logs = logs
        self._clock = clock
        self._visits: dict[str, _Visit] = {}

    async def free(self) -> None:
        """Look at a few of those that the builder may still keep something of."""
        kept = await self._builds.replaced(self._name)
        self._visits = {run_id: self._visits.get(run_id) or _Visit(Pause(self._clock)) for run_id in kept}
        due = [run_id for run_id, visit in self._visits.items() if not visit.pause.left]
        for run_id in due[:AT_ONCE]:
            if (run := await self._builds.run(run_id)) is None:
                continue
            if run.state is BuildState.UNKNOWN and await self._is_trigger_open(run):
                continue
            visit = self._visits[run_id]
            visit.pause.begin(PAUSE_SECONDS if visit.stops < STOPS else SLOW_SECONDS)
            if await self._is_free(run, visit):
                await self._builds.update(run_id, released=True)

    async def _is_free(self, run: Build, visit: _Visit) -> bool:
        """Whether the builder keeps nothing of it any more."""
        handle: Handle | Search | None = run.handle
        if run.state is BuildState.UNKNOWN:
            if handle is None:
                search = answered(self._builder.find(await request_of(self._builds, run)))
                found = await self._calls.ask(search, CALL_SECONDS, "find", build_id=run.id)
                if found is None:
                    return False
                (handle,) = found
            if isinstance(handle, str):
                handle = await self._ended(run, handle, visit)
                if handle is None:
                    return False
        if not isinstance(handle, str):
            return True
        if not await self._logs.read_to_end(run, handle):
            return False
        call = answered(self._builder.release(handle))
        return bool(await self._calls.ask(call, CALL_SECONDS, "release", build_id=run.id))

    async def _ended(self, run: Build, handle: Handle, visit: _Visit) -> Handle | None:
        """The newest handle of a run that has ended; None while it has not, and then its end is asked for."""
        call = self._builder.poll({run.run_id: handle})
        statuses = await self._calls.ask(call, CALL_SECONDS, "poll", build_id=run.id) or {}
        status = statuses.get(run.run_id)
        if status is None:
            return None
        handle = status.handle or handle
        await self._builds.update(run.run_id, handle=handle)
        if status.state.terminal or self._clock() - run.enqueued_at >= FORGET_SECONDS:
            return handle
        if await self._is_trigger_open(run):
            visit.pause.begin(0.0)
        elif visit.stops < STOPS and not await self._is_shared(run, handle):
            visit.stops += 1
            stop = answered(self._builder.cancel(handle))
            if await self._calls.ask(stop, CALL_SECONDS, "cancel", build_id=run.id):
                why = "the builder was asked to end it: another run has followed it"
                await self._builds.add_step(run.run_id, "stop", why)
        return None

    async def _is_trigger_open(self, run: Build) -> bool:
        """Whether the newest run may still get the handle of this one; that is soon known."""
        newest = await self._builds.get(run.id)
        return newest is not None and newest.state is BuildState.TRIGGERING

    async def _is_shared(self, run: Build, handle: Handle) -> bool:
        """Whether the builder made one run of the newest and this one."""
        newest = await self._builds.get(run.id)
        return newest is not None and newest.handle == handle and not newest.state.terminal
