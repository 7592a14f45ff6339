"""The files of Git LFS in a checkout: the pointers that Git checks out, and what they stand for.

Source: "Git LFS Specification", https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.git import Git, check_size, tree_size
from bridge.builders.local.process import BuildFailed
from bridge.runtime.git.access import protocol_of

_MAX_POINTER: Final = 1024
_MAX_ATTRIBUTES: Final = 1 << 20
_POINTER: Final = re.compile(rb"version https://git-lfs\.github\.com/spec/v\d+\n(?:.*\n)*?size (\d{1,18})\n")
_ENDPOINT: Final = re.compile(r"^Endpoint=(\S+)", re.MULTILINE)


def pointers(tree: Path) -> dict[str, int]:
    """The files below that are pointers, by their path in the tree, and the bytes that they stand for."""
    if not any(_asks_for_lfs(file) for file in _files(tree) if file.name == ".gitattributes"):
        return {}
    sizes = ((str(file.relative_to(tree)), _pointed_to(file)) for file in _files(tree))
    return {path: size for path, size in sizes if size is not None}


class LargeFiles:
    """Fetches the files of Git LFS into `tree`, of the repositories in these folders of it."""

    def __init__(self, git: Git, spec: BuildSpec, tree: Path, folders: Sequence[Path]) -> None:
        self._git = git
        self._spec = spec
        self._tree = tree
        self._folders = folders

    def fetch(self) -> str | None:
        """Fetch them; returns what was left out, in words. Raises BuildFailed."""
        found = pointers(self._tree)
        if found and self._spec.lfs:
            self._fetch(sum(found.values()))
            found = pointers(self._tree)
        if not found:
            return None
        cure = "the repository's .lfsconfig says so" if self._spec.lfs else "set `lfs: true` on the builder"
        files = f"{len(found)} files are" if len(found) > 1 else "1 file is"
        example = next(iter(found)).encode(errors="replace").decode()
        return f"{files} left as pointers of Git LFS ({example}{', …' if len(found) > 1 else ''}): {cure}"

    def _fetch(self, size: int) -> None:
        self._git.log.note(f"fetching {size} bytes of Git LFS")
        # Git LFS keeps a copy of its own.
        if tree_size(self._tree) + 2 * size > self._spec.max_tree:
            limit = self._spec.max_tree
            raise BuildFailed(f"with its files of Git LFS the checkout is over its limit of {limit} bytes")
        self._git.run("config", "remote.origin.url", self._git.url)
        for folder in self._folders:
            if pointers(folder):
                self._check_endpoint(folder)
                self._git.run("lfs", "install", "--local", "--skip-repo", cwd=folder)
                self._git.run("lfs", "pull", "origin", cwd=folder)
        check_size(self._tree, self._spec.max_tree)

    def _check_endpoint(self, folder: Path) -> None:
        """Git LFS does not know of the protocols that Git may use, and a repository may name a server."""
        endpoint = _ENDPOINT.search(self._git.ask("lfs", "env", cwd=folder))
        protocol = protocol_of(endpoint[1]) if endpoint else "none"
        if protocol not in self._git.elsewhere:
            raise BuildFailed(f"Git LFS would fetch over {protocol}: add {protocol} to `protocols` if it may")


def _files(tree: Path) -> Iterator[Path]:
    """All files but those of the repositories themselves."""
    for parent, folders, files in os.walk(tree):
        folders[:] = [name for name in folders if name != ".git"]
        yield from (Path(parent, name) for name in files)


def _head(file: Path, limit: int) -> bytes:
    """The whole of a regular file of at most `limit` bytes; of others, nothing."""
    found = file.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
        return b""
    return file.read_bytes()


def _asks_for_lfs(attributes: Path) -> bool:
    return b"filter=lfs" in _head(attributes, _MAX_ATTRIBUTES)


def _pointed_to(file: Path) -> int | None:
    pointer = _POINTER.match(_head(file, _MAX_POINTER))
    return int(pointer[1]) if pointer else None
