"""The pushes of one image: repeated with growing pauses, for a bounded time, while the registry is ill.

Only what can pass by itself is repeated: no connection, time-outs, 5xx and 429. A push that is denied, or
whose image has no valid name, fails at once.
"""

import contextlib
import re
import shlex
import time
from collections.abc import Callable, Sequence
from typing import Final

from bridge.builders.local.engine import Engine
from bridge.builders.local.folder import BuildSpec, Folder, Waiting
from bridge.builders.local.process import BuildFailed, Sink, Supervisor

_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds between two pushes; the last one is used again and again."""
_OUTPUT_END: Final = 4096
_MAX_WHY: Final = 300
_MINUTE: Final = 60.0
_QUOTED: Final = re.compile(r'"[^"]*"')
_FINAL: Final = re.compile(
    r"unauthori[sz]ed|denied|forbidden|authentication required|no basic auth credentials|invalid username"
    r"|invalid reference|name invalid|must be lowercase|x509|certificate|HTTP response to HTTPS client"
    r"|HTTP 40\d",
    re.IGNORECASE,
)
_PASSING: Final = re.compile(
    r"connection (refused|reset)|broken pipe|\bEOF\b|timeout|timed out|deadline exceeded"
    r"|no route to host|(network|host) is (unreachable|down)|no such host|server misbehaving|name resolution"
    r"|closed network connection|connection closed|server closed|GOAWAY|stream error"
    r"|toomanyrequests|too many requests|HTTP (429|5\d\d)\b|\b5\d\d \(|status(code)?:? ?(code )?(5\d\d|429)\b"
    r"|service unavailable|bad gateway|internal server error",
    re.IGNORECASE,
)

Run = Callable[[list[str], Sink], int]
"""Runs a command to its end; returns its exit code."""


class Push:
    """The pushes of the image of one run, to all names that the registry does not have yet."""

    def __init__(
        self, supervisor: Supervisor, spec: BuildSpec, folder: Folder, tool: Engine, run: Run
    ) -> None:
        self._supervisor = supervisor
        self._spec = spec
        self._folder = folder
        self._tool = tool
        self._run = run
        self._failures = 0
        self._until: float | None = None
        if (waiting := folder.waiting()) is not None:
            left = min(waiting.until - time.time(), spec.push_for)
            self._until = time.monotonic() + left

    @property
    def met_trouble(self) -> bool:
        """Whether the registry failed to take the image for a reason that passes by itself."""
        return self._until is not None

    def all(self) -> None:
        """Push every name that is missing. Raises BuildFailed, Stopped."""
        record = self._tool.image.record
        assert record is not None
        missing = [name for name in self._spec.images if name not in record.pushed]
        for names in [missing] if self._tool.pushes_together else [[name] for name in missing]:
            if names:
                self._push(names)
                self._tool.image.pushed(*names)
        (self._folder / "waiting").unlink(missing_ok=True)

    def _push(self, names: Sequence[str]) -> None:
        name = names[0]
        while True:
            began = time.monotonic()
            code, line = self._try(self._tool.push(names))
            if not code:
                return
            why = _reason(line)
            if not is_passing(line, *names):
                shown = f": {why}" if why else ""
                raise BuildFailed(f"the push of {name} {ended(code)}{shown}", code)
            self._wait(name, why, code)
            # Neither the failed attempt nor the pause is time of the build.
            self._supervisor.deadline += time.monotonic() - began

    def _try(self, commands: Sequence[list[str]]) -> tuple[int, str]:
        """The exit code of the first command that fails, or 0, and the last line that it printed."""
        end = b""

        def sink(data: bytes) -> None:
            nonlocal end
            self._supervisor.log.output(data)
            end = (end + data)[-_OUTPUT_END:]

        for argv in commands:
            end = b""
            self._supervisor.log.note(f"$ {shlex.join(argv)}")
            if code := self._run(argv, sink):
                lines = end.decode(errors="replace").strip().splitlines()
                return code, lines[-1] if lines else ""
        return 0, ""

    def _wait(self, name: str, why: str, code: int) -> None:
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._spec.push_for
        left = self._until - now
        registry = name.partition("/")[0]
        if left <= 0:
            tried = _span(self._spec.push_for)
            raise BuildFailed(f"the registry {registry} did not take {name} within {tried}: {why}", code)
        pause = min(_PAUSES[min(self._failures, len(_PAUSES) - 1)], left)
        self._failures += 1
        # For a start of the machine meanwhile; without it only this process knows the time.
        with contextlib.suppress(OSError):
            self._tool.image.settle()
            self._folder.wait(Waiting(registry=registry, why=why, until=time.time() + left))
        self._supervisor.log.note(
            f"the registry {registry} does not take the image ({why}): it is kept, and pushed again in "
            f"{_span(pause)}, for {_span(left)} more"
        )
        self._supervisor.pause(pause)


def is_passing(line: str, *names: str) -> bool:
    """Whether the last line of a push that failed names a reason that passes by itself."""
    said = _QUOTED.sub("", line)
    repositories = (name.partition("/")[2].rpartition(":")[0] for name in names)
    for part in (*names, *repositories):
        said = said.replace(part, "")
    return not _FINAL.search(said) and bool(_PASSING.search(said))


def _reason(line: str) -> str:
    """The end of the last line: engines say first what they were doing."""
    return line.rpartition(": ")[2].strip()[:_MAX_WHY]


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= _MINUTE else f"{seconds:.0f} s"


def ended(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
