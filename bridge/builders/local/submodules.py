"""The submodules of a checkout: one after the other, level by level, within the limits of the whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.git import Git, check_size
from bridge.builders.local.process import BuildFailed

MAX_NESTING: Final = 10
MAX_SUBMODULES: Final = 200
_GITLINK: Final = "160000 "
_WHOLE: Final = 2**31 - 1
"""Git's word for a depth without end."""
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class _Submodule:
    """A submodule at `path` of the repository in the folder `parent`."""

    parent: Path
    path: str

    @property
    def folder(self) -> Path:
        return self.parent / self.path


class Submodules:
    """Fetches the submodules of `tree` as the spec says; `folders` are those of the repositories then."""

    def __init__(self, git: Git, spec: BuildSpec, tree: Path) -> None:
        self._git = git
        self._spec = spec
        self._tree = tree
        self.folders = [tree]

    def update(self) -> str | None:
        """Fetch them; returns what was left out, in words. Raises BuildFailed."""
        found = self._found([self._tree])
        if not self._spec.submodules:
            return self._left_out("submodules", found, "true")
        if found:
            self._git.run("config", "remote.origin.url", self._git.url)
        for _ in range(MAX_NESTING):
            for submodule in found:
                self._update(submodule)
            found = self._found([submodule.folder for submodule in found])
            if not found or self._spec.submodules != "recursive":
                return self._left_out("submodules of submodules", found, "recursive")
        raise BuildFailed(f"submodules are nested more than {MAX_NESTING} deep")

    def _left_out(self, what: str, found: Sequence[_Submodule], cure: str) -> str | None:
        names = [str(submodule.folder.relative_to(self._tree)) for submodule in found]
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        text = f"{what} are left out ({shown}): set `submodules: {cure}` on the builder"
        return text.encode(errors="replace").decode() if found else None

    def _found(self, folders: Sequence[Path]) -> list[_Submodule]:
        found = [_Submodule(folder, path) for folder in folders for path in self._paths(folder)]
        if self._spec.submodules and len(self.folders) - 1 + len(found) > MAX_SUBMODULES:
            raise BuildFailed(f"the checkout has more than {MAX_SUBMODULES} submodules")
        return found

    def _paths(self, folder: Path) -> list[str]:
        """The submodules that `.gitmodules` and the commit both have: an entry may be a leftover."""
        file = folder / ".gitmodules"
        if file.is_symlink() or not file.is_file():
            return []
        answer = bytearray()
        wanted = ("--null", "--get-regexp", r"^submodule\..*\.path$")
        # Nothing found is a failure for Git.
        self._git.call("config", "--file", ".gitmodules", *wanted, cwd=folder, sink=answer.extend)
        entries = answer.decode(errors="surrogateescape").split("\0")
        paths = {entry.partition("\n")[2] for entry in entries}
        within = sorted(path for path in paths if path and ".." not in path.split("/") and path[0] != "/")
        if not within:
            return []
        answer.clear()
        self._git.call("ls-files", "--stage", "-z", "--", *within, cwd=folder, sink=answer.extend)
        staged = answer.decode(errors="surrogateescape").split("\0")
        return [entry.partition("\t")[2] for entry in staged if entry.startswith(_GITLINK)]

    def _update(self, submodule: _Submodule) -> None:
        name = str(submodule.folder.relative_to(self._tree))
        self._git.log.note(f"fetching the submodule {name}")
        shallow = self._spec.history == "shallow"
        code = self._try_update(submodule, 1 if shallow else None)
        if code and shallow and (submodule.folder / ".git").exists():
            # The server does not serve a commit by its id.
            every = "+refs/heads/*:refs/remotes/origin/*"
            self._git.run("config", "remote.origin.fetch", every, cwd=submodule.folder)
            code = self._try_update(submodule, _WHOLE)
        if code:
            raise self._git.failed(f"fetching the submodule {name}", code)
        self.folders.append(submodule.folder)
        check_size(self._tree, self._spec.max_tree)

    def _try_update(self, submodule: _Submodule, depth: int | None) -> int:
        options = ("--quiet", "--init", "--checkout", "--force")
        deep = () if depth is None else (f"--depth={depth}",)
        arguments = ("submodule", "--quiet", "update", *options, *deep, "--", submodule.path)
        return self._git.call(*arguments, cwd=submodule.parent)
