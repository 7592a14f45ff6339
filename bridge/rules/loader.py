"""Loads rule files and folders, or reports every fault of every file."""

from collections.abc import Sequence
from pathlib import Path

from bridge.config.document import Document, read_documents, shown
from bridge.config.faults import in_order
from bridge.errors import ConfigError, Fault
from bridge.model.plan import RepositoryKey
from bridge.model.repository import NOTHING_STORED, StoredRules
from bridge.rules.checking import AmbiguousSources, Images, Names, check
from bridge.rules.files import rule_files
from bridge.rules.match import RuleSet
from bridge.rules.merge import MAX_REPOSITORIES, FileRules, RuleMerge
from bridge.rules.schema import BuildRepository


def load_rules(paths: Sequence[Path], names: Names, stored: StoredRules = NOTHING_STORED) -> RuleSet:
    """The rules of files and folders, and those of the store. Raises ConfigError with every fault."""
    return RuleMerge()(load_files(paths, names), stored)


def load_files(paths: Sequence[Path], names: Names) -> FileRules:
    """The rules of files and folders. Raises ConfigError with every fault."""
    loading = _Loading(names)
    found = rule_files(paths)
    loading.faults += found.faults
    for file in found.files:
        loading.read(Path(file))
    return loading.rules(paths, found.fingerprint)


def load_documents(documents: Sequence[Document], names: Names) -> RuleSet:
    """Rules that stand in no file. Raises ConfigError with every fault."""
    loading = _Loading(names)
    for document in documents:
        loading.add(document)
    return RuleMerge()(loading.rules((), ""), NOTHING_STORED)


class _Loading:
    """One loading of all files; it collects repositories and faults."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.faults: list[Fault] = []
        self._warnings: list[Fault] = []
        self._repositories: dict[RepositoryKey, BuildRepository] = {}
        self._places: dict[RepositoryKey, str] = {}
        self._images = Images()
        self._ambiguous = AmbiguousSources()

    def rules(self, paths: Sequence[Path], fingerprint: str) -> FileRules:
        if self.faults:
            raise ConfigError(in_order(self.faults))
        return FileRules(
            names=self._names,
            where=", ".join(map(shown, paths)) or "rules",
            repositories=self._repositories,
            places=self._places,
            warnings=(*self._warnings, *self._ambiguous.warnings(self._names)),
            fingerprint=fingerprint,
        )

    def read(self, file: Path) -> None:
        try:
            documents = read_documents(file)
        except ConfigError as error:
            self.faults += error.faults
            return
        for document in documents:
            self.add(document)

    def add(self, document: Document) -> None:
        self.faults += document.faults
        checked = check(document, self._names)
        repository = checked.repository
        if repository is None:
            self.faults += checked.faults
            return
        key = repository.key
        if key in self._places:
            problem = f"{repository.path} is defined twice; the first is at {self._places[key]}"
            self.faults.append(document.fault(("repo_name",), problem))
            return
        if len(self._places) >= MAX_REPOSITORIES:
            raise ConfigError([document.fault((), f"there are over {MAX_REPOSITORIES} repositories")])
        self.faults += checked.faults
        self._warnings += checked.warnings
        self._ambiguous.add(checked)
        self._places[key] = document.place(("repo_name",))
        if warning := self._images.add(document, repository):
            self._warnings.append(warning)
        self._repositories[key] = repository
