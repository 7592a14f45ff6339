"""The configuration and the rules on disk: loaded as one, and watched for changes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.config.keys import with_signing_key
from bridge.config.kinds import Kinds
from bridge.config.live import held
from bridge.config.loader import Config, load_config
from bridge.config.settings import Settings
from bridge.errors import ConfigError
from bridge.rules.checking import Names
from bridge.rules.diff import Changes
from bridge.rules.files import rule_files
from bridge.rules.loader import load_files
from bridge.rules.merge import FileRules
from bridge.runtime.disk import file_state


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDisk:
    """One whole set; `waiting` are the keys of `bridge.yaml` that have changed and wait for a restart."""

    config: Config
    files: FileRules
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What a reload has changed: rules, and keys of `bridge.yaml`, of which some wait for a restart."""

    rules: Changes
    configuration: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    def document(self, limit: int) -> dict[str, Any]:
        """As the API answers it, with at most `limit` repositories of each kind."""
        more = {"configuration": list(self.configuration), "waits_for_restart": list(self.waiting)}
        return self.rules.document(limit) | more


class Disk:
    """`bridge.yaml`, every file of a secret that it names, and the rule files.

    `fingerprint` is that of the files that the last load has looked at, also where it found faults: one that
    is put right, or that was missing, changes it. `tried` is what it was before that load.
    """

    def __init__(self, file: Path, kinds: Kinds, environ: Mapping[str, str]) -> None:
        self._file = file
        self._kinds = kinds
        self._environ = environ
        self._begun: Settings | None = None
        self._opened: Mapping[Path, object] = {}
        self._rule_paths: tuple[Path, ...] = ()
        self.tried = ""

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those that hold the files: of the rules, as the last load named them, and that of `bridge.yaml`."""
        return (*(path if path.is_dir() else path.parent for path in self._rule_paths), self._file.parent)

    def load(self) -> OnDisk:
        """All of it, as it is now; what cannot change since the first load stays. Raises ConfigError."""
        opened: dict[Path, object] = {}
        try:
            config = load_config(self._file, self._kinds, self._environ, opened)
            config, waiting = held(config, self._begun or config.settings)
            config = with_signing_key(config)
            self._rule_paths = config.rule_paths
        finally:
            self._opened = opened
            self.tried = self._print(opened)
        files = load_files(config.rule_paths, Names.of(config, self._kinds))
        self._begun = config.settings
        return OnDisk(config=config, files=files, waiting=waiting)

    def fingerprint(self) -> str:
        """Changes when one of the files is written, replaced, or reached by another link."""
        return self._print({file: file_state(file) for file in self._opened})

    def _print(self, opened: Mapping[Path, object]) -> str:
        try:
            of_rules = rule_files(self._rule_paths).fingerprint
        except ConfigError as error:
            of_rules = str(error)
        return hashlib.sha256(f"{list(opened.items())}\0{of_rules}".encode()).hexdigest()
