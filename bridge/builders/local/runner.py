"""The runner of one local build: a process of its own that outlives the daemon.

Started as `main(folder, number)`: the `number`-th run of this build, with what gives access to private code
at its standard input, so that no file has it. It acquires the folder's lock, reports to its starter that the
build has started, and does what the spec says. Two runners of one build are harmless:
one gets the lock, and a run with a number that was already used does nothing.

SIGTERM ends a build finally only when the folder has a `cancel` file. Without one, as at the machine's
shutdown, the runner exits without a result, and the next one decides. An image that was built is pushed on,
since the same image under the same name changes nothing. If nothing irreversible has begun,
the build starts again, at most twice. Otherwise its end is unknown. So it is, too, where another machine may
have taken over what the daemon does: nothing irreversible begins or goes on then.
"""

import contextlib
import fcntl
import json
import os
import resource
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bridge.builders.local.checkout import CheckedOut, Checkout, sources
from bridge.builders.local.engines import make_engine
from bridge.builders.local.folder import MAX_STARTS, Folder, Result, remove, write_whole
from bridge.builders.local.images import KEEP_SECONDS, Image, content_key, own_image, usable_image
from bridge.builders.local.limits import NO_FENCE, Fence, make_fence
from bridge.builders.local.platforms import NOT_RUN, not_run_here
from bridge.builders.local.process import (
    BUILD_MARKER,
    BuildFailed,
    Log,
    Sink,
    Stopped,
    Supervisor,
    kill_leftovers,
    open_to_own_user,
)
from bridge.builders.local.programs import DAEMONLESS, forget_image
from bridge.builders.local.push import Push, ended
from bridge.runtime.git.access import CloneAccess, load, split_credentials

_MAX_PUSH_STARTS: Final = 12
"""A build that has its image may wait for a registry through some more interruptions."""
_CLEANUP_SECONDS: Final = 60.0
_TAKEN_OVER: Final = (
    "the daemon of this machine was not heard of for so long that another machine may build newer code with "
    "the same tags"
)
_OUTPUT_END: Final = 4096
_MAX_ACCESS: Final = 1 << 20
_SCRATCH: Final = ("private", "tree", "home", "tmp")


