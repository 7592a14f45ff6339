"""Path filters: a push builds only if one of the files it changed counts.

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
"""Of a push that changed more files the paths are not looked at: it builds."""
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class PathFilter:
    """A compiled filter: neighbours of the same sign as one program each, the last ones first."""

    runs: tuple[tuple[bool, Any], ...]
    otherwise: bool

    def counts(self, file: str) -> bool:
        """Whether a push that changed this file builds."""
        name = file.encode("utf-8", "replace")
        return next((wanted for wanted, program in self.runs if program.fullmatch(name)), self.otherwise)


def path_problem(glob: str) -> str | None:
    """Why this cannot stand in a filter, or None when it can."""
    path = glob.removeprefix("!")
    if not path or len(path) > MAX_GLOB:
        return f"a path has 1 to {MAX_GLOB} characters"
    if path.startswith(("/", "./")):
        return f"paths begin at the repository's root: write {re.sub('^[.]?/+', '', path)}"
    if path.endswith("/"):
        return f"{path} is no file: write {path}** for all that is below it"
    if re.search(r"[\x00-\x1f\x7f]|(?:^|/)\.\.?(?:/|$)|//", path):
        return "no file can be called this"
    try:
        compile_program(translated(path))
    except BadPattern as error:
        return str(error)
    return None


@lru_cache(maxsize=1024)
def compile_paths(globs: tuple[str, ...]) -> PathFilter:
    """Raises BadPattern."""
    runs = [
        (positive, compile_program("|".join(f"(?:{translated(glob.removeprefix('!'))})" for glob in group)))
        for positive, group in groupby(globs, _is_positive)
    ]
    return PathFilter(tuple(reversed(runs)), otherwise=not any(map(_is_positive, globs)))


def _is_positive(glob: str) -> bool:
    return not glob.startswith("!")


def unknown_files(changed: Sequence[str] | None, *, truncated: bool) -> str | None:
    """Why a filter cannot be asked about these files, so that the push builds; None when it can."""
    if changed is None:
        return "the host does not say which files changed"
    if truncated:
        return "the list of changed files may not be all"
    return f"over {MAX_FILES} files changed" if len(changed) > MAX_FILES else None


def shown(globs: Sequence[str]) -> str:
    """The filter in a sentence."""
    more = f" and {len(globs) - _SHOWN} more" if len(globs) > _SHOWN else ""
    return ", ".join(globs[:_SHOWN]) + more
