"""What runs of workflows are to us, in the documents that GitHub made and others copy. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Final

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from bridge.builders.base import Number, Status
from bridge.builders.handles import HandleDocument
from bridge.builders.log_text import one_line
from bridge.builders.polling import Failure
from bridge.builders.server import Document
from bridge.config.types import Shape
from bridge.model.build import BuildState

BUILD_ID: Final = "BRIDGE_BUILD_ID"
_MAX_WORD: Final = 64

# At least one character of each part is no dot: `..` would lead out of the path.
FullName = Annotated[
    str,
    StringConstraints(max_length=200),
    Shape(
        r"^[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
        "write its owner and name, such as acme/shop",
    ),
]
WorkflowFile = Annotated[
    str,
    StringConstraints(max_length=200),
    Shape(r"^[A-Za-z0-9_. -]+\.ya?ml$", "write the name of its file, such as build.yml, without folders"),
]
Commit = Annotated[str, StringConstraints(max_length=100)]


class _Inputs(Document):
    id: str | None = Field(None, validation_alias=BUILD_ID)


class _Payload(Document):
    inputs: _Inputs | None = None


def _given_id(payload: object) -> str | None:
    """Our build id among the inputs in the payload of an event; the rest of it is not kept."""
    try:
        given = _Payload.model_validate_json(payload if isinstance(payload, str) else "{}").inputs
    except ValidationError:
        return None
    return given.id if given else None


class Run(Document):
    """A run of a workflow; `title` is the `run-name` of the workflow, filled in.

    Forgejo shows the event that started it, with our `build_id`, and has names of its own for most fields.
    """

    id: Number
    status: str | None = None
    conclusion: str | None = None
    title: str | None = Field(None, validation_alias=AliasChoices("display_title", "title"))
    event: str | None = None
    build_id: Annotated[str | None, BeforeValidator(_given_id)] = Field(
        None, validation_alias="event_payload"
    )
    commit: str | None = Field(None, validation_alias=AliasChoices("head_sha", "commit_sha"))
    attempt: int = Field(1, validation_alias="run_attempt")
    page: str | None = Field(None, validation_alias="html_url")
    created: datetime | None = Field(None, validation_alias=AliasChoices("created_at", "created"))
    started: datetime | None = Field(
        None, validation_alias=AliasChoices("started_at", "started", "run_started_at")
    )
    ended_at: datetime | None = Field(
        None, validation_alias=AliasChoices("completed_at", "stopped", "updated_at")
    )

    @property
    def ended(self) -> bool:
        return meaning(self).state.terminal

    @property
    def created_at(self) -> float | None:
        return _unix(self.created)

    @property
    def began_at(self) -> float | None:
        """When this attempt began."""
        return _unix(self.started)

    def named(self, build_id: str) -> bool:
        """Whether its title shows our build id, not one that only begins like it; or its inputs have it."""
        pattern = rf"(?<![\w.-]){re.escape(build_id)}(?![\w-]|\.\w)"
        return self.build_id == build_id or re.search(pattern, self.title or "") is not None


class Runs(Document):
    """A page of runs, the newest first; `total` counts those of all pages."""

    workflow_runs: list[Run]
    total: int | None = Field(None, validation_alias="total_count")


class Step(Document):
    """A step of a job."""

    name: str | None = None
    conclusion: str | None = None


class Job(Document):
    """A job of a run; it has a log of its own."""

    id: Number
    name: str | None = None
    status: str | None = None
    conclusion: str | None = None
    ended_at: datetime | None = Field(None, validation_alias=AliasChoices("completed_at", "stopped"))
    steps: list[Step] | None = None

    @property
    def title(self) -> str:
        return one_line(self.name or str(self.id))

    @property
    def begun(self) -> bool:
        return meaning(self).state is not BuildState.QUEUED

    @property
    def ended(self) -> bool:
        return meaning(self).state.terminal


class Jobs(Document):
    """A page of the jobs of a run, of one attempt; `total` counts those of all pages."""

    jobs: list[Job] = Field(validation_alias=AliasChoices("jobs", "workflow_jobs"))
    total: int | None = Field(None, validation_alias="total_count")


RUN: Final = TypeAdapter(Run)
RUNS: Final = TypeAdapter(Runs)
JOBS: Final[TypeAdapter[Jobs | list[Job]]] = TypeAdapter(Jobs | list[Job])


class ActionsRef(HandleDocument):
    """What identifies a build; the handle is this as JSON.

    Without a `run`, the server took the build at the time `since` (Unix seconds) and did not say its run:
    that is the one whose title shows `build`. `commit` is what was pushed, where the workflow may build a
    newer one. Another run of a build can be another `attempt` of the same run.
    """

    builder: ClassVar[str] = "a builder of workflows"

    repository: FullName
    workflow: WorkflowFile
    build: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    run: Number | None = None
    attempt: Number = 1
    since: float = 0.0
    commit: Commit = ""

    def owns(self, run: Run) -> bool:
        return run.named(self.build) if self.run is None else run.id == self.run


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a status and a conclusion mean."""

    state: BuildState
    raw: str
    detail: str = ""
    hint: str = ""
    recognised: bool = True


