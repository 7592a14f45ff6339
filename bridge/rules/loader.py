"""Loads rule files and folders into one immutable `RuleSet`, or reports every fault of every file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from bridge.config.document import Document, read_documents, shown
from bridge.config.faults import faults_of, in_order, suggest_or_list
from bridge.config.forges import ForgeContext, ForgeTraits
from bridge.config.loader import Kinds, Outline
from bridge.config.notices import NoticeSetting, Unresolved
from bridge.errors import ConfigError, Fault
from bridge.rules.files import rule_files
from bridge.rules.match import RuleSet
from bridge.rules.overlap import overlaps, shared_tag
from bridge.rules.render import parse_text
from bridge.rules.schema import BuildRepository

MAX_REPOSITORIES: Final = 100_000
MAX_COMPARED: Final = 100
"""Rules with one image that another is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that rules may use.

    `builders` has the default one first; `channels` are kinds by name; `forges` are all kinds of Git hosts,
    `sources` the kinds that a source is configured for.
    """

    builders: Sequence[str]
    channels: Mapping[str, str]
    forges: Mapping[str, ForgeTraits]
    sources: frozenset[str]

    @classmethod
    def of(cls, config: Outline, kinds: Kinds) -> "Names":
        return cls(
            builders=config.builder_names,
            channels=config.channel_kinds,
            forges=dict(kinds.forges),
            sources=frozenset(source.kind for source in config.settings.sources.values()),
        )


def load_rules(paths: Sequence[Path], names: Names) -> RuleSet:
    """The rules of files and folders. Raises ConfigError with every fault."""
    loading = _Loading(names)
    found = rule_files(paths)
    loading.faults += found.faults
    for file in found.files:
        loading.read(Path(file))
    return loading.rules(paths, found.fingerprint)


class _Loading:
    """One loading of all rules; it collects repositories and faults."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._context = ForgeContext(names.forges)
        self.faults: list[Fault] = []
        self._warnings: list[Fault] = []
        self._repositories: dict[tuple[str, str], BuildRepository] = {}
        self._locations: dict[tuple[str, str], str] = {}
        self._by_image: dict[str, list[BuildRepository]] = {}

    def rules(self, paths: Sequence[Path], fingerprint: str) -> RuleSet:
        if self.faults:
            raise ConfigError(in_order(self.faults))
        if not self._repositories:
            where = ", ".join(map(shown, paths)) or "rules"
            self._warnings.append(Fault(where, "", "no rules here: nothing will be built", warning=True))
        warnings = tuple(in_order(self._warnings))
        return RuleSet(self._repositories, warnings, fingerprint, self._locations)

    def read(self, file: Path) -> None:
        try:
            documents = read_documents(file)
        except ConfigError as error:
            self.faults += error.faults
            return
        for document in documents:
            self.faults += document.faults
            self._add(document)

    def _add(self, document: Document) -> None:
        try:
            repository = BuildRepository.model_validate(document.data, context=self._context)
        except ValidationError as error:
            self.faults += faults_of(error, BuildRepository, document)
            return
        key = (repository.namespace, repository.repo_name)
        if key in self._locations:
            problem = f"{repository.path} is defined twice; the first is at {self._locations[key]}"
            self.faults.append(document.fault(("repo_name",), problem))
            return
        if len(self._locations) >= MAX_REPOSITORIES:
            raise ConfigError([document.fault((), f"there are over {MAX_REPOSITORIES} repositories")])
        self._locations[key] = document.place(("repo_name",))
        self._check_image(document, repository)
        self._repositories[key] = _Checking(
            document, repository, self._names, self.faults, self._warnings
        ).resolved()

    def _check_image(self, document: Document, repository: BuildRepository) -> None:
        """Warns about the first rule before it that writes the same tag of the same image."""
        others = self._by_image.setdefault(repository.image, [])
        for other in others:
            if found := shared_tag(other, repository):
                index, tag = found
                problem = (
                    f"{other.path} writes {repository.image}:{tag}, too: their builds run one after the "
                    "other, and the last one has the tag; give one of them another tag or image"
                )
                loc = ("build_config", "tag_configs", index)
                self._warnings.append(document.fault(loc, problem, warning=True))
                break
        if len(others) < MAX_COMPARED:
            others.append(repository)


