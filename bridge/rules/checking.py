"""Checks one rule against the names of the configuration, wherever the rule is from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from bridge.config.document import Document
from bridge.config.faults import faults_of, suggest_or_list
from bridge.config.forges import ForgeContext, ForgeTraits
from bridge.config.loader import Kinds, Outline
from bridge.config.notices import NoticeSetting, Unresolved
from bridge.errors import Fault
from bridge.rules.overlap import overlaps, shared_tag
from bridge.rules.render import parse_text
from bridge.rules.schema import BuildRepository

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


@dataclass(frozen=True, slots=True)
class Checked:
    """A rule as it was checked: with its builder and channels filled in, or None with its faults."""

    document: Document
    repository: BuildRepository | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()


def check(document: Document, names: Names) -> Checked:
    """The rule of a document."""
    try:
        repository = BuildRepository.model_validate(document.data, context=ForgeContext(names.forges))
    except ValidationError as error:
        return Checked(document, None, tuple(faults_of(error, BuildRepository, document)))
    faults: list[Fault] = []
    warnings: list[Fault] = []
    found = _Checking(document, repository, names, faults, warnings).resolved()
    return Checked(document, found, tuple(faults), tuple(warnings))


class Images:
    """The images of rules, to find two rules that write the same tag."""

    def __init__(self, repositories: Iterable[BuildRepository] = ()) -> None:
        self._by_image: dict[str, list[BuildRepository]] = {}
        for repository in repositories:
            self._keep(repository)

    def add(self, document: Document, repository: BuildRepository) -> Fault | None:
        """Warns about the first rule before it that writes the same tag of the same image."""
        others = self._by_image.get(repository.image, ())
        self._keep(repository)
        for other in others:
            if other is not repository and (found := shared_tag(other, repository)):
                index, tag = found
                problem = (
                    f"{other.path} writes {repository.image}:{tag}, too: their builds run one after the "
                    "other, and the last one has the tag; give one of them another tag or image"
                )
                return document.fault(("build_config", "tag_configs", index), problem, warning=True)
        return None

    def _keep(self, repository: BuildRepository) -> None:
        others = self._by_image.setdefault(repository.image, [])
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
        found, faults = resolve_notices(self.document, self.repository.notices, self.names)
        self.faults.extend(faults)
        return found


def resolve_notices(
    document: Document, notices: Sequence[NoticeSetting], names: Names
) -> tuple[tuple[NoticeSetting, ...], list[Fault]]:
    """The notices with channel and type both set, and the faults of those that name no one channel."""
    found, faults = [], []
    for index, notice in enumerate(notices):
        try:
            found.append(notice.resolve(names.channels))
        except Unresolved as error:
            faults.append(document.fault(("notices", index, error.key), str(error)))
    return tuple(found), faults
