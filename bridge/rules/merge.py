"""Makes one set of the rules of files and of what was made by API (pure)."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter, ValidationError

from bridge.config.document import plain_document
from bridge.config.faults import in_order
from bridge.config.notices import NoticeSetting
from bridge.errors import ConfigError, Fault
from bridge.model.plan import RepositoryKey
from bridge.model.repository import NoticesSet, Override, StoredRepository, StoredRules
from bridge.rules.api import ApiRules, api_place, described
from bridge.rules.checking import AmbiguousSources, Checked, Images, Names, check, resolve_notices
from bridge.rules.match import RuleSet
from bridge.rules.schema import BuildRepository

MAX_REPOSITORIES: Final = 100_000

_NOTICES: Final = TypeAdapter(tuple[NoticeSetting, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRules:
    """The rules of files, as they are after a check against `names`; `where` says in words where they are."""

    names: Names
    where: str
    repositories: Mapping[RepositoryKey, BuildRepository]
    places: Mapping[RepositoryKey, str]
    warnings: tuple[Fault, ...]
    fingerprint: str


class RuleMerge:
    """Merges again and again; what was checked in the last merge is not checked once more."""

    def __init__(self) -> None:
        self._checked: dict[StoredRepository, Checked] = {}
        self._names: Names | None = None

    def __call__(self, files: FileRules, stored: StoredRules) -> RuleSet:
        """The one set. Raises ConfigError with every fault."""
        if files.names != self._names:
            self._checked.clear()
            self._names = files.names
        merging = _Merging(files, stored)
        self._checked = {
            one: self._checked.get(one) or _read(one, files.names)
            for key, one in stored.repositories.items()
            if not merging.clashes(key, one)
        }
        for one, checked in self._checked.items():
            merging.add(one, checked)
        for key, override in stored.overrides.items():
            merging.override(key, override)
        return merging.rules()


class _Merging:
    """One merge; it collects repositories, faults and warnings."""

    def __init__(self, files: FileRules, stored: StoredRules) -> None:
        self._files = files
        self._stored = stored
        self._repositories = dict(files.repositories)
        self._before: dict[RepositoryKey, BuildRepository] = {}
        self._places = dict(files.places)
        self._images = Images(files.repositories.values() if stored.repositories else ())
        self._ambiguous = AmbiguousSources()
        self._faults: list[Fault] = []
        self._warnings = list(files.warnings)

    def clashes(self, key: RepositoryKey, one: StoredRepository) -> bool:
        """Whether a file defines it, too; then that is a fault."""
        if key not in self._files.repositories:
            return False
        path = "/".join(key)
        problem = (
            f"{path} is defined here and also by the {api_place(one)}: remove it from the file, "
            f"or delete the other one with DELETE /v1/repositories/{path}"
        )
        self._faults.append(Fault(self._files.places[key], "repo_name", problem))
        return True

    def add(self, one: StoredRepository, checked: Checked) -> None:
        path = "/".join(one.key)
        cure = f"put right what it needs, or delete {path}: `buildbridge db delete {path}`"
        self._faults += (replace(fault, problem=f"{fault.problem} ({cure})") for fault in checked.faults)
        self._warnings += checked.warnings
        self._ambiguous.add(checked)
        if (repository := checked.repository) is None:
            return
        if warning := self._images.add(checked.document, repository):
            self._warnings.append(warning)
        self._repositories[one.key] = repository
        self._places[one.key] = api_place(one)

    def override(self, key: RepositoryKey, override: Override) -> None:
        """Apply it; that of a repository which is gone has nothing to apply to."""
        repository = self._repositories.get(key)
        if repository is None:
            return
        self._before[key] = repository
        if override.notices is not None:
            found = self._notices(repository, override.notices)
            repository = repository.model_copy(update={"notices": found})
        if override.disabled is not None:
            config = repository.build_config
            off = tuple(one.model_copy(update={"is_active": False}) for one in config.tag_configs)
            config = config.model_copy(update={"tag_configs": off, "schedule": ()})
            repository = repository.model_copy(update={"build_config": config})
        self._repositories[key] = repository
        for text in described(override):
            self._warnings.append(Fault(self._places[key], "", f"{repository.path} {text}", warning=True))

    def _notices(self, repository: BuildRepository, by_api: NoticesSet) -> tuple[NoticeSetting, ...]:
        place = f"{self._places[repository.key]}, notices by the {api_place(by_api)}"
        try:
            given = _NOTICES.validate_json(by_api.notices)
        except ValidationError:
            problem = "damaged: what the store has cannot be read, and those of the rule hold; set them again"
            self._warnings.append(Fault(place, "notices", problem, warning=True))
            return repository.notices or ()
        found, faults = resolve_notices(plain_document(place, {}), given, self._files.names)
        self._faults += faults
        return found

    def rules(self) -> RuleSet:
        files = self._files
        if len(self._repositories) > MAX_REPOSITORIES:
            self._faults.append(Fault(files.where, "", f"there are over {MAX_REPOSITORIES} repositories"))
        if self._faults:
            raise ConfigError(in_order(self._faults))
        self._warnings += self._ambiguous.warnings(files.names)
        if not self._repositories:
            self._warnings.append(
                Fault(files.where, "", "no rules here: nothing will be built", warning=True)
            )
        return RuleSet(
            self._repositories,
            tuple(in_order(self._warnings)),
            files.fingerprint,
            self._places,
            files.names.sources,
            ApiRules(stored=self._stored, before=self._before),
        )


def _read(one: StoredRepository, names: Names) -> Checked:
    """A repository of the store; one that is damaged is left out, with a warning."""
    try:
        data = json.loads(one.document)
    except ValueError:
        document = plain_document(api_place(one), {})
        problem = f"{'/'.join(one.key)} is damaged in the store and not in force: create it again by API"
        return Checked(document, None, (), (document.fault((), problem, warning=True),))
    return check(plain_document(api_place(one), data), names)


def tag_names(repository: BuildRepository) -> tuple[str, ...]:
    """What tells the tag configurations of a repository apart, in their order."""
    return tuple(_tag_names(repository))


def _tag_names(repository: BuildRepository) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for config in repository.build_config.tag_configs:
        name = json.dumps(
            [
                config.code_repo_type,
                config.code_repo_type_value,
                config.docker_repo_tag,
                config.build_context_path,
                config.dockerfile_location,
            ]
        )
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} {seen[name]}"
