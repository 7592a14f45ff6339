"""The local builder: builds on this machine, each in a folder and a process of its own.

Builds outlive the daemon: a runner process runs each of them, holds a lock while it lives and writes its
result to a file. After a restart the daemon finds the running builds, and restarts those that were
interrupted before they did anything irreversible.

A build is not isolated: it has this user's rights and this machine's network. Use local builds for trusted
repositories only.

Source: "buildah-build(1)", https://manpages.debian.org/trixie/buildah/buildah-build.1.en.html,
"podman-build", https://docs.podman.io/en/latest/markdown/podman-build.1.html, and "docker build",
https://docs.docker.com/reference/cli/docker/buildx/build/
"""

import codecs
import contextlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, TypeVar

import anyio
from anyio import to_thread

import bridge
from bridge.builders.base import (
    Advice,
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
    Target,
)
from bridge.builders.local.advice import advice
from bridge.builders.local.chinese import CHINESE
from bridge.builders.local.folder import MAX_STARTS, Folder, Result, Waiting, remove, write_whole
from bridge.builders.local.images import superfluous
from bridge.builders.local.kept_objects import evict
from bridge.builders.local.machine import examine
from bridge.builders.local.programs import forget_image
from bridge.builders.local.registry import ask_registry
from bridge.builders.local.settings import (
    BUILD_ID,
    LocalSettings,
    Unbuildable,
    make_spec,
)
from bridge.errors import Permanent, Transient
from bridge.model.build import BuildRequest, BuildState, SeenJob
from bridge.model.node import LEASE_SECONDS, RETURN_SECONDS
from bridge.runtime import lease
from bridge.runtime.git.access import CloneAccess, dump

RUNNER_ENVIRONMENT: Final = {"LANG": "C.UTF-8"}
"""The environment of the runner's own process, which decides what its steps get."""
_RUNNER: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from bridge.builders.local.runner import main; sys.exit(main(*sys.argv[2:]))"
)
_START_SECONDS: Final = 10.0
_RELEASE_SECONDS: Final = 10.0
_FREE_SECONDS: Final = 60.0
_GRACE_SECONDS: Final = 600.0
"""Seconds after the time limit within which the runner ends a build."""
T = TypeVar("T")
_ALONE_SECONDS: Final = RETURN_SECONDS - LEASE_SECONDS - 20
"""How much longer than its daemon a runner may have effects. Others begin `RETURN_SECONDS` after the daemon
has left, which may be just after its last beat; the runner ends what it does somewhat earlier."""
_LOG_BYTES: Final = 256 * 1024 // len("\N{REPLACEMENT CHARACTER}".encode())
"""Bytes that decode to at most 256 KiB of text, even when every one is invalid."""

_GONE: Final = Status(state=BuildState.UNKNOWN, raw="gone", detail="the folder of the build is gone")


