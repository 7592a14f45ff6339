"""A folder of rules below a configuration that stays."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from support.rules import NAMES

from bridge.config.loader import Config
from bridge.config.notices import NoticeSetting
from bridge.config.settings import Settings
from bridge.errors import ConfigError
from bridge.rules.disk import OnDisk
from bridge.rules.files import rule_files
from bridge.rules.loader import load_files
from bridge.rules.merge import FileRules

CONFIG = Config(
    file=Path("bridge.yaml"),
    settings=Settings.model_validate({}),
    builders={},
    channels={},
    default_notices=(),
    secrets=frozenset(),
    warnings=(),
)


class FolderDisk:
    """Loads the rules of the folder, or what `load` says, whenever it is asked."""

    def __init__(
        self,
        folder: Path,
        default_notices: Sequence[NoticeSetting] = (),
        load: Callable[[], FileRules] | None = None,
    ) -> None:
        self.tried = ""
        self._folder = folder
        self._config = replace(CONFIG, default_notices=tuple(default_notices))
        self._load = load or (lambda: load_files([folder], NAMES))

    def load(self) -> OnDisk:
        self.tried = self.fingerprint()
        return OnDisk(config=self._config, files=self._load())

    @property
    def folders(self) -> Sequence[Path]:
        return [self._folder]

    def fingerprint(self) -> str:
        try:
            return rule_files([self._folder]).fingerprint
        except ConfigError as error:
            return str(error)
