"""Build repositories that were made by API, and settings of any repository that were changed there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.model.audit import Change
from bridge.model.plan import RepositoryKey


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRepository:
    """A build repository of the API; `document` is the JSON text of what a rule file would hold.

    Times are Unix seconds.
    """

    key: RepositoryKey
    document: str
    created_by: str
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled:
    """Pushes and schedules build nothing of a repository: who wanted that, when (Unix seconds) and why."""

    by: str
    at: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesSet:
    """Notices that hold in place of those of the rule; `notices` is the JSON text of their list."""

    by: str
    at: float
    notices: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What was changed by API about a repository, wherever its rule is."""

    disabled: Disabled | None = None
    notices: NoticesSet | None = None


NO_OVERRIDE = Override()


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryChange:
    """How one repository is stored from now on; `entry` is what the audit trail says of that.

    `repository` is None for one that is not of the store: of a file, or no more. `tag_config_ids` are the ids
    of the tag_configs in their order, None for a new one; without them those that stay the same keep theirs.
    """

    key: RepositoryKey
    entry: Change
    repository: StoredRepository | None
    tag_config_ids: tuple[int | None, ...] | None = None
    override: Override = NO_OVERRIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRules:
    """All that the store adds to the rules of files; `revision` grows with each change."""

    repositories: Mapping[RepositoryKey, StoredRepository] = field(default_factory=dict)
    overrides: Mapping[RepositoryKey, Override] = field(default_factory=dict)
    revision: int = 0

    def after(self, change: RepositoryChange) -> "StoredRules":
        """The same with the change, in the revision that the store has then if no one else changed it."""
        repositories, overrides = dict(self.repositories), dict(self.overrides)
        if change.repository is None:
            repositories.pop(change.key, None)
        else:
            repositories[change.key] = change.repository
        if change.override == NO_OVERRIDE:
            overrides.pop(change.key, None)
        else:
            overrides[change.key] = change.override
        return StoredRules(repositories=repositories, overrides=overrides, revision=self.revision + 1)


NOTHING_STORED = StoredRules()


@dataclass(frozen=True, slots=True)
class RepositoryIds:
    """The numbers of a build_config and of its tag_configs, in the order of the rule."""

    build_config: int
    tag_configs: tuple[int, ...]
