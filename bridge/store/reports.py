"""The port of the store about what repositories have built over time. See `bridge.store.base`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.model.build import Build, BuildState
from bridge.model.plan import RepositoryKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The builds of a repository that were made from `begin` on and before `end`, in Unix seconds.

    With `refs`, full ref names, only those; with `causes`, only those that came about so; with `public`, only
    those that everyone may see. All three are looked for among the newest 10 000 builds of the time.
    """

    begin: float
    end: float
    refs: Sequence[str] | None = None
    causes: Sequence[str] | None = None
    public: bool = False


class Reports(Protocol):
    """What repositories have built; each answer is read along an index, and no further than it needs."""

    async def newest(
        self, keys: Sequence[RepositoryKey], size: int, public: Collection[RepositoryKey] = ()
    ) -> Mapping[RepositoryKey, Sequence[Build]]:
        """The newest builds of each repository, at most `size`, the newest first.

        Of those in `public` only builds that everyone may see.
        """

    async def page(
        self, key: RepositoryKey, period: Period, *, skip: int, size: int
    ) -> tuple[int, Sequence[Build]]:
        """How many builds there are, at most 10 000, and `size` of them after the newest `skip`."""

    async def outcomes(
        self, key: RepositoryKey, begin: float, end: float, *, public: bool = False
    ) -> Mapping[BuildState, int]:
        """How many builds that were made from `begin` on and before `end` have ended, and how.

        With `public`, only those that everyone may see. It is exact, however many there are.
        """

    async def first_numbers(self, asked: Sequence[tuple[RepositoryKey, float]]) -> Sequence[int]:
        """For each repository and time the number of its first build that was made then or later.

        0 where there is none. Of builds that were deleted nothing is known.
        """

    async def unended(self, key: RepositoryKey, *, public: bool = False) -> bool:
        """Whether a build of the repository waits or runs; with `public`, one that everyone may see."""