_QUEUED, _RUNNING = BuildState.QUEUED, BuildState.RUNNING
_STATUSES: Final[Mapping[str, tuple[BuildState, str]]] = {
    "queued": (_QUEUED, ""),
    "requested": (_QUEUED, ""),
    "pending": (_QUEUED, "waits for another run of its concurrency group"),
    "waiting": (_QUEUED, "waits for a runner, for its time, or for the approval of a person"),
    "blocked": (_QUEUED, "waits for other jobs, or for the approval of a person"),
    "in_progress": (_RUNNING, ""),
    "running": (_RUNNING, ""),
}
_CONCLUSIONS: Final[Mapping[str, tuple[BuildState, str]]] = {
    "success": (BuildState.SUCCEEDED, ""),
    "neutral": (BuildState.SUCCEEDED, "neutral"),
    "failure": (BuildState.FAILED, ""),
    "timed_out": (BuildState.FAILED, "it took longer than the workflow allows"),
    "startup_failure": (BuildState.FAILED, "the workflow could not be started: its file has faults"),
    "action_required": (BuildState.FAILED, "it needs the approval of a person"),
    "cancelled": (BuildState.CANCELLED, "cancelled"),
    "skipped": (BuildState.CANCELLED, "skipped: the conditions of its jobs did not hold"),
    "stale": (BuildState.CANCELLED, "stale: the server gave it up"),
}


def meaning(one: Run | Job) -> Meaning:
    """What the words of a run or a job mean; a word that we do not know ends nothing.

    Some servers have the conclusion in place of the status.
    """
    status, conclusion = one.status or "", one.conclusion or ""
    if status == "completed" and not conclusion:
        return Meaning(state=_RUNNING, raw=status)
    word = conclusion if status == "completed" else status
    raw = word[:_MAX_WORD] or "?"
    if word in _CONCLUSIONS:
        state, detail = _CONCLUSIONS[word]
        return Meaning(state=state, raw=raw, detail=detail)
    if word in _STATUSES and status != "completed":
        state, hint = _STATUSES[word]
        return Meaning(state=state, raw=raw, hint=hint)
    return Meaning(state=_RUNNING, raw=raw, recognised=False)


def status_of(ref: ActionsRef, run: Run, url: str | None) -> Status:
    """The state of a run of ours; `url` is its page."""
    means = meaning(run)
    details = [means.detail] if means.detail else []
    if ref.commit and run.commit and run.commit != ref.commit:
        newest, pushed = one_line(run.commit)[:12], ref.commit[:12]
        details.append(f"it is of {newest}, the newest commit of the branch, in place of {pushed}")
    return Status(
        state=means.state,
        raw=means.raw,
        detail="; ".join(details),
        recognised=means.recognised,
        hint=means.hint,
        handle=ref.model_copy(update={"run": run.id, "since": 0.0}).handle,
        url=url,
        started_at=run.began_at if means.state is not _QUEUED else None,
        ended_at=_unix(run.ended_at) if means.state.terminal else None,
    )


def failed_place(jobs: Sequence[Job]) -> Failure:
    """The job that failed first, with its step."""
    for job in jobs:
        if meaning(job).state is BuildState.FAILED:
            step = next((one for one in job.steps or () if one.conclusion == "failure"), None)
            names = [job.title, *([one_line(step.name or "")] if step else [])]
            in_step = f", in the step {names[1]!r}" if step else ""
            return Failure(" / ".join(filter(None, names)), f"failed in the job {job.title!r}{in_step}")
    return Failure()


def _unix(moment: datetime | None) -> float | None:
    # Gitea and Forgejo have an early one in place of none.
    return moment.timestamp() if moment and moment.year > 1970 else None  # noqa: PLR2004  # the first Unix year
