"""Running the steps of a local build so that nothing outlives its step, and the step not its runner.

The runner is a child subreaper: whatever a step starts stays a descendant, even when it detaches itself, and
is found and killed. If the runner itself is killed, the kernel kills the first process of the step, and the
next runner of the same build kills the rest.

Source: "PR_SET_CHILD_SUBREAPER(2const)",
https://man7.org/linux/man-pages/man2/pr_set_child_subreaper.2const.html
"""

import contextlib
import ctypes
import os
import resource
import select
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from bridge.builders.local.limits import NO_FENCE, Fence
from bridge.model.build import log_mark

BUILD_MARKER: Final = "BRIDGE_BUILD_FOLDER"
"""The environment variable that marks the processes of a build."""
GRACE_SECONDS: Final = 5.0
"""Seconds between SIGTERM and SIGKILL."""
_KILL_SECONDS: Final = 10.0
_TICK_SECONDS: Final = 0.05
_GUARD_SECONDS: Final = 2.0
_CHUNK: Final = 1 << 16
_HEADING: Final = 2000
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36
_libc = ctypes.CDLL(None, use_errno=True)

Sink = Callable[[bytes], None]


class BuildFailed(Exception):
    """The build cannot go on; the text is for people."""

    def __init__(self, why: str, exit_code: int | None = None) -> None:
        super().__init__(why)
        self.exit_code = exit_code


class OutOfTime(BuildFailed):
    """The time limit was reached."""


class Stopped(Exception):
    """The runner got SIGTERM, or may not go on; no process of the step is left."""


class Log:
    """The build's log: the beginning, the end of each later step, and the runner's own lines.

    All of it is within the `limit` in bytes of what the store keeps, unless many steps print very much.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._file = path.open("ab", buffering=0)
        self._tail = limit // 8
        self._left = limit // 2 - self._file.tell()
        self._limit = limit
        self._fresh = True
        self._held = b""
        self._dropped = 0

    def output(self, data: bytes) -> None:
        """Append output of a step; past the limit only its end is held, until the runner writes a line."""
        kept = data[: max(0, self._left)]
        self._write(kept)
        self._left -= len(kept)
        held = self._held + data[len(kept) :]
        self._held = held[-self._tail :]
        self._dropped += len(held) - len(self._held)

    def note(self, line: str) -> None:
        """Write a line of the runner, after the output before it."""
        if self._held:
            if self._dropped:
                half, end, rest = self._held.partition(b"\n")
                self._held = rest if end and rest else self._held
                self._dropped += len(half) + 1 if end and rest else 0
                self._note(f"... {log_mark(self._dropped, self._limit)}")
            held, self._held, self._dropped = self._held, b"", 0
            self._write(held)
        self._note(line)

    def _note(self, line: str) -> None:
        text = line if len(line) <= _HEADING else f"{line[:_HEADING]}..."
        self._write(("" if self._fresh else "\n").encode() + text.encode(errors="replace") + b"\n")

    def _write(self, data: bytes) -> None:
        # A full disk must not end the build before its result is known.
        with contextlib.suppress(OSError):
            self._file.write(data)
        self._fresh = data.endswith(b"\n") if data else self._fresh


class Supervisor:
    """Runs one step after the other in this process, which must have a single thread.

    `deadline` is in seconds of the monotonic clock. SIGTERM ends the running step and all later ones; so it
    is, once it is `guarded`, where that says that they may not go on.
    """

    def __init__(self, log: Log, deadline: float) -> None:
        self.log = log
        self.deadline = deadline
        self.stopped_by = "the runner got SIGTERM"
        self._stopping = False
        self._may_go_on: Callable[[], bool] | None = None
        self._why = ""
        self._wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def _on_term(self, *_: object) -> None:
        self._stopping = True

    def guard(self, may_go_on: Callable[[], bool], why: str) -> None:
        """From now on go on only while this says so, which is asked every few seconds; else say `why`."""
        self._may_go_on, self._why = may_go_on, why

    def renew(self, deadline: float) -> None:
        """Allow further steps, until `deadline`, although the build was stopped or out of time."""
        self.deadline = deadline
        self._stopping = False
        self._may_go_on = None

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        sink: Sink | None = None,
        file_limit: int | None = None,
        heading: bool = True,
        fence: Fence = NO_FENCE,
    ) -> int:
        """Run a program to its end; its output, both streams, goes to `sink` or else to the log.

        With a `heading` the log shows the command first. Returns the exit code, negative for a signal.
        No file may grow beyond `file_limit` bytes, and the program runs within the `fence`. Raises
        BuildFailed where the program cannot be started, OutOfTime, Stopped.
        """
        self.check()
        if sink is None and heading:
            self.log.note(f"$ {shlex.join(argv)}")
        process = _start(argv, cwd, env, file_limit, fence)
        assert process.stdout is not None
        out = sink or self.log.output
        with process.stdout, selectors.DefaultSelector() as selector:
            os.set_blocking(process.stdout.fileno(), False)
            selector.register(process.stdout, selectors.EVENT_READ, out)
            selector.register(self._wake, selectors.EVENT_READ, _ignore)
            ended = self._pump(process, selector)
            if not ended:
                _ask_to_end(process, selector)
            self._kill(process, selector)
            _forward(process.stdout.fileno(), out, limit=1 << 24)
        if not ended:
            self.check()
        return int(process.returncode)

    def pause(self, seconds: float) -> None:
        """Wait, whatever time the build has left. Raises Stopped."""
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ, _ignore)
            while not self._stopping and (left := until - time.monotonic()) > 0:
                _move(selector, left)
        if self._stopping:
            raise Stopped

    def check(self) -> None:
        """Raises Stopped or OutOfTime where the build must not go on."""
        if self._must_stop():
            raise Stopped
        if time.monotonic() >= self.deadline:
            raise OutOfTime("the time limit was reached")

    def _pump(self, process: subprocess.Popen[bytes], selector: selectors.BaseSelector) -> bool:
        """Move output until the process has ended (True), the time is up or SIGTERM came (False)."""
        while not _reap(process):
            left = self.deadline - time.monotonic()
            if self._must_stop() or left <= 0:
                return False
            _move(selector, left if self._may_go_on is None else min(left, _GUARD_SECONDS))
        return True

    def _must_stop(self) -> bool:
        if not self._stopping and self._may_go_on is not None and not self._may_go_on():
            self._stopping, self.stopped_by = True, self._why
        return self._stopping

    def _kill(self, process: subprocess.Popen[bytes], selector: selectors.BaseSelector) -> None:
        """Kill every descendant. The log names one that the kernel cannot kill."""
        until = time.monotonic() + _KILL_SECONDS
        while _signal_all(signal.SIGKILL):
            _reap(process)
            if time.monotonic() >= until:
                self.log.note("... a process of this step could not be killed")
                break
            _move(selector, _TICK_SECONDS)  # the end of a child wakes it
        _reap(process)
        if process.returncode is None:
            process.returncode = -signal.SIGKILL


def _ask_to_end(process: subprocess.Popen[bytes], selector: selectors.BaseSelector) -> None:
    """Send SIGTERM to every descendant and give them time to end; their output is still forwarded."""
    until = time.monotonic() + GRACE_SECONDS
    _signal_all(signal.SIGTERM)
    while time.monotonic() < until:
        _reap(process)
        if not _descendants(os.getpid()):
            return
        _move(selector, _TICK_SECONDS)


def _move(selector: selectors.BaseSelector, wait: float) -> None:
    """Pass on the output that comes within `wait` seconds; a stream that ended is no longer read."""
    for key, _ in selector.select(wait):
        if not _forward(key.fd, key.data):
            selector.unregister(key.fileobj)


def _ignore(_data: bytes) -> None:
    """Drain the pipe that only wakes the selector."""


def _start(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], file_limit: int | None, fence: Fence
) -> subprocess.Popen[bytes]:
    runner = os.getpid()

    def die_with_runner() -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != runner:
            os._exit(1)
        if file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
        fence.enter()

    try:
        return subprocess.Popen(
            [*fence.prefix, *argv],
            cwd=cwd,
            env={**env, **fence.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_runner,  # noqa: PLW1509  # the runner has one thread
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BuildFailed(f"{argv[0]} cannot be started: {why}") from None


def _forward(descriptor: int, sink: Sink, limit: int = _CHUNK) -> bool:
    """Pass on what can be read now, about `limit` bytes at most; False at the end of the stream."""
    moved = 0
    while moved < limit:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return True
        if not data:
            return False
        sink(data)
        moved += len(data)
    return True


def _reap(process: subprocess.Popen[bytes]) -> bool:
    """Collect every child that has ended, adopted ones too; True when the step's own process has."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == process.pid:
                process.returncode = os.waitstatus_to_exitcode(ended[1])
    return process.returncode is not None


