"""What CodeArts answers, as far as we read it, and what its words mean. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, ClassVar, Final, Generic, TypeVar

from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
)

from bridge.builders.base import Number, Status
from bridge.builders.codearts.settings import Id
from bridge.builders.handles import HandleDocument
from bridge.builders.server import Document
from bridge.model.build import BuildState

BUILD_ID: Final = "BRIDGE_BUILD_ID"
_CHINA: Final = timezone(timedelta(hours=8))
"""The zone of times that name none."""
_MAX_WORDS: Final = 300

T = TypeVar("T")
Mark = Annotated[str, StringConstraints(max_length=200)]
"""What distinguishes a run from others; bounded, since handles hold it."""


class _Answer(Document):
    model_config = ConfigDict(coerce_numbers_to_str=True)


class Enveloped(_Answer, Generic[T]):
    """What most calls put around their answer."""

    result: T | None


class Started(_Answer):
    """A run that was started; `execution` and `daily` are its marks."""

    number: Number = Field(validation_alias="actual_build_number")
    execution: Mark | None = Field(None, validation_alias="octopus_job_name")
    daily: Mark | None = Field(None, validation_alias="daily_build_number")


class Parameter(_Answer):
    """A parameter of a run, or a field of a definition."""

    name: str
    value: Any = None


class Record(_Answer):
    """A run. Only lists and `info` show `parameters`; `project` is the job's id in lists of records."""

    number: Number = Field(validation_alias="build_no")
    id: Mark | None = Field(None, validation_alias=AliasChoices("build_record_id", "id"))
    project: Mark | None = Field(None, validation_alias=AliasChoices("build_project_id", "project_id"))
    execution: Mark | None = Field(None, validation_alias="execution_id")
    daily: Mark | None = Field(
        None, validation_alias=AliasChoices("daily_build_num", "daily_build_number", "daily_build_no")
    )
    status: str | None = None
    commit: str | None = Field(None, validation_alias=AliasChoices("commit", "revision"))
    created: str | None = Field(None, validation_alias="create_time")
    started: str | None = Field(None, validation_alias="start_time")
    finished: str | None = Field(None, validation_alias="finish_time")
    error: str | None = Field(None, validation_alias="err_msg")
    parameters: list[Parameter] | None = None

    def parameter(self, name: str) -> str | None:
        return next((one.value for one in self.parameters or () if one.name == name), None)


class RecordPage(_Answer):
    """A page of records, the newest first."""

    data: list[Record] | None


class Definition(_Answer):
    """A parameter that a job declares: one of the fields is its name."""

    params: list[Parameter] | None = None


class JobConfig(_Answer):
    """A job and its parameters."""

    job_name: str | None = None
    parameters: list[Definition] | None = None

    @property
    def declared(self) -> frozenset[str]:
        fields = (one for definition in self.parameters or () for one in definition.params or ())
        return frozenset(one.value for one in fields if one.name == "name" and isinstance(one.value, str))


class RunningState(_Answer):
    """The newest run of a job; None before the first one."""

    number: int | None = Field(None, validation_alias="last_build_no")
    running: bool = Field(validation_alias="is_running")


class Job(_Answer):
    """A job in a list."""

    id: Id
    name: str = Field(validation_alias="job_name")


class JobPage(_Answer):
    """A page of the jobs of a project."""

    jobs: list[Job] | None


class Step(_Answer):
    """A step of a run."""

    name: str
    status: str | None = None


class Details(_Answer):
    """The steps of a run."""

    build_steps: list[Step] | None

    @property
    def failed(self) -> str:
        """The first step that failed; "" without one."""
        return next((clean(one.name) for one in self.build_steps or () if one.status == "error"), "")


class LogPart(_Answer):
    """A part of a log: `offset` is where the next one begins."""

    content: str | None
    offset: Annotated[int, Field(ge=0)]
    has_more_data: bool


class Stopped(_Answer):
    """Whether a run will end; older calls say so by a word."""

    success: bool | None = None
    status: str | None = None


STARTED: Final[TypeAdapter[Started | Enveloped[Started]]] = TypeAdapter(Started | Enveloped[Started])
RECORD: Final = TypeAdapter(Enveloped[Record])
RECORDS: Final = TypeAdapter(Enveloped[RecordPage])
CONFIG: Final = TypeAdapter(Enveloped[JobConfig])
RUNNING: Final = TypeAdapter(Enveloped[RunningState])
DISABLED: Final = TypeAdapter(Enveloped[Any])
JOBS: Final[TypeAdapter[JobPage | Enveloped[JobPage]]] = TypeAdapter(JobPage | Enveloped[JobPage])
DETAILS: Final = TypeAdapter(Details)
LOG_PART: Final = TypeAdapter(Enveloped[LogPart])
STOPPED: Final = TypeAdapter(Stopped)


class CodeArtsRef(HandleDocument):
    """A run as the handle of a build names it.

    `execution` and `daily` are the marks that the trigger gave; `record` is known once a record was read.
    """

    builder: ClassVar[str] = "a CodeArts builder"
    job: Id
    number: Number
    execution: Mark | None = None
    daily: Mark | None = None
    record: Mark | None = None

    def owns(self, record: Record) -> bool:
        """Whether this record is of our run: by its id, else by one of the marks of the trigger."""
        if record.number != self.number:
            return False
        marks = ((record.id, self.record), (record.execution, self.execution), (record.daily, self.daily))
        return any(ours is not None and theirs == ours for theirs, ours in marks)

    def recorded_as(self, record: Record) -> "CodeArtsRef":
        return self.model_copy(update={"record": record.id or self.record})


_ENDS: Final[Mapping[str, tuple[BuildState, str]]] = {
    "SUCCESS": (BuildState.SUCCEEDED, ""),
    "FAILURE": (BuildState.FAILED, ""),
    "FAILED": (BuildState.FAILED, ""),
    "ERROR": (BuildState.FAILED, ""),
    "TIMEOUT": (BuildState.FAILED, "CodeArts ended it: it ran longer than its job may"),
    "SCHEDULE_FAILURE": (BuildState.FAILED, "CodeArts found nothing to run it on"),
    "ABORTED": (BuildState.CANCELLED, "aborted in CodeArts"),
}
_RUNNING: Final = frozenset({"RUNNING", "BUILDING"})
_WAITING: Final = frozenset({"", "INQUEUE", "STARTING", "QUEUED", "PENDING", "WAITING"})


def record_status(ref: CodeArtsRef, record: Record) -> Status:
    """The state of a run; one with an unknown word goes on, whatever else its record says."""
    word = (record.status or "").upper()
    began = unix(record.started)
    state, detail = _ENDS.get(word, (BuildState.RUNNING, ""))
    if word in _WAITING and not (word == "" and began):
        state = BuildState.QUEUED
    if state is BuildState.FAILED and record.error:
        detail = "; ".join(part for part in (detail, clean(record.error)) if part)
    return Status(
        state=state,
        raw=(record.status or "no status")[:64],
        detail=detail,
        recognised=word in _ENDS or word in _RUNNING or word in _WAITING,
        handle=ref.recorded_as(record).handle,
        started_at=began,
        ended_at=unix(record.finished) if state.terminal else None,
    )


def unix(moment: str | None) -> float | None:
    """A time in any of the forms that records have; None for another."""
    try:
        read = datetime.fromisoformat(moment or "")
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=_CHINA)).timestamp()


def clean(text: str) -> str:
    """A text of the server as a line of ours."""
    return "".join(one if one.isprintable() else " " for one in " ".join(text.split()))[:_MAX_WORDS]
