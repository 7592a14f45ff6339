"""The ports of the store about rules: schedules, and what the API changed. See `bridge.store.base`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from bridge.model.delivery import Delivery
from bridge.model.notice import Notice
from bridge.model.plan import KnownBranch, RepositoryKey
from bridge.model.repository import RepositoryChange, RepositoryIds, StoredRules


class Schedules(Protocol):
    """When the schedules of the rules are due next."""

    async def sync(self, wanted: Mapping[str, float]) -> None:
        """Keep these schedules and no other; a new one is due when `wanted` says."""

    async def due(self, now: float) -> list[tuple[str, float]]:
        """The schedules that are due, and since when, the longest first."""

    async def next_due(self) -> float | None:
        """When the next schedule is due; None when there is none."""

    async def claim(
        self, name: str, due_at: float, next_at: float, delivery: Delivery | None, notices: Sequence[Notice]
    ) -> bool:
        """Take a schedule that is due at `due_at`: from now on it is due at `next_at`.

        `delivery` is what it asks for and is kept with it, as are `notices`. False, and nothing is written,
        when this due time was claimed before.
        """

    async def branch(self, code: str, branch: str, namespace: str, repo_name: str) -> KnownBranch:
        """How a branch of this code moved, and what this build repository last built of it."""


class Repositories(Protocol):
    """What was changed by API about the rules, and the numbers of all repositories.

    The names in `tags` tell the tag configurations of one repository apart. A number that was given once is
    never given again.
    """

    async def all(self) -> StoredRules:
        """All repositories and settings that were made by API."""

    async def revision(self) -> int:
        """The revision of that; each change makes it one more."""

    async def begin(
        self, tags: Mapping[RepositoryKey, Sequence[str]], *, forget: bool
    ) -> Mapping[RepositoryKey, RepositoryIds]:
        """Give numbers to all that is in force at start; `forget` what is kept of other repositories."""

    async def take(
        self,
        tags: Mapping[RepositoryKey, Sequence[str]],
        gone: Collection[RepositoryKey],
        notices: Sequence[Notice],
        change: RepositoryChange | None = None,
    ) -> Mapping[RepositoryKey, RepositoryIds]:
        """Write that rules are in force, all or nothing; returns the numbers of `tags`.

        `change` is what was changed by API. The repositories in `tags` are new or have changed, and what is
        kept of those in `gone` is forgotten; `notices` say so.
        """
