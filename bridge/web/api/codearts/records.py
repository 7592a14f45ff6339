"""Records: single builds, as clients that wait for them ask."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from typing_extensions import TypedDict

from bridge.model.build import Build, BuildState
from bridge.web.api.codearts.base import CodeArtsBase
from bridge.web.api.codearts.ids import executor_of, job_name_of, project_id_of
from bridge.web.api.codearts.queries import BriefBody, BriefQuery, StagesQuery
from bridge.web.api.codearts.record_documents import (
    REGION,
    BriefRecord,
    BuildInfoRecord,
    Record,
    RecordInfo,
    Times,
    brief_record,
    build_info_record,
    parameters_of,
    record,
    record_info,
)
from bridge.web.api.codearts.shapes import Enveloped, OldEnvelope, Truth, enveloped, old_envelope
from bridge.web.api.codearts.times import between, record_time
from bridge.web.api.codearts.words import (
    STEP,
    RunningStatus,
    Status,
    StepStatus,
    running_status_of,
    status_code_of,
    status_of,
    step_status_of,
)
from bridge.web.api.core.builds import sees
from bridge.web.api.operation import Call, Operation

QueueStatus = Literal["InQueue", "Running", "Finished"]
_QUEUE_STATUS: Final[Mapping[RunningStatus, QueueStatus]] = {
    "Starting": "InQueue",
    "Running": "Running",
    "Finished": "Finished",
}
_STAGES: Final = {"initial": "Waiting", "stage1": STEP}
"""The names of stages, in their order."""


class RunningState(TypedDict):
    """Whether a job runs; `last_build_status` is no result."""

    last_job_id: str
    last_build_no: str | None
    last_build_status: QueueStatus | None
    is_running: bool


class BuildSummary(TypedDict):
    """Whether a build runs, and how it ended; null while it does."""

    building: bool
    build_result: Status | None
    region: str


class Step(TypedDict):
    """A step of a build, with its milliseconds."""

    name: str
    status: StepStatus
    build_time: int


class HistoryDetails(TypedDict):
    """A build with its parameters and steps."""

    job_name: str
    build_number: int
    project_id: str
    project_name: str
    parameters: dict[str, str]
    build_steps: list[Step]


class Parameter(TypedDict):
    """A parameter that a build ran with."""

    name: str
    value: str


class Output(TypedDict):
    """An image that a build has made."""

    project_id: str
    name: str
    version: str
    package_type: str
    uri: str
    type: str
    daily_build_number: str


class Outputs(TypedDict):
    """What a build has made: images, by name and tag."""

    package_info: None
    package_infos: None
    image_infos: dict[str, Output] | None


class Stage(Times):
    """A stage of a build; durations are in milliseconds."""

    id: str
    status: Status
    status_code: int | None
    log_status: None
    build_record_id: str
    execution_id: str
    execution_stage_name: str
    display_name: str
    node_id: None
    sequence: int
    check_stages: None


class Stages(TypedDict):
    """The stages of a build by their keys."""

    build_stages: dict[str, Stage]


class BriefRecords(TypedDict):
    """The newest records of a build project."""

    project_id: str
    brief_build_record_dtos: list[BriefRecord]


async def show_job_status(api: CodeArtsBase, call: Call) -> Truth:
    """Show whether a build of a job waits or runs."""
    known = await api.job(call, call.path["job_id"])
    key, stranger = known.repository.key, not sees(call.principal, known.repository.namespace)
    return {"result": await api.core.store.reports.unended(key, public=stranger)}


async def show_running_status(api: CodeArtsBase, call: Call) -> Enveloped[RunningState]:
    """Show the number of the newest build of a job, and whether it runs."""
    known = await api.job(call, call.path["job_id"])
    last = await api.newest_of(call, known)
    return enveloped(
        {
            "last_job_id": call.path["job_id"],
            "last_build_no": None if last is None else str(last.number),
            "last_build_status": None if last is None else _QUEUE_STATUS[running_status_of(last)],
            "is_running": last is not None and not last.state.terminal,
        }
    )


async def show_record_detail(api: CodeArtsBase, call: Call) -> Enveloped[RecordInfo]:
    """Show a build by its job and number."""
    return enveloped(record_info(await api.one_numbered(await api.build(call))))


async def show_record_info(api: CodeArtsBase, call: Call) -> OldEnvelope[RecordInfo]:
    """Show a build by its job and number, as older clients read it."""
    return old_envelope(record_info(await api.one_numbered(await api.build(call))))


async def show_build_record(api: CodeArtsBase, call: Call) -> Enveloped[Record]:
    """Show a build by the id of its record."""
    build = await api.record(call)
    trusted = sees(call.principal, build.namespace)
    return enveloped(record(await api.one_numbered(build), trusted=trusted))


async def show_build_info_record(api: CodeArtsBase, call: Call) -> Enveloped[BuildInfoRecord]:
    """Show a build as lists show it."""
    return enveloped(build_info_record(await api.one_numbered(await api.build(call))))


async def show_build_details(api: CodeArtsBase, call: Call) -> Enveloped[BuildSummary]:
    """Show whether a build runs, and how it ended."""
    build = await api.build(call)
    ended = build.state.terminal
    return enveloped(
        {"building": not ended, "build_result": status_of(build) if ended else None, "region": REGION}
    )


async def show_history_details(api: CodeArtsBase, call: Call) -> HistoryDetails:
    """Show the parameters and steps of a build; each has one step, `build`."""
    known = await api.job(call, call.path["job_id"])
    build = await api.build_of(call, known, call.path["build_number"])
    trusted = sees(call.principal, build.namespace)
    return {
        "job_name": job_name_of(known.repository.key),
        "build_number": build.number,
        "project_id": project_id_of(build.namespace),
        "project_name": build.namespace,
        "parameters": parameters_of(build, trusted=trusted),
        "build_steps": [
            {
                "name": STEP,
                "status": step_status_of(build),
                "build_time": between(build.started_at, build.ended_at),
            }
        ],
    }


async def list_build_parameter(api: CodeArtsBase, call: Call) -> Enveloped[list[Parameter]]:
    """List the parameters that a build ran with."""
    build = await api.build(call)
    found = parameters_of(build, trusted=sees(call.principal, build.namespace))
    return enveloped([{"name": name, "value": value} for name, value in found.items()])


async def show_output_info(api: CodeArtsBase, call: Call) -> Enveloped[Outputs]:
    """Show the images that a build has made."""
    build = await api.build(call)
    daily = (await api.one_numbered(build)).daily
    proven = build.state is BuildState.SUCCEEDED and build.images_passed
    images = {name: _output(build, tag, name, daily) for tag, name in _images(build).items()}
    return enveloped(
        {"package_info": None, "package_infos": None, "image_infos": images if proven and images else None}
    )


def _images(build: Build) -> Mapping[str, str]:
    """The names of the images by their tags."""
    return {tag: f"{build.request.image}:{tag}" for tag in build.request.tags}


def _output(build: Build, tag: str, name: str, daily: str) -> Output:
    return {
        "project_id": project_id_of(build.namespace),
        "name": build.request.image,
        "version": tag,
        "package_type": "docker",
        "uri": name,
        "type": "image",
        "daily_build_number": daily,
    }


async def show_build_record_full_stages(
    api: CodeArtsBase,
    call: Call,
    query: StagesQuery,  # noqa: ARG001
) -> Enveloped[Stages]:
    """Show the stages of a build: that it waits, and that it is built."""
    build = await api.record(call)
    begun = build.started_at or build.ended_at
    status = status_of(build)
    waited: Status = status if build.started_at is None else "SUCCESS"
    stages = {"initial": _stage(build, "initial", waited, (build.enqueued_at, begun))}
    if build.started_at is not None:
        stages["stage1"] = _stage(build, "stage1", status, (build.started_at, build.ended_at))
    return enveloped({"build_stages": stages})


def _stage(build: Build, key: str, status: Status, span: tuple[float, float | None]) -> Stage:
    begin, end = span
    return {
        "id": f"{build.id}-{key}",
        "status": status,
        "status_code": status_code_of(status),
        "log_status": None,
        "create_time": record_time(begin),
        "schedule_time": record_time(begin),
        "queued_time": record_time(begin),
        "start_time": record_time(begin),
        "finish_time": record_time(end),
        "duration": between(begin, end),
        "build_duration": between(begin, end),
        "pending_duration": 0,
        "build_record_id": build.id,
        "execution_id": executor_of(build.run_id),
        "execution_stage_name": key,
        "display_name": _STAGES[key],
        "node_id": None,
        "sequence": list(_STAGES).index(key),
        "check_stages": None,
    }


async def list_brief_record(
    api: CodeArtsBase, call: Call, query: BriefQuery, body: BriefBody
) -> Enveloped[list[BriefRecords]]:
    """List the newest records of many build projects; the body is an array of their ids."""
    asked = {name: (await api.build_project(call, name)).repository.key for name in dict.fromkeys(body.root)}
    newest = await api.newest(call, list(asked.values()), query.limit)
    numbered = await api.numbered([build for key in asked.values() for build in newest[key]])
    by_id = {one.build.id: one for one in numbered}
    return enveloped(
        [
            {
                "project_id": name,
                "brief_build_record_dtos": [brief_record(by_id[build.id], api.zone) for build in newest[key]],
            }
            for name, key in asked.items()
        ]
    )


_OF_BUILD: Final = "{job_id}/{build_no:number}"
RECORDS: Final[Sequence[Operation]] = (
    Operation("GET", "/v3/jobs/{job_id}/status", show_job_status),
    Operation("GET", "/v1/job/{job_id}/running-status", show_running_status),
    Operation("GET", f"/v4/jobs/{_OF_BUILD}/record-info", show_record_detail),
    Operation(
        "GET", f"/v1/record/{_OF_BUILD}/record-info", show_record_detail, name="show_job_build_record_detail"
    ),
    Operation("GET", f"/v3/jobs/{_OF_BUILD}/record-info", show_record_info),
    Operation("GET", "/v1/record/{record_id}/info", show_build_record),
    Operation("GET", f"/v1/record/{_OF_BUILD}/build-info-record", show_build_info_record),
    Operation("GET", f"/v1/job/{_OF_BUILD}/build-info", show_build_details),
    Operation("GET", "/v3/jobs/{job_id}/{build_number:number}/history-details", show_history_details),
    Operation("GET", f"/v1/job/{_OF_BUILD}/history-parameters", list_build_parameter),
    Operation("GET", f"/v3/jobs/{_OF_BUILD}/output-info", show_output_info),
    Operation("GET", "/v1/record/{record_id}/full-stages", show_build_record_full_stages),
    Operation("POST", "/v1/record/brief", list_brief_record, keyed=False),
)
