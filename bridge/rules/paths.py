"""Path filters: a push builds only if one of its changed files counts.

A filter is a list of globs as in `pattern`, the negative ones after a `!`. For each file the last glob that
matches it decides; where none does, the file counts only if the whole list is negative ("all but these").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from bridge.rules.pattern import BadPattern, compile_program, translated

MAX_GLOBS: Final = 100
MAX_GLOB: Final = 256
MAX_FILES: Final = 3000
"""A push with more changed files builds without a check of its paths."""
MAX_RUNS: Final = 20
"""Runs of globs of one sign: each run may search all the names."""
MAX_NAMES_LENGTH: Final = 512 << 10
"""The same for a push whose file names are longer than this together."""
_BEGIN, _END = "\x00", "\x01"
# Enough for RE2's fast automaton on any filter that people write; it takes only what it needs.
_MAX_PROGRAM_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class PathFilter:
    """A compiled filter: one program for each run of globs of the same sign, the last run first."""

    runs: tuple[tuple[bool, Any], ...]
    otherwise: bool

    def counts(self, files: bytes) -> bool:
        """Whether a push with these changed files builds; `files` is as `joined` returns it."""
        for wanted, program in self.runs:
            if not wanted:
                files = program.sub(b"", files)
            elif program.search(files):
                return True
        return self.otherwise and bool(files)


@lru_cache(maxsize=4)
def joined(files: tuple[str, ...]) -> bytes:
    """The names as one text, so that a program searches all at once; cached for the filters of a push."""
    names = (name.replace(_BEGIN, "\ufffd").replace(_END, "\ufffd") for name in files)
    return "".join(f"{_BEGIN}{name}{_END}" for name in names).encode("utf-8", "replace")


def path_problem(glob: str) -> str | None:
    """Why this glob is not allowed in a filter; None when it is."""
    path = glob.removeprefix("!")
    if not path or len(path) > MAX_GLOB:
        return f"a path has 1 to {MAX_GLOB} characters"
    if path.startswith(("/", "./")):
        return f"paths begin at the repository's root: write {re.sub('^[.]?/+', '', path)}"
    if path.endswith("/"):
        return f"{path} is a folder: write {path}** for all files below it"
    if re.search(r"[\x00-\x1f\x7f]|(?:^|/)\.\.?(?:/|$)|//", path):
        return "no file can have this name"
    try:
        _program([path])
    except BadPattern as error:
        return str(error)
    return None


@lru_cache(maxsize=1024)
def compile_paths(globs: tuple[str, ...]) -> PathFilter:
    """Raises BadPattern."""
    runs = [
        (positive, _program([glob.removeprefix("!") for glob in group]))
        for positive, group in groupby(globs, _is_positive)
    ]
    if len(runs) > MAX_RUNS:
        raise BadPattern(f"they switch between globs with and without ! over {MAX_RUNS} times")
    return PathFilter(tuple(reversed(runs)), otherwise=not any(map(_is_positive, globs)))


def _program(paths: Sequence[str]) -> Any:
    either = "|".join(f"(?:{translated(path, within_names=True)})" for path in paths)
    return compile_program(f"\\x00(?:{either})\\x01", _MAX_PROGRAM_BYTES)


def _is_positive(glob: str) -> bool:
    return not glob.startswith("!")


def unknown_files(changed: Sequence[str] | None, *, truncated: bool, unseen: str | None = None) -> str | None:
    """Why a filter cannot be applied to these files, so that the push builds; None when it can."""
    if changed is None:
        return "the host does not say which files changed"
    if truncated:
        return "the list of changed files may not be all"
    if unseen:
        return unseen
    if len(changed) > MAX_FILES:
        return f"over {MAX_FILES} files changed"
    return (
        "the names of the changed files are too long" if sum(map(len, changed)) > MAX_NAMES_LENGTH else None
    )