def _signal_all(number: signal.Signals) -> bool:
    """Signal every descendant of this process; True when there was one, even a dead one not yet collected."""
    found = _descendants(os.getpid())
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    return bool(found)


def _descendants(root: int) -> list[int]:
    parents = {pid: parent for pid in _pids() if (parent := _parent(pid)) is not None}
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    todo = [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208  # names are all we need


def _parent(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat.rpartition(b")")[2].split()[1])


def kill_leftovers(folder: Path) -> None:
    """Kill what a killed runner of this build left: processes with its mark, or with a root in the folder."""
    mark = f"{BUILD_MARKER}={folder}".encode()
    until = time.monotonic() + _KILL_SECONDS
    while found := [pid for pid in _pids() if pid != os.getpid() and _belongs(pid, folder, mark)]:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() >= until:
            return
        _wait_for_end(found[0], until - time.monotonic())


def _wait_for_end(pid: int, seconds: float) -> None:
    """Wait for the end of a process that is not a child of this one, at most `seconds`."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # it has ended
        return
    try:
        select.select([descriptor], [], [], seconds)
    finally:
        os.close(descriptor)


def _belongs(pid: int, folder: Path, mark: bytes) -> bool:
    process = Path(f"/proc/{pid}")
    try:
        if mark in (process / "environ").read_bytes().split(b"\0"):
            return True
        return (process / "root").readlink().is_relative_to(folder)
    except OSError:
        return False


def open_to_own_user(is_open: bool) -> None:
    """Whether other processes of this user may read the memory and the open files of this one."""
    _prctl(_PR_SET_DUMPABLE, int(is_open))


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
