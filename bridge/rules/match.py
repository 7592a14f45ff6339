"""Which rules match a push, and why the others do not (pure)."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bridge.errors import Fault
from bridge.model.event import PushEvent, Ref, Repo
from bridge.rules.api import ApiRules
from bridge.rules.elsewhere import Elsewhere, Rejection
from bridge.rules.paths import compile_paths, joined, unknown_files
from bridge.rules.pattern import MAX_NAME_BYTES, shown
from bridge.rules.render import (
    ALWAYS,
    COMMIT_PARTS,
    SEMVER_PARTS,
    NoValue,
    known_values,
    oci_tag,
    parse_template,
    parse_text,
    placeholder_values,
    with_digest,
)
from bridge.rules.reserved import Reserved
from bridge.rules.schema import BuildRepository, SkipMarkers
from bridge.rules.sources import Sources
from bridge.rules.tag_config import TagConfig
from bridge.rules.url import normalised_url

_SKIP: Final = re.compile(r"\[(?:skip ci|ci skip|no ci)\]", re.IGNORECASE)
_MAX_SHOWN: Final = 200
_NO_PARAMETERS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One build that a push asks for.

    `tags` are valid OCI tags; `originals` maps each tag that had to be changed to its rendered text.
    `commit_tags` are the tags with the commit id; `named` maps the tags that only the ref's name tells apart
    to their rendered text. `tag_configs` are the indexes of the tag configurations that match. The version
    tag is not among the tags: `version_tag(version_tagging, …)` makes it when the build is created. `notes`
    are sentences for people.
    """

    repository: BuildRepository
    ref: Ref
    tags: tuple[str, ...]
    originals: Mapping[str, str]
    version_tagging: int
    context: str
    dockerfile: str
    builder: str
    image: str
    parameters: Mapping[str, str]
    tag_configs: tuple[int, ...]
    commit_tags: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matching:
    """The builds and the rejections of one push; where no rule is for its code, `nearest` are for other."""

    matches: tuple[Match, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    nearest: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A tag configuration that matches, with its tag."""

    index: int
    config: TagConfig
    tag: str
    original: str
    notes: tuple[str, ...]
    groups: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules, indexed by the code they build from; immutable.

    Every repository names its builder, and its notices name channel and type. `fingerprint` is that of the
    rule files, `places` are the `file:line:column` of the repositories, or who made them by API, and when.
    """

    repositories: Mapping[tuple[str, str], BuildRepository]
    warnings: tuple[Fault, ...] = ()
    fingerprint: str = ""
    places: Mapping[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)
    sources: Sources = field(default_factory=lambda: Sources({}), repr=False, compare=False)
    api: ApiRules = field(default_factory=ApiRules, repr=False, compare=False)
    _by_code: Mapping[tuple[str, str], Sequence[BuildRepository]] = field(init=False, repr=False)
    _by_address: frozenset[str] = field(init=False, repr=False)
    """The kinds of Git hosts whose repositories the rules name by clone address."""
    _reserved: Reserved = field(init=False, repr=False, compare=False)
    _elsewhere: Elsewhere = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_code: dict[tuple[str, str], list[BuildRepository]] = {}
        for repository in self.repositories.values():
            config = repository.build_config
            by_code.setdefault((config.code_repo_client, config.code_key), []).append(repository)
        by_address = frozenset(
            one.build_config.code_repo_client
            for one in self.repositories.values()
            if one.build_config.code_path is None
        )
        object.__setattr__(self, "_elsewhere", Elsewhere(self.repositories, self.places))
        object.__setattr__(self, "_reserved", Reserved(self.repositories.values()))
        object.__setattr__(self, "_by_address", by_address)
        object.__setattr__(self, "_by_code", by_code)

    def repository(self, namespace: str, repo_name: str) -> BuildRepository | None:
        return self.repositories.get((namespace, repo_name))

    def source_of(self, repository: BuildRepository) -> str | None:
        """The source that its code is from; None where several may be meant, or there is none."""
        config = repository.build_config
        return config.code_repo_source or self.sources.only(config.code_repo_client)

    def match(self, forge_kind: str, event: PushEvent, at: float, source: str | None = None) -> Matching:
        """What the push builds; `at`, in Unix seconds, is when the delivery was received by the `source`.

        Only the rules for the pushed code are evaluated, so the cost does not grow with the number of rules.
        Where no one knows the source, it may be any of its kind.
        """
        known = self._named_so(forge_kind, event.repo)
        if not known:
            code = self.address_of(forge_kind, event.repo) or event.repo.full_name
            return Matching(nearest=self._elsewhere.nearest(code))
        return _joined([self._match(found, event, at, source) for found in known])

    def explain(self, forge_kind: str, event: PushEvent, at: float, source: str | None = None) -> Matching:
        """As `match`, with a rejection for each repository that builds from other code."""
        known = self._named_so(forge_kind, event.repo)
        paths = {repository.path for repository in known}
        others = [
            self._elsewhere.rejection(rule) for rule in self.repositories.values() if rule.path not in paths
        ]
        return _joined([self.match(forge_kind, event, at, source), Matching((), tuple(others))])

    def match_by_hand(
        self,
        repository: BuildRepository,
        event: PushEvent,
        at: float,
        *,
        docker_repo_tag: str | None = None,
        parameters: Mapping[str, str] = _NO_PARAMETERS,
    ) -> Matching:
        """What one repository builds of a push that a person asked for, or a schedule.

        With `docker_repo_tag`, as a tag configuration has it, only the builds of those that have it.
        `parameters` take the place of those of the rule with the same names.
        """
        found = match_repository(repository, event, at, by_hand=True, reserved=self._reserved)
        configs = repository.build_config.tag_configs
        matches = [
            replace(match, parameters={**match.parameters, **parameters})
            for match in found.matches
            if docker_repo_tag in {None, *(configs[index].docker_repo_tag for index in match.tag_configs)}
        ]
        return replace(found, matches=tuple(matches))

    def _match(
        self, repository: BuildRepository, event: PushEvent, at: float, source: str | None
    ) -> Matching:
        if not _is_from(repository, source):
            own = repository.build_config.code_repo_source
            why = f"builds what is pushed to the source {own}, and this was pushed to {source}"
        else:
            why = self.api.disabled(repository.key) or ""
        if why:
            return Matching((), (Rejection(repository.namespace, repository.repo_name, None, why),))
        return match_repository(repository, event, at, reserved=self._reserved)

    def filters(self, forge_kind: str, event: PushEvent, source: str | None) -> bool:
        """Whether a rule for the pushed code looks at the list of changed files, and the list can be all."""
        listed = event.changed is not None and not event.truncated
        return listed and any(
            config.paths
            for repository in self.of_code(forge_kind, event.repo, source)
            for config in repository.build_config.tag_configs
        )

    def of_code(self, forge_kind: str, repo: Repo, source: str | None) -> list[BuildRepository]:
        """The repositories that build from this code of this source."""
        return [one for one in self._named_so(forge_kind, repo) if _is_from(one, source)]

    def _named_so(self, forge_kind: str, repo: Repo) -> Sequence[BuildRepository]:
        """The repositories that build from code of this name, whatever source it is at."""
        by_address = forge_kind in self._by_address
        key = normalised_url(repo.clone_url or "") or "" if by_address else repo.full_name.lower()
        return self._by_code.get((forge_kind, key), ())

    def address_of(self, forge_kind: str, repo: Repo) -> str:
        """The clone address of this code; empty where no rule for such a Git host goes by addresses."""
        return repo.clone_url or "" if forge_kind in self._by_address else ""


def _is_from(repository: BuildRepository, source: str | None) -> bool:
    return source is None or repository.build_config.code_repo_source in {None, source}


def _joined(parts: Sequence[Matching]) -> Matching:
    return Matching(
        tuple(match for part in parts for match in part.matches),
        tuple(rejection for part in parts for rejection in part.rejections),
    )


def match_repository(
    repository: BuildRepository,
    event: PushEvent,
    at: float,
    *,
    by_hand: bool = False,
    reserved: Reserved | None = None,
) -> Matching:
    """What the push builds of one repository; the caller has chosen it, so its code is not compared.

    A build `by_hand`, which a person asked for, ignores `is_active`, `paths` and [skip ci]. `reserved` are
    the literal tags of all rules; if left out, those of this one.
    """
    reserved = reserved or Reserved([repository])
    markers = False if by_hand else repository.build_config.skip_markers
    if why := _whole_rejection(event, markers):
        return Matching((), (Rejection(repository.namespace, repository.repo_name, None, why),))
    wanted: list[_Wanted] = []
    rejections: list[Rejection] = []
    for index, config in enumerate(repository.build_config.tag_configs):
        match _wanted(index, config, event, at, by_hand):
            case _Mismatch(why=why):
                rejections.append(Rejection(repository.namespace, repository.repo_name, index, why))
            case _Wanted() as found:
                wanted.append(_distinct(found, reserved.holder(repository, found.tag, event.ref), event.ref))
    return Matching(tuple(_builds(repository, event, at, wanted)), tuple(rejections))


def _whole_rejection(event: PushEvent, markers: SkipMarkers) -> str | None:
    counts = event.ref.kind == "branch" if markers == "tags" else markers
    said = event.commit.message if event.commit and counts else ""
    if found := _SKIP.search(said):
        return f"the head commit's message holds {found[0]}"
    try:
        size = len(event.ref.name.encode())
    except UnicodeEncodeError:
        return "the ref's name is not UTF-8 text"
    return "the ref's name is over 1 KiB" if size > MAX_NAME_BYTES else None


@dataclass(frozen=True, slots=True)
class _Mismatch:
    """The first condition of a tag configuration that failed."""

    why: str


def _wanted(index: int, config: TagConfig, event: PushEvent, at: float, by_hand: bool) -> _Wanted | _Mismatch:
    ref = event.ref
    if config.code_repo_type != ref.kind:
        return _Mismatch(f"wants a {config.code_repo_type}, {ref.name} is a {ref.kind}")
    groups = config.refs.match(ref.name)
    if groups is None:
        return _Mismatch(config.refs.mismatch(ref.name))
    note = None
    if not by_hand:
        if not config.is_active:
            return _Mismatch("is not active")
        note = _unfiltered(config, event)
        if note is None and (why := _filtered_out(config, event)):
            return _Mismatch(why)
    template = parse_template(config.docker_repo_tag)
    try:
        original = template.render(placeholder_values(template, ref, event.commit_sha, at, groups))
    except NoValue as error:
        return _Mismatch(str(error))
    tag = oci_tag(original, ref.full) if template.names else original
    return _Wanted(index, config, tag, original, (note,) if note else (), groups)


def _distinct(one: _Wanted, holder: str | None, ref: Ref) -> _Wanted:
    """With a tag of its own, where it would take the literal one of another."""
    if holder is None:
        return one
    tag = with_digest(one.tag, ref.full)
    why = f"{one.tag} is the tag of {holder}: {one.original} becomes {tag}"
    return replace(one, tag=tag, notes=(*one.notes, why))


def _unfiltered(config: TagConfig, event: PushEvent) -> str | None:
    """Why the path filter cannot be applied, so that the push builds."""
    why = config.paths and unknown_files(event.changed, truncated=event.truncated, unseen=event.unseen)
    return f"builds without checking `paths`: {why}" if why else None


def _filtered_out(config: TagConfig, event: PushEvent) -> str | None:
    """Why the path filter rejects the push, whose changed files are all known."""
    files = event.changed or ()
    if config.paths is None or compile_paths(config.paths).counts(joined(files)):
        return None
    if not files:
        return "no file was changed"
    which = (
        f"{files[0][:_MAX_SHOWN]} does not count" if len(files) == 1 else f"none of {len(files)} files counts"
    )
    return f"{which} for the paths {shown(config.paths)}"


def _builds(
    repository: BuildRepository, event: PushEvent, at: float, wanted: Sequence[_Wanted]
) -> Iterator[Match]:
    """One build for each context and Dockerfile, with the tags of all configurations that share them."""
    groups: dict[tuple[str, str], list[_Wanted]] = {}
    for one in wanted:
        groups.setdefault((one.config.build_context_path, one.config.dockerfile_location), []).append(one)
    for (context, dockerfile), group in groups.items():
        tagging, extra = _version_tagging(group, event.commit_sha)
        yield Match(
            repository=repository,
            ref=event.ref,
            tags=tuple(dict.fromkeys([*(one.tag for one in group), *extra])),
            originals={one.tag: one.original for one in group if one.tag != one.original},
            version_tagging=tagging,
            context=context,
            dockerfile=dockerfile,
            builder=repository.build_config.builder or "",
            image=repository.image,
            parameters=_parameters(repository, event, at, group[0].groups),
            tag_configs=tuple(one.index for one in group),
            named={one.tag: one.original for one in group if _names_ref(one)},
            commit_tags=tuple(dict.fromkeys([*(one.tag for one in group if _names_commit(one)), *extra])),
            notes=tuple(dict.fromkeys(note for one in group for note in one.notes)),
        )


def _parameters(
    repository: BuildRepository, event: PushEvent, at: float, groups: Mapping[str, str]
) -> dict[str, str]:
    """The rule's parameters, rendered; a placeholder without a value for this ref is empty."""
    templates = {name: parse_text(text) for name, text in repository.build_config.parameters.items()}
    values = known_values(event.ref, event.commit_sha, at, groups)
    return {name: template.render(defaultdict(str, values)) for name, template in templates.items()}


def _names_ref(one: _Wanted) -> bool:
    names = parse_template(one.config.docker_repo_tag).names
    return bool(names) and names.isdisjoint(ALWAYS | SEMVER_PARTS)


def _names_commit(one: _Wanted) -> bool:
    return not parse_template(one.config.docker_repo_tag).names.isdisjoint(COMMIT_PARTS)


def _version_tagging(group: Sequence[_Wanted], sha: str | None) -> tuple[int, list[str]]:
    """A build has one version tag: where both kinds are asked for, the commit id becomes an ordinary tag."""
    asked = {one.config.version_tagging for one in group}
    return (1, [sha] if sha else []) if {1, 2} <= asked else (max(asked), [])
