"""Checks one rule against the names of the configuration, wherever the rule is from."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from bridge.config.channels import states_of
from bridge.config.document import Document
from bridge.config.faults import faults_of, suggest_or_list
from bridge.config.forges import USUAL, ForgeContext, ForgeTraits
from bridge.config.kinds import Kinds
from bridge.config.notices import Events, NoticeSetting, Unresolved
from bridge.config.outline import Outline
from bridge.config.settings import SourceSettings
from bridge.config.words import nearest
from bridge.errors import Fault
from bridge.rules.overlap import overlaps, shared_tag
from bridge.rules.pattern import looks_regular
from bridge.rules.render import parse_text
from bridge.rules.schema import BuildRepository
from bridge.rules.sources import SourceFacts, Sources

MAX_COMPARED: Final = 100
"""Rules with one image that another is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that rules may use.

    `builders` has the default one first; `channels` are kinds by name, `channel_events` what notices of a
    channel send that name no events, and `whole_channels` show how each build is, whatever `only` says;
    `pools` are names of channels by the name of a pool, and `forges` all kinds of Git hosts.
    """

    builders: Sequence[str]
    channels: Mapping[str, str]
    forges: Mapping[str, ForgeTraits]
    sources: Sources
    channel_events: Mapping[str, Events] = field(default_factory=dict)
    whole_channels: frozenset[str] = frozenset()
    pools: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Outline, kinds: Kinds) -> "Names":
        channels = config.channel_kinds
        states = {name: states_of(kinds.channels.get(kind)) for name, kind in channels.items()}
        states = {name: events for name, events in states.items() if events}
        return cls(
            builders=config.builder_names,
            channels=channels,
            channel_events={**states, **config.channel_events},
            whole_channels=frozenset(states),
            pools=config.settings.pools,
            forges=dict(kinds.forges),
            sources=Sources(
                {
                    name: _facts(one, kinds.forges.get(one.kind, USUAL))
                    for name, one in config.settings.sources.items()
                }
            ),
        )


def _facts(source: SourceSettings, traits: ForgeTraits) -> SourceFacts:
    clone = source.clone
    # The first webhook says where the host is; without webhooks it can only be the one that everyone uses.
    without_clone = None if source.secrets else traits.public_host
    return SourceFacts(
        source.kind,
        prefers_ssh=bool(clone and clone.prefers_ssh),
        lends=clone is not None,
        lent_to=frozenset(clone.namespaces if clone else ()),
        clone_path=traits.clone_path,
        clone_form=traits.clone_form,
        host=clone.url if clone else without_clone,
        polled=source.poll is not None,
    )


@dataclass(frozen=True, slots=True)
class Checked:
    """A rule as it was checked: with its builder and channels filled in, or None with its faults.

    `ambiguous` is the kind of Git host, where several sources have it and the rule names none of them.
    """

    document: Document
    repository: BuildRepository | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()
    ambiguous: str | None = None


def check(document: Document, names: Names) -> Checked:
    """The rule of a document."""
    try:
        repository = BuildRepository.model_validate(document.data, context=ForgeContext(names.forges))
    except ValidationError as error:
        return Checked(document, None, tuple(faults_of(error, BuildRepository, document)))
    faults: list[Fault] = []
    warnings: list[Fault] = []
    found = _Checking(document, repository, names, faults, warnings).resolved()
    config = found.build_config
    several = config.code_repo_source is None and len(names.sources.of_kind(config.code_repo_client)) > 1
    ambiguous = config.code_repo_client if several else None
    return Checked(document, found, tuple(faults), tuple(warnings), ambiguous)


class AmbiguousSources:
    """Rules that do not say which of several sources of a kind they are for: one warning for each file."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], Document] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, checked: Checked) -> None:
        if checked.ambiguous is not None:
            key = checked.document.file, checked.ambiguous
            self._first.setdefault(key, checked.document)
            self._counts[key] += 1

    def warnings(self, names: Names) -> Iterator[Fault]:
        for key, document in self._first.items():
            others = self._counts[key] - 1
            more = (
                ""
                if not others
                else f" (so do {others} more rules of this file)"
                if others > 1
                else (" (so does one more rule of this file)")
            )
            problem = (
                f"builds what is pushed to any of the sources {' and '.join(names.sources.of_kind(key[1]))}"
                f"{more}: name one with code_repo_source, so that pushes are looked for there, too"
            )
            yield document.fault(("build_config", "code_repo_client"), problem, warning=True)


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
        self._check_address()
        self._check_parameters()
        self._check_schedule()
        self._check_overlaps()
        self._check_patterns()
        self._check_names()
        self._check_ignored()
        config = self.repository.build_config.model_copy(update={"builder": self._builder()})
        return self.repository.model_copy(update={"build_config": config, "notices": self._notices()})

    def _check_forge(self) -> None:
        kind = self.repository.build_config.code_repo_client
        loc = ("build_config", "code_repo_client")
        if kind not in self.names.forges:
            known = self.names.forges
            problem = f"there is no kind {kind} of Git host{suggest_or_list(kind, known)}"
            if (meant := nearest(kind, known)) and known[meant].by_clone_url:
                problem += f" {meant} is for a plain Git server, whose rules have code_repo_clone_url"
            self.faults.append(self.document.fault(loc, problem))
        elif (source := self.repository.build_config.code_repo_source) is not None:
            if source not in (names := self.names.sources.of_kind(kind)):
                problem = f"there is no source {source} of the kind {kind}{suggest_or_list(source, names)}"
                self.faults.append(self.document.fault(("build_config", "code_repo_source"), problem))
        elif not self.names.sources.of_kind(kind):
            problem = f"no source of kind {kind} is configured: no push will arrive"
            self.warnings.append(self.document.fault(loc, problem, warning=True))

    def _check_address(self) -> None:
        """Warns where pushes are to be looked for, and no one says at which address."""
        config, sources = self.repository.build_config, self.names.sources
        source = config.code_repo_source or sources.only(config.code_repo_client)
        facts = None if source is None else sources.facts(source)
        if source is None or facts is None or not facts.polled or config.code_repo_clone_url is not None:
            return
        if sources.made_address(source, config.code_path) is None:
            problem = (
                f"pushes to {source} are looked for (poll), and nothing says where its code is: "
                "add code_repo_clone_url"
            )
            loc = ("build_config", "code_repo_client")
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

    def _check_patterns(self) -> None:
        for index, one in enumerate(self.repository.build_config.tag_configs):
            for text in filter(looks_regular, (pattern.text for pattern in one.refs.wanted)):
                problem = f"{text} is a name to us: write a regular expression between slashes, /{text}/"
                loc = ("build_config", "tag_configs", index, "code_repo_type_value")
                self.warnings.append(self.document.fault(loc, problem, warning=True))

    def _check_names(self) -> None:
        name = self.repository.build_config.code_repo_name or ""
        if name.endswith(".git"):
            problem = f"no Git host calls a repository so: write {name.removesuffix('.git')}"
            loc = ("build_config", "code_repo_name")
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
    """The notices with channel, type and events set, and the faults of those that name no one channel."""
    found, faults = [], []
    for index, notice in enumerate(notices):
        try:
            found.append(
                notice.resolve(names.channels, names.channel_events, names.whole_channels, names.pools)
            )
        except Unresolved as error:
            faults.append(document.fault(("notices", index, error.key), str(error)))
    return tuple(found), faults
