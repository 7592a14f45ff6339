"""What earlier builds fetched: a folder `<hash>.objects` for each clone URL and kind of history.

`git`       a bare repository; a build fetches into it, and from there into its checkout
`changing`  present while something is changed: what a killed runner left so is thrown away

The folder itself is locked by a runner while it fetches into it (alone) or from it, and by who removes it.
Its time is that of the last use. No credential is ever written there, and a checkout does not depend on it:
all that comes from there is copied and hashed again, so that damage costs a fetch and never a build.
"""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bridge.builders.local.fetch import Fetch, init
from bridge.builders.local.folder import BuildSpec, remove
from bridge.builders.local.git import Git
from bridge.builders.local.process import BuildFailed, OutOfTime, Supervisor

_SUFFIX: Final = ".objects"
_WAIT_SECONDS: Final = 0.1
_MAX_PACKS: Final = 20
"""Each fetch adds a pack; of more, some are made one."""


def fetch(supervisor: Supervisor, git: Git, spec: BuildSpec, folder: Path) -> str:
    """Fetch what the build asks for into the repository of `git`; returns the id of its commit.

    Kept objects are in `folder`, where the spec says that they are kept. Raises BuildFailed, Stopped.
    """
    server = Fetch(git, spec, git.url)
    if not spec.cache:
        return server.run()
    kept = _Kept(supervisor, git, spec, folder)
    try:
        return kept.fetch()
    except OutOfTime:
        raise
    except (BuildFailed, OSError) as error:
        supervisor.log.note(f"fetching without what earlier builds fetched: {error}")
    found = server.run()
    # The server was not the cause.
    kept.discard()
    return found


class _Kept:
    """What is kept for one build."""

    def __init__(self, supervisor: Supervisor, git: Git, spec: BuildSpec, folder: Path) -> None:
        depth = "shallow" if spec.history == "shallow" else "full"
        name = hashlib.sha256(f"{git.url}\n{depth}".encode()).hexdigest()
        self._path = folder / f"{name[:40]}{_SUFFIX}"
        self._supervisor = supervisor
        self._spec = spec
        self._git = git

    def fetch(self) -> str:
        """Fetch what is missing, and from there into the checkout. Raises BuildFailed, OSError, Stopped."""
        with self._locked(fcntl.LOCK_EX):
            if (self._path / "changing").exists():
                _empty(self._path)
            with _changing(self._path):
                commit = self._from_server()
        with self._locked(fcntl.LOCK_SH):
            Fetch(self._git, self._spec, self._path / "git").exactly(commit)
        return commit

    def discard(self) -> None:
        """Throw it away, unless another build uses it: that one will see what is wrong with it."""
        with contextlib.suppress(OSError):
            if (lock := _lock(self._path, fcntl.LOCK_EX)) is not None:
                _empty(self._path)
                os.close(lock)

    def _from_server(self) -> str:
        git, repository = self._git, self._path / "git"
        if not (repository / "HEAD").exists():
            repository.mkdir(exist_ok=True)
            init(git, self._spec, "--bare", cwd=repository)
        ref = hashlib.sha256(self._spec.request.ref.encode()).hexdigest()
        commit = Fetch(git, self._spec, git.url, into=repository, keep=f"refs/kept/{ref}").run()
        if len(list(repository.glob("objects/pack/*.pack"))) > _MAX_PACKS:
            # One that is too large for that begins anew.
            git.run("repack", "--geometric=2", "-d", "--quiet", cwd=repository)
        return commit

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        has_waited = False
        while (lock := _lock(self._path, how)) is None:
            if not has_waited:
                self._supervisor.log.note("waiting for another build that fetches of the same repository")
            has_waited = True
            self._supervisor.check()
            self._supervisor.pause(_WAIT_SECONDS)
        try:
            os.utime(self._path)
            yield
        finally:
            os.close(lock)


def evict(folder: Path, limit: int) -> None:
    """Remove what was not used for longest, until the rest takes at most `limit` bytes; what is used stays.

    What alone takes more goes first.
    """
    found = [(_size(path), path) for path in folder.glob(f"*{_SUFFIX}")]
    total = sum(size for size, _ in found)
    for size, path in sorted(found, key=lambda one: (one[0] <= limit, _used_at(one[1]))):
        if total <= limit:
            return
        with contextlib.suppress(OSError):
            if (lock := _lock(path, fcntl.LOCK_EX)) is not None:
                _empty(path)
                remove(path)
                os.close(lock)
                total -= size


def _lock(path: Path, how: int) -> int | None:
    """A descriptor that holds the lock until it is closed; None while another process has it."""
    path.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        # It may have been removed meanwhile, and made anew.
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    (path / "changing").touch()
    try:
        yield
    finally:
        (path / "changing").unlink(missing_ok=True)


def _empty(path: Path) -> None:
    with _changing(path):
        remove(path / "git")


def _size(path: Path) -> int:
    total = 0
    for parent, _, files in os.walk(path):
        for name in files:
            # A build may be fetching.
            with contextlib.suppress(OSError):
                total += Path(parent, name).lstat().st_size
    return total


def _used_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
