"""What GitLab answers, as far as we read it, and what its words mean. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter

from bridge.builders.base import Number, Status
from bridge.builders.gitlab_ci.settings import Project
from bridge.builders.handles import HandleDocument
from bridge.builders.log_text import one_line
from bridge.builders.polling import Failure
from bridge.builders.server import Document
from bridge.model.build import BuildState

BUILD_ID: Final = "BRIDGE_BUILD_ID"
_MAX_WORD: Final = 64
_MAX_URL: Final = 1000
_SAME_MOMENT: Final = 1
"""Seconds by which two answers may round the time of a pipeline differently."""
_REASON: Final = re.compile(r"[a-z_]{1,60}")


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Moment = Annotated[str, StringConstraints(max_length=64), AfterValidator(_moment)]


def unix(moment: str) -> float:
    """A time of GitLab in Unix seconds; one that names no zone is in UTC."""
    found = datetime.fromisoformat(moment)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


class Pipeline(Document):
    """A pipeline. Lists do not show when it began and ended; what starts one does not show its `name`."""

    id: Number
    word: str = Field(validation_alias="status")
    created: Moment = Field(validation_alias="created_at")
    commit: str = Field("", validation_alias="sha", max_length=100)
    name: str | None = None
    page: str | None = Field(None, validation_alias="web_url")
    updated: Moment | None = Field(None, validation_alias="updated_at")
    started: Moment | None = Field(None, validation_alias="started_at")
    finished: Moment | None = Field(None, validation_alias="finished_at")

    @property
    def ended(self) -> bool:
        return state_of(self.word).terminal


class Job(Document):
    id: Number
    name: str = ""
    stage: str = ""
    word: str = Field("", validation_alias="status")
    failure: str | None = Field(None, validation_alias="failure_reason")
    may_fail: bool = Field(False, validation_alias="allow_failure")

    @property
    def ended(self) -> bool:
        return state_of(self.word).terminal

    @property
    def begun(self) -> bool:
        """Whether it can have printed anything."""
        return self.word != "skipped" and state_of(self.word) is not BuildState.QUEUED


class Variable(Document):
    key: str
    value: str | None = None


class _Access(Document):
    level: int = Field(validation_alias="access_level")


class _Permissions(Document):
    project_access: _Access | None = None
    group_access: _Access | None = None


class ProjectDocument(Document):
    """A project; what its token may not know is None."""

    id: Number
    path: str = Field(validation_alias="path_with_namespace")
    archived: bool = False
    builds: str | None = Field(None, validation_alias="builds_access_level")
    branch: str | None = Field(None, validation_alias="default_branch", max_length=1000)
    config: str | None = Field(None, validation_alias="ci_config_path", max_length=1000)
    """Where the file of its pipelines is, empty where it has the usual name."""
    restricted: bool | None = Field(None, validation_alias="restrict_user_defined_variables")
    minimum_role: str | None = Field(None, validation_alias="ci_pipeline_variables_minimum_override_role")
    permissions: _Permissions | None = None

    @property
    def level(self) -> int | None:
        """How far the token's user may go; None where the project does not say."""
        found = self.permissions
        both = (found.project_access, found.group_access) if found else ()
        return max((access.level for access in both if access), default=None)


class TokenDocument(Document):
    """The token itself."""

    name: str = ""
    scopes: list[str] = []  # noqa: RUF012  # frozen
    expires: str | None = Field(None, validation_alias="expires_at", max_length=40)


PIPELINE: Final = TypeAdapter(Pipeline)
PIPELINES: Final = TypeAdapter(list[Pipeline])
JOBS: Final = TypeAdapter(list[Job])
VARIABLES: Final = TypeAdapter(list[Variable])
PROJECT: Final = TypeAdapter(ProjectDocument)
TOKEN: Final = TypeAdapter(TokenDocument)


class GitLabRef(HandleDocument):
    """What identifies a pipeline; the handle is this as JSON.

    `created` is in Unix seconds, so that another one that got its number is not taken for it. `commit` is
    what GitLab builds, "" where it did not say.
    """

    builder: ClassVar[str] = "a GitLab builder"

    project: Project
    id: Number
    created: Annotated[int, Field(ge=0, le=1 << 40)]
    commit: Annotated[str, StringConstraints(max_length=100)] = ""

    @classmethod
    def of(cls, project: Project, pipeline: Pipeline) -> "GitLabRef":
        created = int(unix(pipeline.created))
        return cls(project=project, id=pipeline.id, created=created, commit=pipeline.commit)

    def owns(self, pipeline: Pipeline | None) -> bool:
        if pipeline is None or pipeline.id != self.id:
            return False
        return abs(int(unix(pipeline.created)) - self.created) <= _SAME_MOMENT


_WORDS: Final[Mapping[str, tuple[BuildState, str]]] = {
    "created": (BuildState.QUEUED, ""),
    "waiting_for_resource": (BuildState.QUEUED, "waits for a resource that another job has"),
    "preparing": (BuildState.QUEUED, ""),
    "waiting_for_callback": (BuildState.QUEUED, "waits for a call from another system"),
    "pending": (BuildState.QUEUED, ""),
    "scheduled": (BuildState.QUEUED, "waits for the time of a delayed job"),
    "manual": (BuildState.QUEUED, "waits for a person who starts a manual job"),
    "running": (BuildState.RUNNING, ""),
    "canceling": (BuildState.RUNNING, "is being cancelled"),
    "success": (BuildState.SUCCEEDED, ""),
    "failed": (BuildState.FAILED, ""),
    "canceled": (BuildState.CANCELLED, "canceled in GitLab"),
    "skipped": (BuildState.CANCELLED, "skipped by GitLab"),
}


def state_of(word: str) -> BuildState:
    """What a word means; a word that we do not know ends nothing."""
    return _WORDS.get(word, (BuildState.RUNNING, ""))[0]


def status_of(ref: GitLabRef, pipeline: Pipeline, failed: Sequence[Job] = ()) -> Status:
    """The state of a build of ours; `failed` are its jobs that failed."""
    state, note = _WORDS.get(pipeline.word, (BuildState.RUNNING, ""))
    failure = _failure(failed)
    page = pipeline.page or ""
    shown = page.startswith(("http://", "https://")) and len(page) <= _MAX_URL
    return Status(
        state=state,
        raw=pipeline.word[:_MAX_WORD],
        detail=failure.why or note if state.terminal else "",
        stage=failure.stage if state is BuildState.FAILED else "",
        hint="" if state.terminal else note,
        recognised=pipeline.word in _WORDS,
        handle=GitLabRef.of(ref.project, pipeline).handle,
        url=page if shown else None,
        started_at=unix(pipeline.started) if pipeline.started else None,
        ended_at=unix(pipeline.finished) if pipeline.finished and state.terminal else None,
    )


def _failure(jobs: Sequence[Job]) -> Failure:
    """Which job made a pipeline fail, and GitLab's word for why."""
    job = min((job for job in jobs if not job.may_fail), key=lambda job: job.id, default=None)
    if job is None:
        return Failure()
    reason = job.failure if job.failure and _REASON.fullmatch(job.failure) else ""
    why = f": {reason.replace('_', ' ')}" if reason else ""
    name, stage = one_line(job.name), one_line(job.stage)
    return Failure(f"{stage} / {name}", f"failed in the job {name!r} of the stage {stage!r}{why}")
