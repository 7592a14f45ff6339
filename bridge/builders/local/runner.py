"""The runner of one local build: a process of its own that outlives the daemon.

Started as `main(folder, number)`: the `number`-th run of this build. It acquires the folder's lock, reports
to its starter that the build has started, and does what the spec says. Two runners of one build are harmless:
one gets the lock, and a run with a number that was already used does nothing.

SIGTERM ends a build finally only when the folder has a `cancel` file. Without one, as at the machine's
shutdown, the runner exits without a result, and the next one decides: if nothing irreversible has begun, the
build starts again, at most twice; otherwise its end is unknown.
"""

import contextlib
import fcntl
import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from bridge.builders.local.checkout import Checkout, inside, split_credentials
from bridge.builders.local.engine import engine
from bridge.builders.local.folder import Folder, Result, remove, write_whole
from bridge.builders.local.process import BUILD_MARKER, BuildFailed, Log, Stopped, Supervisor, kill_leftovers

MAX_STARTS: Final = 3
_CLEANUP_SECONDS: Final = 60.0
_SCRATCH: Final = ("tree", "home", "tmp", "store", "run")


def main(path: str, number: str) -> int:
    """Returns, in the starting process, 0 once the build has started or needs no runner, else 1."""
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
        run = Run(folder) if _acquire(folder, lock.fileno(), int(number)) else None
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

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.spec = folder.spec()
        self.starts = folder.starts()
        self.pushed: list[str] = []
        self.digest: str | None = None
        self.log = Log(folder / "log", self.spec.log_limit)
        self.supervisor = Supervisor(self.log, time.monotonic() + self.spec.timeout)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def finish(self) -> None:
        """Do what the spec says, then write the result; without one, the build was interrupted."""
        try:
            result = self._outcome()
        except Stopped:
            if not (self.folder / "cancel").exists():
                self.log.note("interrupted: the runner got SIGTERM")
                return
            result = self._result("cancelled", "cancelled on request")
        self.log.note(f"{result.state}: {result.detail}" if result.detail else result.state)
        self.supervisor.renew(time.monotonic() + _CLEANUP_SECONDS)
        self._write(result)
        # After the result on purpose: nothing here can change it any more.
        self._clear()

    def _outcome(self) -> Result:
        if (self.folder / "cancel").exists():
            raise Stopped
        if (self.folder / "effects").exists():
            why = "the runner was killed after a command or a push had begun: no one knows how it ended"
            return self._result("unknown", why)
        if len(self.starts) > MAX_STARTS:
            return self._result("failed", f"interrupted {MAX_STARTS} times")
        try:
            self._work()
        except BuildFailed as failure:
            return self._result("failed", str(failure), failure.exit_code)
        except OSError as error:
            return self._result("failed", f"{error.filename}: {error.strerror}")
        return self._result("succeeded", "", 0)

    def _result(self, state: str, detail: str, exit_code: int | None = None) -> Result:
        return Result(
            state=state,
            detail=detail,
            exit_code=exit_code,
            digest=self.digest,
            pushed=self.pushed,
            started_at=self.starts[0],
            ended_at=time.time(),
        )

    def _work(self) -> None:
        if len(self.starts) > 1:
            self.log.note(f"started again after an interruption, run {len(self.starts)}")
        self._clear()
        for name in _SCRATCH:
            (self.folder / name).mkdir()
        checkout = Checkout(self.supervisor, self.spec, self._environment(), self.folder / "tree")
        found = checkout.run()
        self.spec = replace(self.spec, request=replace(self.spec.request, commit=found.commit))
        if self.spec.engine is None:
            self._command(checkout.url)
        else:
            self._image(checkout.url, found.time)

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

    def _command(self, url: str) -> None:
        env = {**self.spec.request.variables(), "REPO_URL": url, **self._environment()}
        self._begin_effects()
        code = self.supervisor.run(self.spec.command, cwd=self.folder / "tree", env=env)
        if code:
            raise BuildFailed(f"{self.spec.command[0]} {_ended(code)}", code)

    def _image(self, url: str, at: int) -> None:
        tree, request = self.folder / "tree", self.spec.request
        context = inside(tree, request.context, "build context")
        dockerfile = inside(tree, request.dockerfile, "Dockerfile")
        if dockerfile.is_dir():
            dockerfile = inside(tree, f"{request.dockerfile}/Dockerfile", "Dockerfile")
        tool = engine(self.spec, self.folder, url)
        if self.spec.engine == "docker" and self.spec.authfile:
            (self.folder / "home" / ".docker").mkdir()
            (self.folder / "home" / ".docker" / "config.json").symlink_to(self.spec.authfile)
        self._step("the image build", tool.build(context, dockerfile, at))
        self._begin_effects()
        for image in self.spec.images:
            self._step(f"the push of {image}", tool.push(image))
            self.pushed.append(image)
        query = tool.digest_query(self.spec.images[-1])
        self.digest = tool.read_digest(self._ask(query) if query else tool.digest_file.read_text())

    def _step(self, what: str, argv: list[str]) -> None:
        code = self.supervisor.run(argv, cwd=self.folder / "home", env=self._environment())
        if code:
            raise BuildFailed(f"{what} {_ended(code)}", code)

    def _ask(self, argv: list[str]) -> str:
        answer = bytearray()
        self.supervisor.run(argv, cwd=self.folder / "home", env=self._environment(), sink=answer.extend)
        return answer.decode(errors="replace")

    def _begin_effects(self) -> None:
        self.supervisor.check()
        write_whole(self.folder / "effects", b"")

    def _write(self, result: Result) -> None:
        try:
            self.folder.finish(result)
        except OSError:
            # A full disk is the likely cause, and the build may have filled it.
            self._clear()
            self.folder.finish(result)

    def _clear(self) -> None:
        if self.spec.engine:
            url = split_credentials(self.spec.request.repo_url)[0]
            for argv in engine(self.spec, self.folder, url).clean():
                with contextlib.suppress(BuildFailed):
                    self.supervisor.run(argv, cwd=self.folder.path, env=self._environment(), sink=_drop)
        for name in _SCRATCH:
            remove(self.folder / name)


def _drop(_data: bytes) -> None:
    """Drop the output of cleaning."""


def _ended(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
