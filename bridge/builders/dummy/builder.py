"""A builder that builds nothing: the parameters of the rule say how long a build takes and how it ends.

It is for trying out rules, notices and the API without a build server. The log of a build lists the
variables that a real builder would get. Builds outlive the process, as those of a real builder do: each is a
file in the builder's folder.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import Field, TypeAdapter, ValidationError

from bridge.builders.base import (
    Ambiguous,
    Builder,
    BuilderContext,
    Handle,
    LogChunk,
    Outcome,
    Rejected,
    Retry,
    Sent,
    Status,
)
from bridge.config.types import Duration, Strict
from bridge.errors import Permanent, Transient
from bridge.model.build import BuildRequest, BuildState

DURATION: Final = "DUMMY_DURATION"
"""The parameter of a rule with the duration of its builds, such as 30s."""
RESULT: Final = "DUMMY_RESULT"
"""The parameter of a rule with the `Result` of its builds."""
_PIECE: Final = 64 << 10
"""Characters in a piece of log: at most 256 KiB of UTF-8."""
_BUILD_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_HIDDEN: Final = frozenset({"REPO_URL"})
"""Variables that can hold credentials."""


class Result(StrEnum):
    """How a build ends; the last three are answers to the trigger."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    RETRY = "retry"
    AMBIGUOUS = "ambiguous"


CHINESE: Final = {"as the parameters said": "按参数的设定", f"{RESULT} is {{}}": f"{RESULT} 是 {{0}}"}

Length = Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1))]
_LENGTH: Final[TypeAdapter[timedelta]] = TypeAdapter(Length)


class DummySettings(Strict):
    """What holds for rules whose parameters say nothing."""

    duration: Length = timedelta(seconds=5)
    """How long a build takes; a rule's parameter DUMMY_DURATION says otherwise."""
    result: Annotated[Result, Field(strict=False)] = Result.SUCCEEDED
    """How a build ends; a rule's parameter DUMMY_RESULT says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A build as its file has it; times are Unix seconds, `log` is all that it prints before its end."""

    started_at: float
    ends_at: float
    result: str
    log: str

    def status(self, now: float) -> Status:
        if now < self.ends_at:
            return Status(state=BuildState.RUNNING, raw="running", started_at=self.started_at)
        return Status(
            state=BuildState(self.result),
            raw=self.result,
            detail="" if self.result == Result.SUCCEEDED else "as the parameters said",
            started_at=self.started_at,
            ended_at=self.ends_at,
        )

    def text(self, now: float) -> str:
        return self.log if now < self.ends_at else f"{self.log}{self.result}\n"


class DummyBuilder(Builder):
    """Builds that only pretend; the handle of a build is its id."""

    kind: ClassVar[str] = "dummy"
    Settings: ClassVar[type[DummySettings]] = DummySettings
    poll_interval = 0.5
    chinese = CHINESE

    def __init__(self, name: str, settings: DummySettings, context: BuilderContext) -> None:
        self.name = name
        self._settings = settings
        self._state = context.state
        self._clock = context.clock

    async def trigger(self, request: BuildRequest) -> Outcome:
        try:
            duration, result = self._plan(request.parameters)
        except ValueError as error:
            return Rejected(str(error))
        if result is Result.REJECTED:
            return Rejected(f"{RESULT} is {result}")
        if result is Result.RETRY:
            return Retry(f"{RESULT} is {result}")
        ambiguous = result is Result.AMBIGUOUS
        now = self._clock()
        run = _Run(
            started_at=now,
            ends_at=now + duration.total_seconds(),
            result=Result.SUCCEEDED if ambiguous else result,
            log=_log(request, duration, result),
        )
        try:
            if self._read(request.build_id) is None:
                self._write(request.build_id, run)
        except Permanent as error:
            return Rejected(str(error))
        except Transient as error:
            return Retry(str(error))
        return Ambiguous(f"{RESULT} is {result}") if ambiguous else Sent(request.build_id)

    def _plan(self, parameters: Mapping[str, str]) -> tuple[timedelta, Result]:
        """How long the build takes, and how it ends. Raises ValueError with a sentence."""
        duration, result = self._settings.duration, self._settings.result
        if DURATION in parameters:
            try:
                duration = _LENGTH.validate_python(parameters[DURATION])
            except ValidationError:
                given = parameters[DURATION]
                raise ValueError(f"{DURATION} is {given!r}: give a length of time such as 30s") from None
        if RESULT in parameters:
            if parameters[RESULT] not in list(Result):
                given, known = parameters[RESULT], ", ".join(Result)
                raise ValueError(f"{RESULT} is {given!r}: give one of {known}")
            result = Result(parameters[RESULT])
        return duration, result

    async def find(self, request: BuildRequest) -> Handle | None:
        return None if self._read(request.build_id) is None else request.build_id

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        found: dict[str, Status] = {}
        for build_id, handle in handles.items():
            # A file that cannot be read now must not hide the others.
            with suppress(Transient):
                found[build_id] = self._status(handle)
        return found

    def _status(self, handle: Handle) -> Status:
        run = self._read(handle) if _BUILD_ID.fullmatch(handle) else None
        if run is None:
            return Status(state=BuildState.UNKNOWN, raw="gone", detail="the file of the build is gone")
        return run.status(self._clock())

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        """Offsets count characters."""
        run = self._read(handle)
        if run is None:
            raise Permanent("the log of the build is gone")
        text = run.text(self._clock())
        restarted = offset > len(text)
        start = 0 if restarted else offset
        end = min(start + _PIECE, len(text))
        return LogChunk(text=text[start:end], next=end, more=end < len(text), restarted=restarted)

    async def cancel(self, handle: Handle) -> None:
        run, now = self._read(handle), self._clock()
        if run is not None and now < run.ends_at:
            self._write(handle, replace(run, ends_at=now, result=Result.CANCELLED))

    async def release(self, handle: Handle) -> None:
        try:
            self._file(handle).unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(error) from error

    async def test(self) -> str:
        seconds = self._settings.duration.total_seconds()
        return f"nothing is built: a build takes {seconds:g} s and ends as {self._settings.result}"

    def _file(self, build_id: str) -> Path:
        """Raises Permanent for a text that is not a build id."""
        if not _BUILD_ID.fullmatch(build_id):
            raise Permanent(f"{build_id[:100]!r} is not a build of this builder")
        return self._state / f"{build_id}.json"

    def _read(self, build_id: str) -> _Run | None:
        """Raises RemoteError."""
        try:
            return _Run(**json.loads(self._file(build_id).read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise _unusable(error) from error

    def _write(self, build_id: str, run: _Run) -> None:
        """Raises RemoteError."""
        file = self._file(build_id)
        draft = file.with_suffix(".new")
        try:
            self._state.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(asdict(run)), "utf-8")
            draft.replace(file)
        except OSError as error:
            raise _unusable(error) from error


def _unusable(error: Exception) -> Transient:
    return Transient(f"the state of the build cannot be used: {error}")


def _log(request: BuildRequest, duration: timedelta, result: Result) -> str:
    """What a build prints: what it was asked for, without credentials."""
    shown = {name: value for name, value in request.variables().items() if name not in _HIDDEN}
    lines = [
        f"the dummy builder builds nothing; it ends in {duration.total_seconds():g} s as {result}",
        *(f"{name}={value}" for name, value in sorted(shown.items())),
    ]
    return "".join(f"{line}\n" for line in lines)
