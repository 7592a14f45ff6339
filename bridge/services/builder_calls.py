"""The calls of a builder, but its triggers: bounded in time, their failures logged and not raised."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Final, TypeVar

import anyio
import structlog

from bridge.builders.base import Builder, LogChunk
from bridge.errors import Permanent, RemoteError, StoreError, Transient
from bridge.model.build import Build, BuildRequest, BuildState, EarlierRun, run_id_of
from bridge.runtime.clock import Clock, Pause
from bridge.runtime.events import LogEvent
from bridge.runtime.rate import LogLimit, Rate
from bridge.services.health import Circuit
from bridge.store.base import Builds

log = structlog.get_logger()

T = TypeVar("T")

LOG_PAUSE_SECONDS: Final = 60.0
LOG_SECONDS: Final = 20.0
LOG_BUDGET: Final = 20
"""So many logs of running builds are read in a round."""
MAX_PIECES: Final = 4096
_LOG_RATE: Final = Rate(1, 60.0)


async def request_of(builds: Builds, run: Build) -> BuildRequest:
    """The request of a run for its builder: with the run before it, if that is known to have ended."""
    before = await builds.run(run_id_of(run.id, run.run - 1)) if run.run > 1 else None
    if before is None or before.handle is None or before.state is BuildState.UNKNOWN:
        return run.request
    return replace(run.request, previous=EarlierRun(handle=before.handle, followed_at=run.enqueued_at))


async def answered(call: Awaitable[T]) -> tuple[T]:
    """The answer as `Calls.ask` needs it where None is an answer, too."""
    return (await call,)


class Calls:
    """The calls of one builder; of lines that repeat, the log has one a minute and a count of the others.

    A pause that the server asks for is one for everything that calls it.
    """

    def __init__(self, name: str, clock: Clock, circuit: Circuit) -> None:
        self._name = name
        self._clock = clock
        self._circuit = circuit
        self._lines: defaultdict[str, LogLimit] = defaultdict(lambda: LogLimit(_LOG_RATE, clock()))

    async def ask(
        self,
        call: Awaitable[T],
        seconds: float,
        name: str,
        on_error: Callable[[Exception], Awaitable[None]] | None = None,
        **facts: str,
    ) -> T | None:
        """The builder's answer; None without one in time, and then the next round calls again."""
        try:
            with anyio.fail_after(seconds):
                return await call
        except (RemoteError, TimeoutError) as error:
            if (suppressed := self._lines[name].suppressed(self._clock())) is not None:
                more = {"suppressed": suppressed} if suppressed else {}
                reason = {"builder": self._name, "call": name, "error": error_text(error)}
                log.warning(LogEvent.BUILDER_CALL_FAILED, **reason, **facts, **more)
            if isinstance(error, Transient) and error.after is not None:
                self._circuit.rest(error.after)
            if on_error is not None:
                await on_error(error)
        except StoreError:
            raise
        except Exception as error:
            log.exception(LogEvent.BUILDER_ERROR, builder=self._name, call=name, **facts)
            if on_error is not None:
                await on_error(error)
        return None


class LogReader:
    """Stores the logs of one builder's builds: a few of the running ones in a round, and each to its end."""

    def __init__(self, builder: Builder, builds: Builds, calls: Calls, clock: Clock) -> None:
        self._builder = builder
        self._builds = builds
        self._calls = calls
        self._clock = clock
        self._pause = Pause(clock)
        self.read_at: dict[str, float] = {}
        """When the log of each build was read last; the owner removes what has ended."""

    def due(self, running: Iterable[str]) -> set[str]:
        """The builds whose log is to be read now: those that were never read, then the longest unread."""
        if self._pause.left:
            return set()
        return set(sorted(running, key=lambda run_id: self.read_at.get(run_id, 0.0))[:LOG_BUDGET])

    async def read(self, build: Build, handle: str) -> None:
        """Store the next piece."""
        await self._read(build, handle, 1)

    async def read_to_end(self, build: Build, handle: str) -> bool:
        """Store all that there is; whether the builder has no more of it."""
        return await self._read(build, handle, MAX_PIECES)

    async def _read(self, build: Build, handle: str, pieces: int) -> bool:
        """Store what is new of the log; whether the builder has no more of it.

        A log that cannot be read never delays the build's state.
        """
        gone = False

        async def failed(error: Exception) -> None:
            nonlocal gone
            gone = isinstance(error, Permanent)

        offset = (await self._builds.run(build.run_id) or build).log_offset
        call = self._read_pieces(build, handle, offset, pieces)
        self.read_at[build.run_id] = self._clock()
        is_whole = await self._calls.ask(call, LOG_SECONDS, "log", failed, build_id=build.id)
        if is_whole is None:
            self._pause.begin(LOG_PAUSE_SECONDS)
        return gone or bool(is_whole)

    async def _read_pieces(self, build: Build, handle: str, offset: int, pieces: int) -> bool:
        """Read on from `offset`; whether the end was reached."""
        for _ in range(pieces):
            chunk = await self._builder.log(handle, offset)
            await self._keep(build, chunk, offset)
            offset = chunk.next
            if not chunk.more or not chunk.text:
                return True
        return False

    async def _keep(self, build: Build, chunk: LogChunk, offset: int) -> None:
        if chunk.text or chunk.next != offset:
            # It would be written all the same: who reads on after us has to begin behind it.
            with anyio.CancelScope(shield=True):
                await self._builds.append_log(build.run_id, chunk.text, chunk.next, restarted=chunk.restarted)


def error_text(error: Exception) -> str:
    return str(error) or "no answer"
