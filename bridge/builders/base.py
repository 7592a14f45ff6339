"""The contract of a builder: a build system that we trigger and follow.

Order of calls for one build: `trigger` until it answers Sent or Rejected; after an Ambiguous answer or a
crash `find`, and `trigger` again only when `find` said None several times, over `settle_seconds`. Then `poll`
and `log` until the state is terminal, `cancel` at any time, and `release` once everything worth keeping has
been read. Calls for different builds may overlap; for one build they never do, but for `cancel`. Here each
run of a build of ours is a build with an id of its own: an earlier one is released while a later one goes on.

Every call ends by itself (the adapter sets its own time-outs) and raises only RemoteError.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, Field

from bridge.errors import Denied, RemoteError, Transient
from bridge.model.build import LOG_LIMIT, BuildRequest, BuildState, SeenJob
from bridge.runtime.clock import Clock
from bridge.runtime.git.access import CloneAccess

FOUND: Final = "found at the builder"

Handle = str
"""What the builder needs to find a build again, in its own form: at most 4 KiB, no secrets."""
Number = Annotated[int, Field(ge=1, le=1 << 53)]
"""What a server numbers: bounded, since handles hold it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The builder has the build.

    `detail` is for the timeline. `caveat` limits what the result will mean; with `images_passed` False
    the builder did not get the names of the images.
    """

    label: ClassVar[str] = "sent"
    handle: Handle
    detail: str = ""
    caveat: str = ""
    images_passed: bool = True


@dataclass(frozen=True, slots=True)
class Rejected:
    """The builder will never accept this build; `why` is for people."""

    label: ClassVar[str] = "rejected"
    why: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The builder does not have the build but may accept it later, in `after` seconds if it said when.

    `outdated` says that nothing is wrong with the builder: only this request has to be made anew. `denied`
    says that it does not accept our credential: later is after a person has changed something.
    """

    label: ClassVar[str] = "retry"
    why: str
    after: float | None = None
    outdated: bool = False
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The builder may or may not have the build."""

    label: ClassVar[str] = "ambiguous"
    why: str


Outcome = Sent | Rejected | Retry | Ambiguous
"""The answer to a trigger; `label` is its word in metrics and logs."""


def unsent(error: RemoteError) -> Outcome:
    """What it means for a trigger that a call failed before it was sent."""
    match error:
        case Transient():
            return Retry(str(error), error.after)
        case Denied():
            return Retry(str(error), denied=True)
        case _:
            return Rejected(str(error))


class Search(Enum):
    """The answer of `find` when the builder cannot be searched."""

    UNSEARCHABLE = "unsearchable"


@dataclass(frozen=True, slots=True)
class RemoteStep:
    """A part of a build, such as a stage: it runs, has succeeded, failed or was cancelled.

    `seconds` is how long it took. `detail` says more of it in a word or two.
    """

    name: str
    state: BuildState
    seconds: float | None = None
    detail: str = ""

    def __str__(self) -> str:
        """The sentence of the timeline."""
        took = "" if self.seconds is None else f" after {self.seconds:.0f} s"
        return f"{self.name}: {self.state}{took}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a build as the builder reports it.

    `raw` is the builder's own word; with `recognised` False one that the adapter does not know, and `state`
    is what the build was before it. `hint` says what holds up a running build; the timeline gets each new
    one once. `steps` are parts of the build as they are now, where they were looked at: the timeline gets
    each once for each of its states. `handle` replaces the stored one once the builder knows more (a queue
    item became a build). Times are Unix seconds. `digest` is the pushed image's. `stage` is
    the part of a build that failed, such as a stage, or a job and its step with a slash between them.
    """

    state: BuildState
    raw: str
    detail: str = ""
    recognised: bool = True
    hint: str = ""
    steps: Sequence[RemoteStep] = ()
    handle: Handle | None = None
    url: str | None = None
    digest: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    stage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChunk:
    """A piece of log: `next` is the offset of the next call, in the builder's own count.

    `more` is False when the builder has no more now. `restarted` says that the text is from the beginning of
    the log, although the call gave a later offset.
    """

    text: str
    next: int
    more: bool
    restarted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderContext:
    """What the daemon gives a builder: `state` is its own folder, which outlives the process.

    The store keeps `log_limit` bytes of a build's log. `access` is what sources have for their private code,
    by their names, for a builder that fetches it.
    """

    state: Path
    clock: Clock
    log_limit: int = LOG_LIMIT
    access: Mapping[str, CloneAccess] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a rule builds with a builder; `clone_url` is None where only the push names it.

    `parameters` are the names of the rule's own.
    """

    repository: str
    image: str
    clone_url: str | None
    parameters: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Advice:
    """What cannot work, and the cure, in a sentence: about the rule of `repository`, else the builder."""

    problem: str
    repository: str | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What the job of a builder needs, in a sentence, and as a `document` in the form of the build system."""

    said: str
    document: str = ""


