"""What runs of workflows are to us, in the documents that GitHub made and others copy. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from bridge.builders.base import Number, Status
from bridge.config.types import Strict
from bridge.errors import Permanent
from bridge.model.build import BuildState

BUILD_ID: Final = "BRIDGE_BUILD_ID"
_MAX_WORD: Final = 64
_MAX_NAME: Final = 100

# At least one character of each part is no dot: `..` would lead out of the path.
FullName = Annotated[
    str,
    StringConstraints(
        max_length=200,
        pattern=r"^[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
    ),
]
WorkflowFile = Annotated[str, StringConstraints(max_length=200, pattern=r"^[A-Za-z0-9_. -]+\.ya?ml$")]
Commit = Annotated[str, StringConstraints(max_length=100)]


class Document(BaseModel):
    """A document of a server; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Run(Document):
    """A run of a workflow; `display_title` is the `run-name` of the workflow, filled in."""

    id: Number
    status: str | None = None
    conclusion: str | None = None
    display_title: str | None = None
    path: str | None = None
    head_sha: str | None = None
    run_attempt: int = 1
    html_url: str | None = None
    created_at: datetime | None = None
    run_started_at: datetime | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    completed_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return meaning(self).state.terminal

    def named(self, build_id: str) -> bool:
        """Whether its title shows our build id, and not one that only begins like it."""
        pattern = rf"(?<![\w.-]){re.escape(build_id)}(?![\w-]|\.\w)"
        return re.search(pattern, self.display_title or "") is not None


class Runs(Document):
    """A page of runs, the newest first."""

    workflow_runs: list[Run]


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
    completed_at: datetime | None = None
    steps: list[Step] | None = None

    @property
    def title(self) -> str:
        return clean(self.name or str(self.id))

    @property
    def ended(self) -> bool:
        return meaning(self).state.terminal


class Jobs(Document):
    """The jobs of the newest attempt of a run."""

    jobs: list[Job]


RUN: Final = TypeAdapter(Run)
RUNS: Final = TypeAdapter(Runs)
JOBS: Final = TypeAdapter(Jobs)


class ActionsRef(Strict):
    """What identifies a build; the handle is this as JSON.

    Without a `run`, the server took the build at the time `since` (Unix seconds) and did not say its run:
    that is the one whose title shows `build`. `commit` is what was pushed, where the workflow may build a
    newer one.
    """

    repository: FullName
    workflow: WorkflowFile
    build: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    run: Number | None = None
    since: float = 0.0
    commit: Commit = ""

    @classmethod
    def parse(cls, handle: str) -> "ActionsRef":
        try:
            return cls.model_validate_json(handle)
        except ValidationError:
            raise Permanent("the handle is not one of a builder of workflows") from None

    @property
    def handle(self) -> str:
        return self.model_dump_json(exclude_defaults=True)

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
    "waiting": (_QUEUED, "waits for the approval of a person, or for its time"),
    "blocked": (_QUEUED, "waits for the approval of a person, or for other jobs"),
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
    if ref.commit and run.head_sha and run.head_sha != ref.commit:
        newest, pushed = clean(run.head_sha)[:12], ref.commit[:12]
        details.append(f"it is of {newest}, the newest commit of the branch, in place of {pushed}")
    end = run.completed_at or run.updated_at
    return Status(
        state=means.state,
        raw=means.raw,
        detail="; ".join(details),
        recognised=means.recognised,
        hint=means.hint,
        handle=ref.model_copy(update={"run": run.id, "since": 0.0}).handle,
        url=url,
        started_at=_unix(run.started_at or run.run_started_at) if means.state is not _QUEUED else None,
        ended_at=_unix(end) if means.state.terminal else None,
    )


def failed_place(jobs: Sequence[Job]) -> str:
    """The job that failed first, with its step, in words; "" without one."""
    for job in jobs:
        if meaning(job).state is BuildState.FAILED:
            step = next((one for one in job.steps or () if one.conclusion == "failure"), None)
            in_step = f", in the step {clean(step.name or '')!r}" if step else ""
            return f"failed in the job {job.title!r}{in_step}"
    return ""


def clean(name: str) -> str:
    """A name of the server, for sentences and logs."""
    return "".join(letter for letter in name[:_MAX_NAME] if letter.isprintable())


def _unix(moment: datetime | None) -> float | None:
    # Forgejo and Gitea say so where there is no time.
    return moment.timestamp() if moment and moment.year > 1970 else None  # noqa: PLR2004  # the first Unix year
