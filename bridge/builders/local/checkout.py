"""The checkout of a local build: one commit, and as much around it as the builder's settings say."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.builders.local.fetch import init
from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.git import Git, check_size
from bridge.builders.local.lfs import LargeFiles
from bridge.builders.local.objects import fetch
from bridge.builders.local.process import BuildFailed, Supervisor
from bridge.builders.local.submodules import Submodules
from bridge.model.build import BuildRequest
from bridge.runtime.git.access import CloneAccess


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """The commit in the tree, its time in Unix seconds, and sentences about what was left out."""

    commit: str
    time: int
    left_out: tuple[str, ...]


class Checkout:
    """Checks the requested commit out into `tree`, an empty folder in that of the build."""

    def __init__(
        self,
        supervisor: Supervisor,
        spec: BuildSpec,
        base: Mapping[str, str],
        tree: Path,
        access: CloneAccess | None,
    ) -> None:
        self._spec = spec
        self._tree = tree
        self._kept = tree.parents[1]
        self._supervisor = supervisor
        self._log = supervisor.log
        self._git = Git(supervisor, spec, base, tree, access)

    def run(self) -> CheckedOut:
        """Check the commit out, or what the ref points to. Raises BuildFailed."""
        with self._git.private_files():
            return self._check_out()

    def _check_out(self) -> CheckedOut:
        git, request = self._git, self._spec.request
        self._log.note(f"fetching {request.commit or 'FETCH_HEAD'} of {request.ref}")
        init(git, self._spec, "--initial-branch=none")
        commit = fetch(self._supervisor, git, self._spec, self._kept)
        git.run("checkout", "--quiet", "--force", "--detach", commit)
        check_size(self._tree, self._spec.max_tree)
        submodules = Submodules(git, self._spec, self._tree)
        left_out = [submodules.update()]
        left_out.append(LargeFiles(git, self._spec, self._tree, submodules.folders).fetch())
        notes = tuple(filter(None, left_out))
        for note in notes:
            self._log.note(note)
        return CheckedOut(commit, int(git.ask("show", "--no-patch", "--format=%ct", commit)), notes)


def inside(tree: Path, path: str, what: str) -> Path:
    """The real path of something in the checkout, links followed. Raises BuildFailed if that is outside."""
    try:
        found = (tree / path.lstrip("/")).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise BuildFailed(f"there is no {what} {path!r} in the checkout") from None
    if not found.is_relative_to(tree.resolve()):
        raise BuildFailed(f"the {what} {path!r} lies outside the checkout")
    return found


def sources(tree: Path, request: BuildRequest) -> tuple[Path, Path]:
    """The build context and the Dockerfile that a request names. Raises BuildFailed."""
    context = inside(tree, request.context, "build context")
    dockerfile = inside(tree, request.dockerfile, "Dockerfile")
    if dockerfile.is_dir():
        dockerfile = inside(tree, f"{request.dockerfile}/Dockerfile", "Dockerfile")
    return context, dockerfile
