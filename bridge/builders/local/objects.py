"""The fetching of a build, with what earlier builds fetched."""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bridge.builders.local.fetch import Fetch, init
from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.git import Git
from bridge.builders.local.kept_objects import SUFFIX, changing, empty, lock
from bridge.builders.local.process import BuildFailed, OutOfTime, Supervisor

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
        self._path = folder / f"{name[:40]}{SUFFIX}"
        self._supervisor = supervisor
        self._spec = spec
        self._git = git

    def fetch(self) -> str:
        """Fetch what is missing, and from there into the checkout. Raises BuildFailed, OSError, Stopped."""
        with self._locked(fcntl.LOCK_EX):
            if (self._path / "changing").exists():
                empty(self._path)
            with changing(self._path):
                commit = self._from_server()
        with self._locked(fcntl.LOCK_SH):
            Fetch(self._git, self._spec, self._path / "git").exactly(commit)
        return commit

    def discard(self) -> None:
        """Throw it away, unless another build uses it: that one will see what is wrong with it."""
        with contextlib.suppress(OSError):
            if (held := lock(self._path, fcntl.LOCK_EX)) is not None:
                empty(self._path)
                os.close(held)

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
        while (held := lock(self._path, how)) is None:
            if not has_waited:
                self._supervisor.log.note("waiting for another build that fetches of the same repository")
            has_waited = True
            self._supervisor.check()
            self._supervisor.pause(_WAIT_SECONDS)
        try:
            os.utime(self._path)
            yield
        finally:
            os.close(held)