def main(path: str, number: str) -> int:
    """Returns, in the starting process, 0 once the build has started or needs no runner, else 1."""
    open_to_own_user(False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        access = load(sys.stdin.buffer.read(_MAX_ACCESS))
    except ValueError:
        # The daemon was killed while it wrote: the next one starts this run, and gives what it needs.
        return 1
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(write_end)
        return 0 if os.read(read_end, 1) else 1
    os.close(read_end)
    os.umask(0o022)
    os.chdir("/")
    folder = Folder(Path(path))
    # The lock is not created here: a folder that was released must not come back.
    with (folder / "lock").open("r+b") as lock:
        run = Run(folder, access) if _acquire(folder, lock.fileno(), int(number)) else None
        _release_starter(write_end)
        if run:
            run.finish()
    return 0


def _acquire(folder: Folder, lock: int, number: int) -> bool:
    """Acquire the lock and record the start; False where another run has, or had, this number."""
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    starts = folder.starts()
    if len(starts) != number - 1 or folder.result() is not None:
        return False
    if starts:
        kill_leftovers(folder.path)
    # From now on our pid may be signalled, so SIGTERM stays blocked until a handler is installed.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    write_whole(folder / "started", json.dumps([*starts, time.time()]).encode())
    return True


def _release_starter(write_end: int) -> None:
    """Report to the starter, and use none of its streams any more."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    # The starter may have timed out.
    with contextlib.suppress(BrokenPipeError):
        os.write(write_end, b"+")
    os.close(write_end)


class Run:
    """One run of a build, from the lock to the result."""

    def __init__(self, folder: Folder, access: CloneAccess | None) -> None:
        self.folder = folder
        self._access = access
        self.spec = folder.spec()
        self.starts = folder.starts()
        self.image: Image | None = None
        self.digest: str | None = None
        self.left_out: Sequence[str] = ()
        self.fence = NO_FENCE
        self._stage = ""
        self.log = Log(folder / "log", self.spec.log_limit)
        self.supervisor = Supervisor(self.log, time.monotonic() + self.spec.timeout)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def finish(self) -> None:
        """Do what the spec says, then write the result; without one, the build was interrupted."""
        try:
            result = self._outcome()
        except Stopped:
            if not (self.folder / "cancel").exists():
                self.log.note(f"interrupted: {self.supervisor.stopped_by}")
                if self.image:
                    self.image.settle()
                return
            result = self._result("cancelled", "cancelled on request")
        self.log.note(f"{result.state}: {result.detail}" if result.detail else result.state)
        self.supervisor.renew(time.monotonic() + _CLEANUP_SECONDS)
        self._write(result)
        # After the result on purpose: nothing here can change it any more.
        self._clear()
        if self.image:
            self.image.unlock()

    def _outcome(self) -> Result:
        if self.spec.engine:
            self.image = usable_image(self.folder, self.spec, time.time()) or own_image(self.folder)
        if (self.folder / "cancel").exists():
            raise Stopped
        is_built = self.image is not None and self.image.record is not None
        if (self.folder / "effects").exists() and not is_built:
            why = "the runner was killed after a command or a push had begun: no one knows how it ended"
            return self._result("unknown", why)
        starts = _MAX_PUSH_STARTS if is_built else MAX_STARTS
        if len(self.starts) > starts:
            return self._result("failed", f"interrupted {starts} times")
        try:
            self._work()
        except BuildFailed as failure:
            return self._result("failed", str(failure), failure.exit_code)
        except OSError as error:
            return self._result("failed", f"{error.filename}: {error.strerror}")
        return self._result("succeeded", "", 0)

    def _result(self, state: str, detail: str, exit_code: int | None = None) -> Result:
        record = self.image.record if self.image else None
        return Result(
            state=state,
            detail="; ".join(filter(None, (detail, *self.left_out))),
            exit_code=exit_code,
            digest=self.digest,
            pushed=list(record.pushed) if record else [],
            started_at=self.starts[0],
            ended_at=time.time(),
            kept_until=record.expires if record else None,
            stage=self._stage if state == "failed" else "",
        )

    def _work(self) -> None:
        if len(self.starts) > 1:
            self.log.note(f"started again after an interruption, run {len(self.starts)}")
        self._remove_scratch()
        for name in _SCRATCH:
            (self.folder / name).mkdir()
        if self.image:
            self._build_and_push(self.image)
        else:
            self._checkout()
            self._command()

    def _checkout(self) -> CheckedOut:
        self._stage = "fetch the code"
        access, self._access = self._access, None
        tree = self.folder / "tree"
        found = Checkout(self.supervisor, self.spec, self._environment(), tree, access).run()
        self._is_of(found.commit)
        self.left_out = found.left_out
        return found

    def _is_of(self, commit: str) -> None:
        self.spec = replace(self.spec, request=replace(self.spec.request, commit=commit))

    def _environment(self) -> dict[str, str]:
        """The environment of every step; only the search path comes from the daemon."""
        return {
            **self.spec.environment,
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "PATH": self.spec.environment.get("PATH", self.spec.path),
            "TMPDIR": str(self.folder / "tmp"),
            BUILD_MARKER: str(self.folder.path),
        }

    def _command(self) -> None:
        self._stage = "run the command"
        env = {**self.spec.request.variables(), "REPO_URL": self._url, **self._environment()}
        self._begin_effects()
        tree = self.folder / "tree"
        code = self.supervisor.run(self.spec.command, cwd=tree, env=env, fence=self._fenced())
        if code:
            raise BuildFailed(f"{self.spec.command[0]} {ended(code)}", code)

    def _build_and_push(self, image: Image) -> None:
        if self.spec.engine not in DAEMONLESS and self.spec.authfile:
            (self.folder / "home" / ".docker").mkdir()
            (self.folder / "home" / ".docker" / "config.json").symlink_to(self.spec.authfile)
        if image.record is None:
            self._build(image)
        else:
            self._is_of(image.record.commit)
            self.left_out = image.record.left_out
            self.log.note(f"the image of commit {image.record.commit} was built and kept: it is only pushed")
        self._begin_effects()
        self._stage = "push the image"
        tool = make_engine(self.spec, image, self._url)
        push = Push(self.supervisor, self.spec, self.folder, tool, self._run)
        try:
            push.all()
        except BuildFailed:
            # One that an earlier build kept, and that is rejected once more, is better built anew.
            if push.met_trouble or image.path == own_image(self.folder).path:
                image.keep(time.time() + KEEP_SECONDS)
            raise
        query = tool.digest_query()
        self.digest = tool.read_digest(self._ask(query) if query else tool.digest_file.read_text())

    def _build(self, image: Image) -> None:
        key = content_key(self.spec) or ""
        found = self._checkout()
        self._stage = "build the image"
        self._forget(image)
        image.create()
        tree = self.folder / "tree"
        tool = make_engine(self.spec, image, self._url)
        fence = self._fenced()
        for argv in tool.build(*sources(tree, self.spec.request), found.time):
            self._run_build(argv, fence)
        # The pushes may have to wait.
        if tool.needs_tree:
            tree.rename(image.tree)
        else:
            remove(tree)
        image.built(
            owner=self.folder.path.name,
            key=key,
            engine=self.spec.engine or "",
            commit=found.commit,
            left_out=list(self.left_out),
            time=found.time,
        )

    def _run_build(self, argv: list[str], fence: Fence) -> None:
        end = b""

        def sink(data: bytes) -> None:
            nonlocal end
            self.log.output(data)
            end = (end + data)[-_OUTPUT_END:]

        home, env = self.folder / "home", self._environment()
        self.log.note(f"$ {shlex.join(argv)}")
        if code := self.supervisor.run(argv, cwd=home, env=env, sink=sink, fence=fence):
            advice = not_run_here(self.spec.platforms) if NOT_RUN in end.lower() else ""
            raise BuildFailed("; ".join(filter(None, (f"the image build {ended(code)}", advice))), code)

    def _fenced(self) -> Fence:
        """What limits the step that runs what the repository says."""
        self.fence = make_fence(self.spec.limits, self.folder.path, self.spec.engine)
        if self.fence.missing:
            self.log.note(self.fence.missing)
            self.left_out = (*self.left_out, self.fence.missing)
        return self.fence

    @property
    def _url(self) -> str:
        return split_credentials(self.spec.request.repo_url)[0]

    def _run(self, argv: list[str], sink: Sink) -> int:
        return self.supervisor.run(argv, cwd=self.folder / "home", env=self._environment(), sink=sink)

    def _ask(self, argv: list[str]) -> str:
        answer = bytearray()
        self._run(argv, answer.extend)
        return answer.decode(errors="replace")

    def _begin_effects(self) -> None:
        self.supervisor.guard(self.folder.is_held, _TAKEN_OVER)
        self.supervisor.check()
        write_whole(self.folder / "effects", b"")

    def _write(self, result: Result) -> None:
        try:
            self.folder.finish(result)
        except OSError:
            # A full disk is the likely cause, and the build may have filled it.
            if self.image:
                self._forget(self.image)
            self._remove_scratch()
            self.folder.finish(replace(result, kept_until=None))

    def _clear(self) -> None:
        if self.image:
            for argv in make_engine(self.spec, self.image, self._url).forget_names():
                self._quietly(argv)
            if not self.image.is_kept:
                self._forget(self.image)
        self.fence.remove()
        self._remove_scratch()

    def _forget(self, image: Image) -> None:
        image.condemn()
        for argv in forget_image(self.spec.engine or "", image):
            self._quietly(argv)
        remove(image.path)

    def _quietly(self, argv: list[str]) -> None:
        with contextlib.suppress(BuildFailed):
            self.supervisor.run(argv, cwd=self.folder.path, env=self._environment(), sink=_drop)

    def _remove_scratch(self) -> None:
        for name in _SCRATCH:
            remove(self.folder / name)


def _drop(_data: bytes) -> None:
    """Drop the output of cleaning."""