class Builder(ABC):
    """One configured build system, made as `Kind(name, settings, context)`; making it does no I/O."""

    kind: ClassVar[str]
    """The word in `bridge.yaml`, such as `jenkins`."""
    Settings: ClassVar[type[BaseModel]]
    """What may stand under the builder's name in `bridge.yaml`, besides `kind`."""
    poll_interval: float = 5.0
    """Seconds between two polls while builds are open."""
    deadline: float = 6 * 3600.0
    """Seconds after which a running build counts as lost."""
    settle_seconds: float = 0.0
    """Seconds after which a trigger that was not answered has arrived, or never will.

    Well over the longest call, for a build system behind a network: there a request that we gave up goes on.
    """
    on_this_machine: ClassVar[bool] = False
    """Whether its builds are on the machine of the node that triggers them: no other one finds them."""
    fetches_code: ClassVar[bool] = False
    """Whether it fetches the code itself, so that its context has what sources have for private code."""
    folder: Path | None = None
    """Where its builds fill a disk of this machine; None where they are elsewhere."""
    slots: int | None = None
    """How many builds may be open at once; None where the builder queues by itself."""
    chinese: ClassVar[Mapping[str, str]] = {}
    """What it says of builds, in Chinese, by the English sentence, in which `{}` stands for any words."""
    place: ClassVar[Sequence[str]] = ()
    """The settings that say where its builds are, such as `url`; the others say how they are made there."""

    @abstractmethod
    def __init__(self, name: str, settings: Any, context: BuilderContext) -> None:
        """`settings` is an instance of the class's own `Settings`."""

    @classmethod
    def moves(cls, before: Any, after: Any) -> bool:
        """Whether builds that began with the settings `before` cannot be found with those `after`."""
        return any(getattr(before, name) != getattr(after, name) for name in cls.place)

    @property
    def seen(self) -> SeenJob | None:
        """The job as the last call that read it saw it; None before that, and where there are no jobs."""
        return None

    @abstractmethod
    async def trigger(self, request: BuildRequest) -> Outcome:
        """Start the build; our build id travels with it, unless the builder runs the `previous` run again."""

    @abstractmethod
    async def find(self, request: BuildRequest) -> Handle | Search | None:
        """The build with the id of the request; None when it is proven not to exist."""

    def found(self, handle: Handle, request: BuildRequest) -> Sent:  # noqa: ARG002  # most know no more of it
        """What `trigger` would have said of a build that `find` has just found; makes no call."""
        return Sent(handle, FOUND)

    async def renew(self, handles: Collection[Handle]) -> None:  # noqa: B027  # most builds are elsewhere
        """This node still follows these builds, which go on on this machine when it is gone.

        Called every few seconds. A build for which it is not must have no effect that could come after those
        of a later build that another machine begins `RETURN_SECONDS` after this node has gone.
        """

    @abstractmethod
    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        """The state of each build (by our build id) in as few requests as possible.

        A build that is left out is unchanged or could not be read now.
        """

    @abstractmethod
    async def log(self, handle: Handle, offset: int) -> LogChunk:
        """The log from `offset` on, at most 256 KiB of text."""

    @abstractmethod
    async def cancel(self, handle: Handle) -> None:
        """Ask the builder to end the build; `poll` shows when it has. Harmless when repeated or too late."""

    async def release(self, handle: Handle) -> None:  # noqa: B027  # most builders keep nothing for us
        """Free what is kept for a build that has ended and whose log was read. Harmless when repeated."""

    async def reclaim(self, *, everything: bool = False) -> None:  # noqa: B027  # most builders keep nothing
        """Free what is kept for later and no longer needed; with `everything`, for want of room, all of it.

        Called every few minutes. What open builds need stays in any case.
        """

    @abstractmethod
    async def test(self) -> str:
        """Make one real, harmless call and say in a sentence what it showed."""

    async def setup(self, parameters: Sequence[str], *, apply: bool = False) -> Setup | None:  # noqa: ARG002  # most cannot
        """What the job needs to get all of a build and these parameters of rules; `apply` makes it so.

        None where there is nothing that could be made from here.
        """
        return None

    def advice(self, targets: Sequence[Target], seen: Sequence[SeenJob]) -> Sequence[Advice]:  # noqa: ARG002  # most have none
        """What cannot work of settings and rules; no request leaves this machine.

        `seen` are jobs of this builder, as calls of this or an earlier process saw them.
        """
        return ()

    async def aclose(self) -> None:  # noqa: B027  # not every builder has resources
        """Close connections and free resources; builds continue."""
