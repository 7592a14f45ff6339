"""Which builds may use what a source has for private code (pure).

A token often opens much more than one repository. Whoever knows the secret of a webhook can send any address,
and members of a namespace make rules by API: neither may choose what is fetched with it.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from bridge.rules.match import RuleSet
from bridge.rules.schema import BuildRepository
from bridge.rules.sources import SourceFacts
from bridge.rules.url import normalised_url

_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Lending:
    """`source` is the one whose credentials may be used; None for none.

    `why` is a sentence where a source has some, and they may not be used.
    """

    source: str | None
    why: str = ""


def lending(rules: RuleSet, repository: BuildRepository, source: str | None, address: str) -> Lending:
    """Whether code at this address may be fetched for the rule with what the source has."""
    facts = None if source is None else rules.sources.facts(source)
    if facts is None:
        return Lending(None)
    if repository.key in rules.api.stored.repositories and repository.namespace not in facts.lent_to:
        why = (
            f"the rule was made by API, and `sources.{source}.clone.namespaces` does not name "
            f"{repository.namespace}"
        )
    elif not _is_own(repository, address, facts):
        why = (
            f"the push names another repository, {_shown(address)}; if it is the one of the rule, "
            "give the rule code_repo_clone_url"
        )
    else:
        return Lending(source)
    return Lending(None, f"{why}: no credential of the source was used" if facts.lends else "")


def _is_own(repository: BuildRepository, address: str, facts: SourceFacts) -> bool:
    config = repository.build_config
    if address == config.code_repo_clone_url:
        return True
    named = repository_at(address, facts.clone_path)
    return named is not None and named.lower() == (config.code_path or "").lower()


def repository_at(address: str, clone_path: re.Pattern[str]) -> str | None:
    """The name of the repository that a clone address is of; None for what is no such address of the host."""
    given = normalised_url(address)
    found = clone_path.fullmatch(_path(given)) if given else None
    return "/".join(filter(None, found.groups())) if found else None


def _path(url: str) -> str:
    return unquote(urlsplit(url).path).strip("/")


def _shown(address: str) -> str:
    given = normalised_url(address)
    path = _path(given) if given else ""
    return path[:_LONGEST] if path.isprintable() and path else "without an address that can be read"
