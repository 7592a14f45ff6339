"""What the planner gets and what it returns: the known facts, and the actions that a delivery asks for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from bridge.model.build import BuildState, NewBuild
from bridge.model.event import RefMove

MAX_MOVES: Final = 100
"""The last moves of a ref that are known."""

RefKey = tuple[str, str]
"""A code repository, as it is named for all hosts, and the full name of a ref."""
RepositoryKey = tuple[str, str]
"""The namespace and the name of a build repository."""
TagKey = tuple[str, str, str]
"""The namespace and the name of a build repository, and an image tag."""


@dataclass(frozen=True, slots=True)
class TagSet:
    """The tags that the builds of one ref with one Dockerfile write in a build repository."""

    namespace: str
    repo_name: str
    name: str

    @classmethod
    def of(cls, new: NewBuild) -> "TagSet":
        return cls(new.namespace, new.repo_name, new.tag_set)

    @property
    def repository(self) -> RepositoryKey:
        return self.namespace, self.repo_name

    @property
    def of_commit(self) -> "TagSet":
        """The set of those tags that name their commit, where they are built alone."""
        return TagSet(self.namespace, self.repo_name, f"{self.name}\ncommit")


@dataclass(frozen=True, slots=True)
class KnownMove:
    """A recorded move of a ref; an empty text stands for no object. `at` is when it was last reported.

    By its `turn` it was reported after others, whatever the clocks said. `seen` is as in RefMove.
    """

    before: str
    after: str
    at: float
    turn: int
    seen: bool = False


@dataclass(frozen=True, slots=True)
class KnownBranch:
    """What is known of a branch without a push of it.

    `moves` are the recorded ones, the first recorded first; `built` is the commit that was last built of it,
    builds by hand left out; `clone_url` is where its code is. Both are None where nothing says so.
    """

    moves: Sequence[KnownMove]
    built: str | None
    clone_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBuild:
    """What the planner needs of a stored build; times are Unix seconds.

    `asked` says that a person asked for it: by hand, or for its delivery again.
    """

    id: str
    number: int
    pushed: str
    state: BuildState
    asked: bool
    delivery_id: str
    created_at: float
    superseded: str | None = None


@dataclass(frozen=True, slots=True)
class Tip:
    """The push that the moving tags of a tag set stand for."""

    tag_set: TagSet
    code: str
    ref: str
    pushed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known when a delivery is planned.

    `now` is in Unix seconds. `asked` says that a person asked for the delivery again. `moves` are the
    recorded moves of each ref, the first recorded first. `builds` are the builds of each tag set in the order
    of their numbers: those that have not ended, and those of any object that the ref was ever set to.
    `last_triggered` is the number of the last build of a tag set that was sent to its builder, `last_numbers`
    the last number of each repository. `names` are the texts that tags were made of.
    """

    delivery_id: str
    now: float
    asked: bool = False
    moves: Mapping[RefKey, Sequence[KnownMove]] = field(default_factory=dict)
    tips: Sequence[Tip] = ()
    builds: Mapping[TagSet, Sequence[KnownBuild]] = field(default_factory=dict)
    last_triggered: Mapping[TagSet, int] = field(default_factory=dict)
    last_numbers: Mapping[RepositoryKey, int] = field(default_factory=dict)
    names: Mapping[TagKey, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Create:
    """Make this build, with this number of its repository."""

    new: NewBuild
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """Build once more what the build with the id `of` was built from, with the next number.

    `builder` is the one that the rules name now; `reason` is for the timeline and for the delivery.
    """

    of: str
    number: int
    tag_set: TagSet
    code: str
    builder: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Supersede:
    """A build is not wanted any more.

    `how` is `end` where it waits and ends at once, `cancel` where its builder is asked to end it, and `keep`
    where it goes on unless it comes back to wait. `reason` is for the timeline, `summary` (it may be empty)
    for the delivery.
    """

    build_id: str
    how: Literal["end", "cancel", "keep"]
    reason: str
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """Something that the rules ask for is not built; `summary` says what and why."""

    summary: str


Action = Create | Rebuild | Supersede | Skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do, in this order, and what to remember.

    `moves` are to be recorded, `tips` replace those of their tag sets, and each of `names` holds its tag from
    now on.
    """

    actions: Sequence[Action] = ()
    moves: Sequence[RefMove] = ()
    tips: Sequence[Tip] = ()
    names: Mapping[TagKey, str] = field(default_factory=dict)


Planner = Callable[[Known, Sequence[RefMove], Sequence[NewBuild]], Plan]
"""Plans a delivery from what is known, from the moves it reports and from the builds that the rules want."""
