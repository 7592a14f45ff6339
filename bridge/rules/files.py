"""Finds the rule files, and a fingerprint that tells whether they have changed."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bridge.config.document import shown
from bridge.errors import ConfigError, Fault
from bridge.runtime.disk import file_state

MAX_FILES: Final = 10_000
MAX_FOLDERS_DEEP: Final = 16
_ENDINGS: Final = (".yaml", ".yml")


@dataclass(slots=True)
class RuleFiles:
    """Every rule file once, in a stable order; `faults` are the folders that cannot be read.

    `fingerprint` changes when a file is written, replaced, or reached by another link.
    """

    files: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    fingerprint: str = ""


def rule_files(paths: Sequence[Path]) -> RuleFiles:
    """The rule files among files and folders. Raises ConfigError when there are too many."""
    found = RuleFiles()
    digest = hashlib.sha256()
    seen: set[object] = set()
    for path in paths:
        for file in _walk(path, found.faults):
            identity, state = file_state(file)
            if identity in seen:
                continue
            seen.add(identity)
            if len(seen) > MAX_FILES:
                raise ConfigError([Fault(shown(path), "", f"there are over {MAX_FILES} rule files")])
            found.files.append(file)
            digest.update(f"{file}\0{identity}\0{state}\n".encode("utf-8", "surrogateescape"))
    digest.update("\n".join(map(str, found.faults)).encode("utf-8", "surrogateescape"))
    found.fingerprint = digest.hexdigest()
    return found


def _walk(top: Path, faults: list[Fault]) -> Iterator[str]:
    if not top.is_dir():
        yield str(top)
        return

    def unreadable(error: OSError) -> None:
        faults.append(Fault(shown(Path(str(error.filename))), "", f"cannot be read: {error.strerror}"))

    walked: set[object] = set()
    for folder, folders, files in os.walk(top, onerror=unreadable, followlinks=True):
        # Links may form a circle.
        identity, _ = file_state(folder)
        if identity in walked:
            folders.clear()
            continue
        walked.add(identity)
        # Hidden entries belong to an editor, or are the versions of a mounted ConfigMap.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(folder)
        if folders and len(here.relative_to(top).parts) >= MAX_FOLDERS_DEEP:
            faults.append(Fault(shown(here), "", f"folders are nested over {MAX_FOLDERS_DEEP} deep"))
            folders.clear()
        yield from (
            f"{folder}/{name}"
            for name in sorted(files)
            if name.endswith(_ENDINGS) and not name.startswith(".")
        )
