"""The contract of a builder: a build system that we trigger and follow.

Order of calls for one build: `trigger` until it answers Sent or Rejected; after an Ambiguous answer or a
crash `find`, and `trigger` again only when `find` says None. Then `poll` and `log` until the state is
terminal, `cancel` at any time, and `release` once everything worth keeping has been read. Calls for
different builds may overlap; for one build they never do, but for `cancel`.

Every call ends by itself (the adapter sets its own time-outs) and raises only RemoteError.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from bridge.model.build import BuildRequest, BuildState
from bridge.runtime.clock import Clock

Handle = str
"""What the builder needs to find a build again: its own words, at most 4 KiB, no secrets."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The builder has the build."""

    label: ClassVar[str] = "sent"
    handle: Handle
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The builder will never take this build; `why` is for people."""

    label: ClassVar[str] = "rejected"
    why: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The builder certainly does not have the build, but may take it later: in `after` seconds if it said."""

    label: ClassVar[str] = "retry"
    why: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The builder may or may not have the build."""

    label: ClassVar[str] = "ambiguous"
    why: str


Outcome = Sent | Rejected | Retry | Ambiguous
"""`label` is its word in metrics and logs."""


class Search(Enum):
    """The answer of `find` when the builder cannot be searched."""

    UNSEARCHABLE = "unsearchable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the builder says of a build now.

    `raw` is its own word. `handle` replaces the stored one when the builder has learned more (a queue item
    became a build). Times are Unix seconds. `digest` is the pushed image's.
    """

    state: BuildState
    raw: str
    detail: str = ""
    handle: Handle | None = None
    url: str | None = None
    digest: str | None = None
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChunk:
    """A piece of log: `next` is the offset to ask for next, in the builder's own count.

    `more` is False when the builder has no more now. `restarted` says that the text is from the beginning
    again, although a later offset was asked for.
    """

    text: str
    next: int
    more: bool
    restarted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderContext:
    """What the daemon lends to a builder: `state` is a folder of its own that outlives the process."""

    state: Path
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a rule wants of a builder; `clone_url` is None where only a push tells it."""

    repository: str
    image: str
    clone_url: str | None


class Builder(ABC):
    """One configured build system, made as `Kind(name, settings, context)`; making it does no I/O."""

    kind: ClassVar[str]
    """The word in `bridge.yaml`, such as `jenkins`."""
    Settings: ClassVar[type[BaseModel]]
    """What may stand under the builder's name in `bridge.yaml`, besides `kind`."""
    poll_interval: float = 5.0
    """Seconds between two polls while builds are open."""
    deadline: float = 6 * 3600.0
    """Seconds after which a running build that did not end is taken for lost."""
    slots: int | None = None
    """How many builds may be open at once; None where the builder queues by itself."""

    @abstractmethod
    def __init__(self, name: str, settings: Any, context: BuilderContext) -> None:
        """`settings` is an instance of the class's own `Settings`."""

    @abstractmethod
    async def trigger(self, request: BuildRequest) -> Outcome:
        """Start the build; our build id travels with it."""

    @abstractmethod
    async def find(self, build_id: str) -> Handle | Search | None:
        """The build with our id; None when it is proven not to exist."""

    @abstractmethod
    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        """The state of each build (by our build id) in as few requests as can be.

        A build that is left out is unchanged or could not be asked for now.
        """

    @abstractmethod
    async def log(self, handle: Handle, offset: int) -> LogChunk:
        """The log from `offset` on, at most 256 KiB of text."""

    @abstractmethod
    async def cancel(self, handle: Handle) -> None:
        """Ask for the end of the build; `poll` tells when it has come. Harmless when repeated or too late."""

    async def release(self, handle: Handle) -> None:  # noqa: B027  # most builders keep nothing for us
        """The build has ended and its log was read: what was kept for us may go. Harmless when repeated."""

    @abstractmethod
    async def test(self) -> str:
        """One real, harmless call, and what it showed, in a sentence."""

    def advice(self, targets: Sequence[Target]) -> Sequence[str]:  # noqa: ARG002  # most have none to give
        """What cannot work as things are, in sentences; nobody outside this machine is asked."""
        return ()

    async def aclose(self) -> None:  # noqa: B027  # not every builder holds something
        """Give back what is held; builds go on."""
