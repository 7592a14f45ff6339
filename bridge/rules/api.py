"""The changes that the API has made to the rules in force, and the sentences that report them (pure)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bridge.model.plan import RepositoryKey
from bridge.model.repository import (
    NO_OVERRIDE,
    NOTHING_STORED,
    Disabled,
    NoticesSet,
    Override,
    StoredRepository,
    StoredRules,
)
from bridge.rules.schema import BuildRepository
from bridge.runtime.clock import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRules:
    """`before` are the rules of the repositories with an override, as they are without it."""

    stored: StoredRules = NOTHING_STORED
    before: Mapping[RepositoryKey, BuildRepository] = field(default_factory=dict)

    def override(self, key: RepositoryKey) -> Override:
        return self.stored.overrides.get(key, NO_OVERRIDE)

    def disabled(self, key: RepositoryKey) -> str | None:
        """Why pushes build nothing of the repository, as a sentence; None where they do."""
        disabled = self.override(key).disabled
        return None if disabled is None else _disabled(disabled)


def api_place(made: StoredRepository | NoticesSet) -> str:
    """Where something was made that is in no file."""
    by, at = (made.created_by, made.created_at) if isinstance(made, StoredRepository) else (made.by, made.at)
    return f"API ({by}, {moment(at)})"


def described(override: Override) -> Iterator[str]:
    """Sentences about a repository, without their subject."""
    if override.disabled is not None:
        yield _disabled(override.disabled)
    if override.notices is not None:
        yield f"has notices that were set by the {api_place(override.notices)}"


def _disabled(disabled: Disabled) -> str:
    by, at, reason = disabled.by, moment(disabled.at), disabled.reason
    return f"was disabled by {by} ({at}): {reason}" if reason else f"was disabled by {by} ({at})"