@dataclass(frozen=True, slots=True)
class _Checking:
    """Checks one repository against the names of the configuration."""

    document: Document
    repository: BuildRepository
    names: Names
    faults: list[Fault]
    warnings: list[Fault]

    def resolved(self) -> BuildRepository:
        """The repository with its builder and channels filled in; adds what is wrong to the faults."""
        self._check_forge()
        self._check_parameters()
        self._check_schedule()
        self._check_overlaps()
        self._check_ignored()
        config = self.repository.build_config.model_copy(update={"builder": self._builder()})
        return self.repository.model_copy(update={"build_config": config, "notices": self._notices()})

    def _check_forge(self) -> None:
        kind = self.repository.build_config.code_repo_client
        loc = ("build_config", "code_repo_client")
        if kind not in self.names.forges:
            problem = f"there is no kind {kind} of Git host{suggest_or_list(kind, self.names.forges)}"
            self.faults.append(self.document.fault(loc, problem))
        elif kind not in self.names.sources:
            problem = f"no source of kind {kind} is configured: no push will arrive"
            self.warnings.append(self.document.fault(loc, problem, warning=True))

    def _check_parameters(self) -> None:
        config = self.repository.build_config
        for name, text in config.parameters.items():
            for unknown in sorted(parse_text(text).names - config.placeholders):
                hint = suggest_or_list(unknown, config.placeholders)
                problem = f"there is no placeholder {{{unknown}}}{hint}; write {{{{ for a brace"
                self.faults.append(self.document.fault(("build_config", "parameters", name), problem))

    def _check_schedule(self) -> None:
        config = self.repository.build_config
        for index, schedule in enumerate(config.schedule):
            if not config.knows_branch(schedule.branch):
                problem = f"nothing will be built: no tag_config is for the branch {schedule.branch}"
                loc = ("build_config", "schedule", index, "branch")
                self.warnings.append(self.document.fault(loc, problem, warning=True))

    def _check_overlaps(self) -> None:
        for second, problem in overlaps(self.repository.build_config.tag_configs):
            loc = ("build_config", "tag_configs", second)
            self.warnings.append(self.document.fault(loc, problem, warning=True))

    def _check_ignored(self) -> None:
        """Warns about keys of other systems that are accepted and have no effect."""
        config = self.repository.build_config
        ignored = {}
        if config.build_node is not None:
            ignored["build_node"] = "has no effect: the builder decides where it builds"
        if config.email_enabled:
            ignored["email_enabled"] = "has no effect: add a notice of type MAIL to `notices`"
        for name, problem in ignored.items():
            self.warnings.append(self.document.fault(("build_config", name), problem, warning=True))

    def _builder(self) -> str | None:
        builder = self.repository.build_config.builder
        loc = ("build_config", "builder")
        if not self.names.builders:
            problem = "no builder is configured: add one to builders in bridge.yaml"
            self.faults.append(self.document.fault(loc, problem))
        elif builder is None:
            return self.names.builders[0]
        elif builder not in self.names.builders:
            problem = f"there is no builder {builder}{suggest_or_list(builder, self.names.builders)}"
            self.faults.append(self.document.fault(loc, problem))
        return builder

    def _notices(self) -> tuple[NoticeSetting, ...] | None:
        if self.repository.notices is None:
            return None
        found = []
        for index, notice in enumerate(self.repository.notices):
            try:
                found.append(notice.resolve(self.names.channels))
            except Unresolved as error:
                self.faults.append(self.document.fault(("notices", index, error.key), str(error)))
        return tuple(found)
