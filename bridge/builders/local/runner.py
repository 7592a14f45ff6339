"""The runner of one local build: a process of its own that outlives the daemon.

Started as `main(folder, number)`: the `number`-th run of this build. It takes the folder's lock, tells its
starter that the build is taken up, and works the order off. Two runners of one build are harmless: one gets
the lock, and a run with a number that was already used does nothing.

SIGTERM ends a build for good only when the folder has a `cancel` file. Without one, as at the machine's
shutdown, the runner leaves without a result, and the next one decides: nothing irreversible has begun, so the
build starts again, at most twice; else nobody can tell how it ended.
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
from bridge.builders.local.process import MARK, BuildFailed, Log, Stopped, Supervisor, sweep

MAX_STARTS: Final = 3
_CLEANING: Final = 60.0
_SCRATCH: Final = ("tree", "home", "tmp", "store", "run")


def main(path: str, number: str) -> int:
    """Returns, in the starting process, 0 once the build is taken up or needs nobody, else 1."""
    heard, told = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(told)
        return 0 if os.read(heard, 1) else 1
    os.close(heard)
    os.umask(0o022)
    os.chdir("/")
    folder = Folder(Path(path))
    # Never made here: a folder that was released must not come back.
    with (folder / "lock").open("r+b") as lock:
        run = Run(folder) if _take(folder, lock.fileno(), int(number)) else None
        _tell(told)
        if run:
            run.finish()
    return 0


def _take(folder: Folder, lock: int, number: int) -> bool:
    """Take the lock and note the start; False where another run has, or had, this number."""
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    starts = folder.starts()
    if len(starts) != number - 1 or folder.result() is not None:
        return False
    if starts:
        sweep(folder.path)
    # From now on our pid may be signalled, so the runner must be deaf until it can listen.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    write_whole(folder / "started", json.dumps([*starts, time.time()]).encode())
    return True


def _tell(told: int) -> None:
    """Let the starter go; nothing of it is used any more."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    # A starter that did not wait is no reason to stop.
    with contextlib.suppress(BrokenPipeError):
        os.write(told, b"+")
    os.close(told)


class Run:
    """One run of a build, from the lock to the result."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.order = folder.order()
        self.starts = folder.starts()
        self.pushed: list[str] = []
        self.digest: str | None = None
        self.log = Log(folder / "log", self.order.log_limit)
        self.supervisor = Supervisor(self.log, time.monotonic() + self.order.timeout)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def finish(self) -> None:
        """Work the order off and write the result, last of all; without one, the build was interrupted."""
        try:
            result = self._outcome()
        except Stopped:
            if not (self.folder / "cancel").exists():
                self.log.note("interrupted: the runner was told to stop")
                return
            result = self._result("cancelled", "cancelled on request")
        self.log.note(f"{result.state}: {result.detail}" if result.detail else result.state)
        self.supervisor.renew(time.monotonic() + _CLEANING)
        self._write(result)
        # Late on purpose: nothing that happens here can change the result any more.
        self._clear()

    def _outcome(self) -> Result:
        if (self.folder / "cancel").exists():
            raise Stopped
        if (self.folder / "effects").exists():
            why = "the runner was killed after a command or a push had begun: nobody can tell how it ended"
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
        checkout = Checkout(self.supervisor, self.order, self._environment(), self.folder / "tree")
        found = checkout.run()
        self.order = replace(self.order, request=replace(self.order.request, commit=found.commit))
        if self.order.engine is None:
            self._command(checkout.url)
        else:
            self._image(checkout.url, found.time)

    def _environment(self) -> dict[str, str]:
        """What every step sees; nothing comes from the daemon but the search path."""
        return {
            **self.order.environment,
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "PATH": self.order.environment.get("PATH", self.order.path),
            "TMPDIR": str(self.folder / "tmp"),
            MARK: str(self.folder.path),
        }

    def _command(self, url: str) -> None:
        env = {**self.order.request.variables(), "REPO_URL": url, **self._environment()}
        self._begin_effects()
        code = self.supervisor.run(self.order.command, cwd=self.folder / "tree", env=env)
        if code:
            raise BuildFailed(f"{self.order.command[0]} {_ended(code)}", code)

    def _image(self, url: str, at: int) -> None:
        tree, request = self.folder / "tree", self.order.request
        context = inside(tree, request.context, "build context")
        dockerfile = inside(tree, request.dockerfile, "Dockerfile")
        if dockerfile.is_dir():
            dockerfile = inside(tree, f"{request.dockerfile}/Dockerfile", "Dockerfile")
        tool = engine(self.order, self.folder, url)
        if self.order.engine == "docker" and self.order.authfile:
            (self.folder / "home" / ".docker").mkdir()
            (self.folder / "home" / ".docker" / "config.json").symlink_to(self.order.authfile)
        self._step("the image build", tool.build(context, dockerfile, at))
        self._begin_effects()
        for image in self.order.images:
            self._step(f"the push of {image}", tool.push(image))
            self.pushed.append(image)
        query = tool.digest_query(self.order.images[-1])
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
            # A full disk is the likely cause, and often the build's own.
            self._clear()
            self.folder.finish(result)

    def _clear(self) -> None:
        if self.order.engine:
            url = split_credentials(self.order.request.repo_url)[0]
            for argv in engine(self.order, self.folder, url).clean():
                with contextlib.suppress(BuildFailed):
                    self.supervisor.run(argv, cwd=self.folder.path, env=self._environment(), sink=_drop)
        for name in _SCRATCH:
            remove(self.folder / name)


def _drop(_data: bytes) -> None:
    """The output of cleaning tells nobody anything."""


def _ended(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
