"""The rules in force, with what they were made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.config.forges import USUAL
from bridge.model.plan import RepositoryKey
from bridge.model.repository import Override, RepositoryChange, RepositoryIds, StoredRepository
from bridge.rules.match import RuleSet
from bridge.rules.merge import FileRules
from bridge.rules.schema import BuildRepository


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRepository:
    """All that is known of one repository: `repository` is its rule with what the API has changed.

    `code_page` is where its Git host shows the code, as far as the rule says it. `place` is
    `file:line:column`, or who made it by API and when; `stored` is None for one of a file.
    """

    repository: BuildRepository
    ids: RepositoryIds
    place: str
    code_page: str | None
    stored: StoredRepository | None
    override: Override


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """One set of rules, and the numbers of its repositories."""

    files: FileRules
    rules: RuleSet
    ids: Mapping[RepositoryKey, RepositoryIds]

    def known(self, key: RepositoryKey) -> KnownRepository | None:
        repository = self.rules.repositories.get(key)
        if repository is None:
            return None
        config = repository.build_config
        pages = self.files.names.forges.get(config.code_repo_client, USUAL).pages
        return KnownRepository(
            repository=repository,
            code_page=pages.of_rule(config.code, config.code_repo_clone_url),
            ids=self.ids[key],
            place=self.rules.places[key],
            stored=self.rules.api.stored.repositories.get(key),
            override=self.rules.api.override(key),
        )


Decide = Callable[[InForce, float], RepositoryChange]
"""A change by API of what is in force now; the second argument is the time in Unix seconds."""
