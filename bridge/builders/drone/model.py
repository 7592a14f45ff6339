"""What builds on Drone-style servers are to us, and what their words mean. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import StringConstraints

from bridge.builders.base import Number, Status
from bridge.builders.handles import HandleDocument
from bridge.builders.log_text import one_line
from bridge.builders.polling import Failure
from bridge.builders.server import Document
from bridge.builders.settings import RepositoryName
from bridge.model.build import BuildState

BUILD_ID: Final = "BRIDGE_BUILD_ID"
_MAX_WORD: Final = 64


class Named(Document):
    """A repository of a server."""

    full_name: str


@dataclass(frozen=True, slots=True)
class Step:
    """`key` is what its log is asked by."""

    number: int
    name: str
    key: int
    word: str

    @property
    def ended(self) -> bool:
        return state_of(self.word).terminal

    @property
    def begun(self) -> bool:
        """Whether it can have printed anything."""
        return self.word != "skipped" and state_of(self.word) is not BuildState.QUEUED


@dataclass(frozen=True, slots=True)
class Stage:
    """Steps that run on one agent; they are known once it runs."""

    number: int
    name: str
    word: str
    steps: tuple[Step, ...]

    @property
    def ended(self) -> bool:
        return state_of(self.word).terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBuild:
    """A build of a server.

    `identity` distinguishes it from another build with its number: our build id where lists show it, ""
    without one. `parent` is not 0 for what a person started again from another build, with its parameters.
    Times are Unix seconds, 0 where there is none. Lists of builds have no `stages`.
    """

    number: int
    word: str
    identity: str = ""
    commit: str = ""
    parent: int = 0
    started: int = 0
    finished: int = 0
    stages: tuple[Stage, ...] = ()

    @property
    def ended(self) -> bool:
        return state_of(self.word).terminal


class DroneRef(HandleDocument):
    """What identifies a build; the handle is this as JSON.

    `id` is its identity, so that a build of someone else with the same number is not taken for ours.
    `commit` is what the server builds, "" where it did not say.
    """

    builder: ClassVar[str] = "a Drone builder"

    repository: RepositoryName
    number: Number
    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    commit: Annotated[str, StringConstraints(max_length=100)] = ""

    @classmethod
    def of(cls, repository: str, build: RemoteBuild) -> "DroneRef":
        return cls(repository=repository, number=build.number, id=build.identity, commit=build.commit[:100])

    def owns(self, build: RemoteBuild | None) -> bool:
        return build is not None and (build.number, build.identity) == (self.number, self.id)


_WORDS: Final[Mapping[str, tuple[BuildState, str]]] = {
    "created": (BuildState.QUEUED, ""),
    "pending": (BuildState.QUEUED, ""),
    "waiting_on_dependencies": (BuildState.QUEUED, "waits for other stages"),
    "blocked": (BuildState.QUEUED, "waits for the approval of a person"),
    "running": (BuildState.RUNNING, ""),
    "success": (BuildState.SUCCEEDED, ""),
    "failure": (BuildState.FAILED, ""),
    "error": (BuildState.FAILED, "the pipeline could not be run"),
    "declined": (BuildState.FAILED, "a person declined it"),
    "killed": (BuildState.CANCELLED, "killed"),
    "canceled": (BuildState.CANCELLED, "canceled"),
    "skipped": (BuildState.CANCELLED, "skipped"),
}


def state_of(word: str) -> BuildState:
    """What a word means; a word that we do not know ends nothing."""
    return _WORDS.get(word, (BuildState.RUNNING, ""))[0]


def status_of(repository: str, build: RemoteBuild, url: str) -> Status:
    """The state of a build of ours; `url` is its page."""
    state, detail = _WORDS.get(build.word, (BuildState.RUNNING, ""))
    return Status(
        state=state,
        raw=build.word[:_MAX_WORD],
        detail=detail,
        recognised=build.word in _WORDS,
        handle=DroneRef.of(repository, build).handle,
        url=url,
        started_at=build.started or None,
        ended_at=build.finished or None if state.terminal else None,
    )


def failure_in(build: RemoteBuild | None) -> Failure:
    """The step that failed first, with its stage where there are several."""
    stages = build.stages if build else ()
    for stage in stages:
        for step in stage.steps:
            if state_of(step.word) is BuildState.FAILED:
                names = [stage.name, step.name] if len(stages) > 1 else [step.name]
                return Failure(
                    " / ".join(filter(None, map(one_line, names))),
                    f"failed in the step {one_line(step.name)!r}",
                )
    return Failure()
