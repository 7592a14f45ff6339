"""The checkout of a local build: one commit, and as much around it as the builder's settings say."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.git import Git, check_size
from bridge.builders.local.lfs import LargeFiles
from bridge.builders.local.process import BuildFailed, Supervisor
from bridge.builders.local.submodules import Submodules

_DEEPER = 1000
"""Commits of a ref to fetch when the server does not serve a commit by its id."""


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """The commit in the tree, its time in Unix seconds, and sentences about what was left out."""

    commit: str
    time: int
    left_out: tuple[str, ...]


class Checkout:
    """Checks the requested commit out into `tree`, an empty folder."""

    def __init__(self, supervisor: Supervisor, spec: BuildSpec, base: Mapping[str, str], tree: Path) -> None:
        self._spec = spec
        self._tree = tree
        self._log = supervisor.log
        self._git = Git(supervisor, spec, base, tree)
        self.url = self._git.url

    def run(self) -> CheckedOut:
        """Check the commit out, or what the ref points to. Raises BuildFailed."""
        with self._git.private_files():
            return self._check_out()

    def _check_out(self) -> CheckedOut:
        git, wanted = self._git, self._spec.request.commit or "FETCH_HEAD"
        self._log.note(f"fetching {wanted} of {self._spec.request.ref}")
        kind = "sha256" if len(wanted) == len("0" * 64) else "sha1"
        git.run("init", "--quiet", "--template=", "--initial-branch=none", f"--object-format={kind}")
        self._fetch(wanted)
        commit = git.ask("rev-parse", "--verify", "--end-of-options", f"{wanted}^{{commit}}")
        if self._spec.history == "tags" and self._try_fetch("+refs/tags/*:refs/tags/*", None):
            raise BuildFailed("the tags could not be fetched")
        git.run("checkout", "--quiet", "--force", "--detach", commit)
        check_size(self._tree, self._spec.max_tree)
        submodules = Submodules(git, self._spec, self._tree)
        left_out = [submodules.update()]
        left_out.append(LargeFiles(git, self._spec, self._tree, submodules.folders).fetch())
        notes = tuple(filter(None, left_out))
        for note in notes:
            self._log.note(note)
        return CheckedOut(commit, int(git.ask("show", "--no-patch", "--format=%ct", commit)), notes)

    def _fetch(self, wanted: str) -> None:
        """Fetch the commit by its id or, where the server rejects that, from the history of its ref."""
        ref, shallow = self._spec.request.ref, self._spec.history == "shallow"
        depths = (1, _DEEPER) if shallow else (None,)
        if self._spec.request.commit and self._try_fetch(wanted, depths[0]) == 0 and self._has(wanted):
            return
        for depth in depths:
            code = self._try_fetch(ref, depth)
            if code:
                raise BuildFailed(f"git fetch of {ref} failed with exit code {code}", code)
            if self._has(wanted):
                return
        where = f"among the last {_DEEPER} commits" if shallow else "in the history"
        raise BuildFailed(f"{wanted} is not {where} of {ref}: the ref was moved")

    def _try_fetch(self, what: str, depth: int | None) -> int:
        options = ("--quiet", "--no-tags", "--no-recurse-submodules")
        deep = () if depth is None else (f"--depth={depth}",)
        return self._git.call("fetch", *options, *deep, "--", self.url, what)

    def _has(self, sha: str) -> bool:
        return self._git.call("cat-file", "-e", f"{sha}^{{commit}}", sink=lambda _: None) == 0


def inside(tree: Path, path: str, what: str) -> Path:
    """The real path of something in the checkout, links followed. Raises BuildFailed if that is outside."""
    try:
        found = (tree / path.lstrip("/")).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise BuildFailed(f"there is no {what} {path!r} in the checkout") from None
    if not found.is_relative_to(tree.resolve()):
        raise BuildFailed(f"the {what} {path!r} lies outside the checkout")
    return found