class LocalBuilder(Builder):
    """Builds on this machine; the handle of a build is its id."""

    kind: ClassVar[str] = "local"
    Settings: ClassVar[type[LocalSettings]] = LocalSettings
    poll_interval = 0.5
    on_this_machine: ClassVar[bool] = True
    fetches_code: ClassVar[bool] = True
    chinese = CHINESE

    def __init__(self, name: str, settings: LocalSettings, context: BuilderContext) -> None:
        self.name = name
        self.slots: int = settings.workers
        # The last push may take as long as all before it.
        self.deadline = (2 * settings.timeout + settings.push_for).total_seconds() + _GRACE_SECONDS
        self._settings = settings
        self.folder: Path = settings.folder / name if settings.folder else context.state
        self._beside_store = context.state
        self._clock = context.clock
        self._log_limit = context.log_limit
        self._access = context.access
        self._resumed: dict[str, int] = {}
        self._held: dict[str, float] = {}
        """Until when the runner of each build may have effects, as its folder says."""

    @classmethod
    def moves(cls, before: LocalSettings, after: LocalSettings) -> bool:
        # Builds beside the store are found there, whatever `folder` is now.
        return before.folder is not None and before.folder != after.folder

    async def trigger(self, request: BuildRequest) -> Outcome:
        return await _in_thread(self._trigger, request)

    async def find(self, request: BuildRequest) -> Handle | None:
        return await _in_thread(self._find, request.build_id)

    async def renew(self, handles: Collection[Handle]) -> None:
        for build_id in handles:
            with contextlib.suppress(Permanent):
                await _in_thread(self._hold, self._folder(build_id))

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        found: dict[str, Status] = {}
        for build_id, handle in handles.items():
            # A folder that cannot be read now must not hide the others.
            with contextlib.suppress(Transient):
                found[build_id] = await _in_thread(self._status, handle)
        # A build that only waits for its registry takes no worker, but there is a bound: each has an image.
        waiting = sum(bool(status.hint) for status in found.values())
        self.slots = self._settings.workers + min(waiting, self._settings.workers)
        return found

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        return await _in_thread(self._log, handle, offset)

    async def cancel(self, handle: Handle) -> None:
        await _in_thread(self._cancel, handle)

    async def release(self, handle: Handle) -> None:
        """Raises Transient while the build is still running."""
        folder = self._folder(handle)
        with anyio.move_on_after(_RELEASE_SECONDS):
            while await _in_thread(folder.holder):
                if not await _in_thread(folder.result):
                    break
                await anyio.sleep(0.02)
        await _in_thread(_release, folder)
        await _in_thread(self._remove_superfluous, False)
        self._resumed.pop(handle, None)
        self._held.pop(handle, None)

    async def reclaim(self, *, everything: bool = False) -> None:
        await _in_thread(self._remove_superfluous, everything)

    async def test(self) -> str:
        """Raises Permanent where a program is missing, Transient where a registry or buildkitd is silent."""
        found = await _in_thread(examine, self.name, self._settings, self.folder)
        if self._settings.registry is None:
            return found
        answer = await ask_registry(self._settings.registry, tls_verify=self._settings.tls_verify)
        return f"{found}; {answer}"

    def advice(self, targets: Sequence[Target], _seen: Sequence[SeenJob]) -> Sequence[Advice]:
        return [Advice(problem) for problem in advice(self._settings, targets)]

    def _folder(self, build_id: str) -> Folder:
        if not BUILD_ID.fullmatch(build_id):
            raise Permanent(f"{build_id!r} is not a build of this builder")
        # Before `folder` was set, builds began beside the store; there they end.
        earlier = Folder(self._beside_store / build_id)
        return earlier if earlier.known() else Folder(self.folder / build_id)

    def _trigger(self, request: BuildRequest) -> Outcome:
        access = self._access_of(request)
        if access is not None:
            request = replace(request, repo_url=access.address(request.repo_url))
        try:
            spec = make_spec(request, self._settings, self._log_limit)
        except Unbuildable as unbuildable:
            return Rejected(str(unbuildable))
        folder = self._folder(request.build_id)
        if folder.holder() or folder.starts() or folder.result():
            return Sent(request.build_id)
        try:
            folder.prepare(spec)
            self._hold(folder)
        except OSError as error:
            return Retry(f"the folder of the build cannot be written: {error.strerror}")
        return self._start(folder, 1, access)

    def _access_of(self, request: BuildRequest) -> CloneAccess | None:
        """What there is for private code of the source that the code is from."""
        return None if request.source is None else self._access.get(request.source)

    def _hold(self, folder: Folder) -> None:
        """Let the runner go on for as long as no other machine takes over; for good where there is none."""
        until = lease.until() + _ALONE_SECONDS if lease.is_contested() else math.inf
        if self._held.get(folder.path.name) == until or not folder.known():
            return
        if math.isinf(until):
            (folder / "lease").unlink(missing_ok=True)
        else:
            folder.hold(until)
        self._held[folder.path.name] = until

    def _start(self, folder: Folder, number: int, access: CloneAccess | None) -> Outcome:
        """Start a runner and wait until it holds the lock of the build."""
        root = Path(bridge.__file__).parents[1]
        argv = [sys.executable, "-I", "-c", _RUNNER, str(root), str(folder.path.resolve()), str(number)]
        try:
            ended = subprocess.run(
                argv,
                env={**RUNNER_ENVIRONMENT, "PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
                input=dump(access),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                timeout=_START_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ambiguous(f"the runner of the build did not answer within {_START_SECONDS:.0f} s")
        except OSError as error:
            return Retry(f"the runner of the build cannot be started: {error.strerror}")
        if ended.returncode:
            last = ended.stderr[-2000:].decode(errors="replace").strip().rpartition("\n")[2]
            return Retry(f"the runner of the build ended before it started the build: {last}")
        return Sent(folder.path.name)

    def _find(self, build_id: str) -> Handle | None:
        folder = self._folder(build_id)
        return build_id if folder.holder() or folder.starts() or folder.result() else None

    def _status(self, handle: Handle) -> Status:
        if not BUILD_ID.fullmatch(handle):
            return _GONE
        folder = self._folder(handle)
        # Read the lock before the result: a runner that ends in between has written its result first.
        live = folder.holder()
        starts = folder.starts()
        result = folder.result()
        if result is not None:
            return _ended(result)
        if not folder.known():
            return _GONE
        if live is not None:
            self._resumed.pop(handle, None)
        elif not self._resume(folder, len(starts)):
            return Status(
                state=BuildState.UNKNOWN,
                raw="interrupted",
                detail="the build was interrupted and cannot be resumed",
            )
        waiting = folder.waiting()
        again = f"started again after an interruption, run {len(starts)}" if len(starts) > 1 else ""
        return Status(
            state=BuildState.RUNNING,
            raw="running",
            detail=again,
            hint=_hint(waiting) if waiting else "",
            started_at=starts[0] if starts else None,
        )

    def _resume(self, folder: Folder, runs: int) -> bool:
        """Start a new runner for an interrupted build; False after too many failed attempts."""
        try:
            access = self._access_of(folder.spec().request)
        except (ValueError, TypeError, KeyError):
            return False
        tried = self._resumed.get(folder.path.name, 0)
        if tried > MAX_STARTS:
            return False
        self._resumed[folder.path.name] = tried + 1
        self._start(folder, runs + 1, access)
        return True

    def _remove_superfluous(self, everything: bool) -> None:
        for folder in {self.folder, self._beside_store}:
            for image in superfluous(folder, self._clock(), all_kept=everything):
                if not image.lock():
                    continue
                image.condemn()
                for argv in forget_image(image.engine, image):
                    _quietly(argv, image.path)
                remove(image.path)
                image.unlock()
            # Builds no longer begin beside the store where `folder` is set: nothing is kept for them there.
            is_kept = folder.resolve() == self.folder.resolve() and not everything
            evict(folder, (self._settings.cache or 0) if is_kept else 0)

    def _log(self, handle: Handle, offset: int) -> LogChunk:
        folder = self._folder(handle)
        ended = folder.holder() is None
        try:
            with (folder / "log").open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                restarted = offset > size
                start = 0 if restarted else offset
                file.seek(start)
                data = file.read(_LOG_BYTES)
        except FileNotFoundError:
            return LogChunk(text="", next=offset, more=False)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        last = start + len(data) >= size
        text = decoder.decode(data, final=ended and last)
        return LogChunk(
            text=text,
            next=start + len(data) - len(decoder.getstate()[0]),
            more=not last,
            restarted=restarted,
        )

    def _cancel(self, handle: Handle) -> None:
        folder = self._folder(handle)
        if not folder.known() or folder.result() is not None:
            return
        # The cancel file is on disk before the signal, so that a crash cannot lose the request.
        write_whole(folder / "cancel", b"")
        pid = folder.holder()
        if pid is not None:
            _terminate(pid, folder)


async def _in_thread(function: Callable[..., T], *arguments: object) -> T:
    """Run blocking work in a thread. Errors of the disk are Transient."""
    try:
        return await to_thread.run_sync(partial(function, *arguments))
    except (OSError, ValueError, TypeError) as error:
        raise Transient(f"the state of the build cannot be used: {error}") from error


def _hint(waiting: Waiting) -> str:
    what = f"the registry {waiting.registry} does not take the image ({waiting.why})"
    return f"{what}; it is kept, and pushed again until {_shown(waiting.until)}"


def _shown(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment).astimezone():%Y-%m-%d %H:%M}"


def _ended(result: Result) -> Status:
    kept = result.kept_until
    advice = (
        f"; until {_shown(kept)} another run with this commit and these tags only pushes it" if kept else ""
    )
    return Status(
        state=BuildState(result.state),
        raw=result.state,
        detail=f"{result.detail}{advice}",
        digest=result.digest,
        started_at=result.started_at,
        ended_at=result.ended_at,
        stage=result.stage,
    )


def _terminate(pid: int, folder: Folder) -> None:
    """Send SIGTERM to the runner, and never to another process that has its pid by now."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if folder.holder() == pid:
            signal.pidfd_send_signal(process, signal.SIGTERM)
    except ProcessLookupError:
        return
    finally:
        os.close(process)


def _quietly(argv: Sequence[str], home: Path) -> None:
    """Run a command of the engine that frees room; what it cannot free stays."""
    env = {**RUNNER_ENVIRONMENT, "PATH": os.environ.get("PATH", os.defpath), "HOME": str(home)}
    quiet = subprocess.DEVNULL
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            argv, env=env, stdin=quiet, stdout=quiet, stderr=quiet, timeout=_FREE_SECONDS, check=False
        )


def _release(folder: Folder) -> None:
    if folder.holder() is not None:
        raise Transient("the build is still running")
    remove(folder.path)
