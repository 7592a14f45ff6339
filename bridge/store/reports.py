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


@dataclass(frozen=True, slots=True)
class BuildMark:
    """How a build is, without what it builds; times are Unix seconds."""

    id: str
    number: int
    state: BuildState
    created_at: float
    started_at: float | None
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class BuiltTag:
    """An image tag, when it was made last in Unix seconds, and the build that did so, in that run.

    `newer` is a build that had made the tag before, of code of the same ref that is known to be newer: the
    tag has moved back.
    """

    tag: str
    at: float
    build: Build
    newer: Build | None


@dataclass(frozen=True, slots=True)
class FailingRef:
    """A ref (a full name) whose newest build `build_id` failed, as all have done that ended since then.

    `since` are Unix seconds.
    """

    namespace: str
    repo_name: str
    ref: str
    since: float
    build_id: str
    number: int


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

    async def tags(self, key: RepositoryKey, size: int, *, public: bool = False) -> Sequence[BuiltTag]:
        """The image tags that were made last, at most `size`, the newest first.

        With `public`, those of builds that everyone may see.
        """

    async def refs(self, key: RepositoryKey, size: int, *, public: bool = False) -> Sequence[Build]:
        """The newest build of each of the refs that were built last, at most `size`, the newest first.

        They are found among the newest 1000 builds of the repository.
        """

    async def verdict(
        self, key: RepositoryKey, ref: str | None = None, *, public: bool = False
    ) -> BuildState | None:
        """How the newest build of a ref (a full name, None for any) ended, else how far the newest one is.

        One that was cancelled or superseded says nothing of the code and does not count. None where there
        is none among the newest 100.
        """

    async def failing(self, readable: frozenset[str] | None) -> Sequence[FailingRef]:
        """The refs that fail and are not being built again, that which failed last first.

        They are found among the newest 40 failed builds; with `readable` among those of these namespaces and
        public ones.
        """

    async def marks(
        self, keys: Sequence[RepositoryKey], size: int, public: Collection[RepositoryKey] = ()
    ) -> Mapping[RepositoryKey, Sequence[BuildMark]]:
        """What `newest` finds, without the documents of the builds: cheap, also for many of them."""
