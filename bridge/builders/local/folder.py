"""The folder of one local build: the files through which the daemon and the runner communicate.

`lock`          held by the live runner for its whole life; not inherited by what it starts
`request.json`  the spec, written by the daemon before the runner is started
`started`       JSON list of the Unix times at which a runner started the build
`lease`         JSON, present where another machine may take over what this one's daemon does: see `Lease`
`effects`       present: a command or a push has begun, so that a second run would not be harmless
`waiting`       JSON, present while the registry does not take the image: see `Waiting`
`cancel`        present: a person or a rule cancelled the build
`log`           plain bytes, only ever appended to
`result.json`   the end; what is written there is final
`private`, `tree`, `home`, `tmp`   the checkout and the scratch space of one run, removed at its end

Every file but `log` is complete or absent, also after a power cut. This module uses only the standard
library, because the runner must start fast and survive an upgrade of everything else.
"""

import fcntl
import json
import os
import shutil
import struct
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bridge.builders.local.limits import Limits
from bridge.model.build import BuildRequest

MAX_FILE: Final = 1 << 20
"""Bytes that are read of a JSON file at most."""
MAX_STARTS: Final = 3
"""How many runners a build may have, one after the other; each begins where the one before was killed."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_FLOCK: Final = "hhqqi0q"
"""`struct flock`: type, whence, start, length, pid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSpec:
    """What the runner is to do. Either `engine` builds and pushes `images`, or `command` is run.

    `timeout` and `push_for` are in seconds, `log_limit` and `max_tree` in bytes, `environment` is added to
    every step, `path` is the search path for programs, `images` are full references with their tags. With
    `cache`, fetched objects are kept beside the folder. What has a default and no word here is as in the
    settings.
    """

    request: BuildRequest
    engine: str | None
    command: tuple[str, ...]
    images: tuple[str, ...]
    tls_verify: bool
    authfile: str | None
    timeout: float
    log_limit: int
    max_tree: int
    protocols: tuple[str, ...]
    environment: Mapping[str, str]
    path: str
    push_for: float = 1800.0
    submodules: bool | str = False
    lfs: bool = False
    history: str = "shallow"
    cache: bool = False
    limits: Limits = field(default_factory=Limits)
    platforms: tuple[str, ...] = ()
    address: str | None = None
    tls_dir: str | None = None
    cache_image: str | None = None

    def dump(self) -> bytes:
        plain = replace(self.request, parameters=dict(self.request.parameters), previous=None)
        return json.dumps(asdict(replace(self, request=plain))).encode()

    @classmethod
    def load(cls, data: bytes) -> "BuildSpec":
        fields: dict[str, Any] = json.loads(data)
        request = fields["request"]
        fields["request"] = BuildRequest(**{**request, "tags": tuple(request["tags"])})
        tuples = {name: tuple(fields[name]) for name in ("command", "images", "protocols")}
        later = {
            "limits": Limits(**fields.get("limits", {})),
            "platforms": tuple(fields.get("platforms", ())),
        }
        return cls(**{**fields, **tuples, **later})


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a build ended: `state` is `succeeded`, `failed`, `cancelled` or `unknown`; times are Unix ones.

    `kept_until` says how long the image is kept that could not be pushed, `stage` what the build was at.
    """

    state: str
    detail: str = ""
    exit_code: int | None = None
    digest: str | None = None
    pushed: list[str] = field(default_factory=list)
    started_at: float | None = None
    ended_at: float | None = None
    kept_until: float | None = None
    stage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A push that is repeated `until` a Unix time: `why` the `registry` does not take the image."""

    registry: str
    why: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Until when no other machine does the same: seconds since the start of this one that `boot` names."""

    boot: str | None
    until: float


@dataclass(frozen=True, slots=True)
class Folder:
    """The paths of one build, and what its files say."""

    path: Path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def prepare(self, spec: BuildSpec) -> None:
        """Make the folder with its spec; afterwards a runner may be started. Raises OSError."""
        # What is made on the way is as private as the folder itself, whatever the umask.
        for path in reversed((self.path, *self.path.parents)):
            if not path.is_dir():
                path.mkdir(mode=0o700, exist_ok=True)
        (self / "lock").touch(mode=0o600)
        write_whole(self / "request.json", spec.dump())
        _sync(self.path.parent)

    def spec(self) -> BuildSpec:
        """Raises OSError, or ValueError, TypeError or KeyError where it is damaged."""
        return BuildSpec.load(_read(self / "request.json") or b"")

    def known(self) -> bool:
        return (self / "request.json").exists()

    def holder(self) -> int | None:
        """The pid of the live runner. This takes no lock, so it never blocks a runner that starts."""
        try:
            with (self / "lock").open("rb") as file:
                question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                answer = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, question))
        except FileNotFoundError:
            return None
        return None if answer[0] == fcntl.F_UNLCK else int(answer[4])

    def starts(self) -> list[float]:
        """When each run of the build started."""
        data = _read(self / "started")
        return [] if data is None else [float(at) for at in json.loads(data)]

    def result(self) -> Result | None:
        data = _read(self / "result.json")
        return None if data is None else Result(**json.loads(data))

    def waiting(self) -> Waiting | None:
        data = _read(self / "waiting")
        return None if data is None else Waiting(**json.loads(data))

    def wait(self, waiting: Waiting) -> None:
        write_whole(self / "waiting", json.dumps(asdict(waiting)).encode())

    def hold(self, until: float) -> None:
        """What it does may have effects until then, in seconds since the machine started."""
        lease = Lease(boot=boot_id(), until=until)
        write_whole(self / "lease", json.dumps(asdict(lease)).encode())

    def is_held(self) -> bool:
        """Whether what it does may have effects now. Where there is one machine only, that is always so."""
        data = _read(self / "lease")
        if data is None:
            return True
        lease = Lease(**json.loads(data))
        return lease.boot == boot_id() and time.clock_gettime(time.CLOCK_BOOTTIME) <= lease.until

    def finish(self, result: Result) -> None:
        write_whole(self / "result.json", json.dumps(asdict(result)).encode())


def boot_id() -> str | None:
    """Another one after each start of the machine; None where that is not known."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return None


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that after a crash at any point it is there completely or not at all."""
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    _sync(path.parent)


def remove(path: Path) -> None:
    """Remove a folder, even where a build removed write permissions; what cannot be removed stays."""
    for parent, folders, _ in os.walk(path):
        for name in folders:
            folder = Path(parent, name)
            if not folder.is_symlink():
                _unprotect(folder)
    shutil.rmtree(path, ignore_errors=True)


def _unprotect(folder: Path) -> None:
    try:
        folder.chmod(0o700)
    except OSError:
        # Another user's, like the files of a user namespace: rmtree decides.
        return


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE)
    except FileNotFoundError:
        return None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
