"""Fetching the commit that a build is of, and as much around it as the builder's settings say."""

from pathlib import Path
from typing import Final

from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.git import Git
from bridge.builders.local.process import BuildFailed

_DEEPER: Final = 1000
"""Commits of a ref to fetch when the server does not serve a commit by its id."""


class Fetch:
    """Fetches from `source` into the checkout.

    The source is the URL that the push brought, or a repository of this machine. With `into` and `keep` it is
    fetched into another repository, which gets a ref of that name for it.
    """

    def __init__(
        self, git: Git, spec: BuildSpec, source: str | Path, *, into: Path | None = None, keep: str = ""
    ) -> None:
        self._git = git
        self._spec = spec
        self._source = str(source)
        self._protocols = ("file",) if isinstance(source, Path) else git.protocols
        self._into = into
        self._keep = f":{keep}" if keep else ""
        self._is_shallow = spec.history == "shallow"

    def run(self) -> str:
        """Fetch what the build asks for; returns the id of its commit. Raises BuildFailed."""
        wanted = self._spec.request.commit or "FETCH_HEAD"
        self._wanted(wanted)
        found = self._git.ask(
            "rev-parse", "--verify", "--end-of-options", f"{wanted}^{{commit}}", cwd=self._into
        )
        self._tags()
        return found

    def exactly(self, commit: str) -> None:
        """Fetch this commit, which is there. Raises BuildFailed."""
        if code := self._try(commit, 1 if self._is_shallow else None):
            raise self._git.failed(f"git fetch of {commit}", code)
        self._tags()

    def _wanted(self, wanted: str) -> None:
        """Fetch the commit by its id or, where the server rejects that, from the history of its ref."""
        ref = self._spec.request.ref
        depths = (1, _DEEPER) if self._is_shallow else (None,)
        if self._spec.request.commit and self._try(wanted, depths[0]) == 0:
            return
        for depth in depths:
            code = self._try(ref, depth)
            if code:
                raise self._git.failed(f"git fetch of {ref}", code)
            if self._has(wanted):
                return
        where = f"among the last {_DEEPER} commits" if self._is_shallow else "in the history"
        raise BuildFailed(f"{wanted} is not {where} of {ref}: the ref was moved")

    def _tags(self) -> None:
        # A tag that was removed must not be left from an earlier fetch.
        if self._spec.history == "tags" and self._call(
            "--prune", "--", self._source, "+refs/tags/*:refs/tags/*"
        ):
            raise BuildFailed("the tags could not be fetched")

    def _try(self, what: str, depth: int | None) -> int:
        deep = () if depth is None else (f"--depth={depth}",)
        return self._call(*deep, "--", self._source, f"+{what}{self._keep}" if self._keep else what)

    def _call(self, *arguments: str) -> int:
        options = ("--quiet", "--no-tags", "--no-recurse-submodules")
        return self._git.call("fetch", *options, *arguments, cwd=self._into, protocols=self._protocols)

    def _has(self, sha: str) -> bool:
        return self._git.call("cat-file", "-e", f"{sha}^{{commit}}", cwd=self._into, sink=lambda _: None) == 0


def init(git: Git, spec: BuildSpec, *options: str, cwd: Path | None = None) -> None:
    """Make an empty repository for the objects of the build. Raises BuildFailed."""
    git.run("init", "--quiet", "--template=", *options, f"--object-format={object_format(spec)}", cwd=cwd)


def object_format(spec: BuildSpec) -> str:
    return "sha256" if len(spec.request.commit) == len("0" * 64) else "sha1"
