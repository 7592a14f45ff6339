"""Builds as CodeArts writes them, in each of its shapes; what has no meaning here is null."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from typing_extensions import TypedDict

from bridge.model.build import Build, BuildState
from bridge.web.api.codearts.ids import (
    build_project_id_of,
    executor_of,
    job_id_of,
    job_name_of,
    project_id_of,
    user_id_of,
)
from bridge.web.api.codearts.times import Zone, between, milliseconds, record_time
from bridge.web.api.codearts.words import (
    BRANCH,
    RunningStatus,
    Status,
    Trigger,
    running_status_of,
    status_code_of,
    status_of,
    trigger_of,
)

REGION: Final = "buildbridge"


@dataclass(frozen=True, slots=True)
class Numbered:
    """A build with its number of the day, such as `20200612.20`."""

    build: Build
    daily: str


class RecordInfo(TypedDict):
    """A record by job and number."""

    id: str
    build_project_id: str
    build_record_id: str
    parent_record_id: None
    devcloud_project_id: str
    codeci_job_id: str
    user_id: str
    build_no: int
    daily_build_num: str
    execution_id: str
    repo_name: str
    repo_id: None
    branch: str | None
    tag: str | None
    commit: str | None
    commit_message: str | None
    commit_create_time: None
    trigger_type: Trigger
    build_type: str
    status: Status
    domain_id: None
    create_time: str | None
    schedule_time: str | None
    queued_time: str | None
    start_time: str | None
    runnable_time: str | None
    finish_time: str | None
    duration: int
    record_status: None
    use_private_slave: int
    region: str
    err_msg: str | None
    build_config_type: str


class Times(TypedDict):
    """When a record came how far; durations are in milliseconds, and `duration` is the sum of the others."""

    create_time: str | None
    schedule_time: str | None
    queued_time: str | None
    start_time: str | None
    finish_time: str | None
    duration: int
    build_duration: int
    pending_duration: int


class RecordParameter(TypedDict):
    """A parameter that a build ran with."""

    name: str
    secret: bool
    value: str
    type: str


class RecordType(TypedDict):
    """What kind of record it is; `rerun` says that it is not the build's first run."""

    rerun: bool
    trigger_type: Trigger
    record_type: str
    is_rerun: bool


class Record(Times):
    """A record by its id."""

    id: str
    status: Status
    status_code: int | None
    project_id: str
    display_name: str
    trigger_name: str | None
    group_name: None
    execution_id: str
    parameters: list[RecordParameter]
    repository: str | None
    branch: str | None
    revision: str | None
    build_yml_path: None
    build_yml_url: None
    daily_build_number: str
    build_record_type: RecordType
    trigger_type: Trigger
    scm_type: None
    scm_web_url: str | None
    user_id: str
    build_no: str
    daily_build_no: str
    dev_cloud_build_type: str


class CommitInfo(TypedDict):
    """A commit; when it was made is not known here."""

    commit_id: str | None
    created_at: None


class BuildInfoRecord(TypedDict):
    """A record as lists of one job show it; times are milliseconds since 1970."""

    number: int
    build_time: int
    start_time: int | None
    job_running_status: RunningStatus
    state: Status
    user_id: str
    executor: str
    nickname: str
    daily_build_number: str
    trigger_type: Trigger
    cost_time: int
    commit_id: str | None
    commit_info: CommitInfo
    build_type: str
    code_branch: str | None
    scm_type: None
    scm_web_url: str | None
    commit_detail_url: str | None


class HistoryRow(TypedDict):
    """A build in a history; `record_id` is its number of the day, as in the manual."""

    record_id: str
    job_id: str
    build_number: int
    start_time: str | None
    end_time: str | None
    result: Status


class PeriodRow(HistoryRow):
    """A build in a history between two days."""

    branch: str | None
    commit_id: str | None
    commit_message: str | None
    executor: str
    trigger_type: Trigger


class BriefRecord(Times):
    """A record among those of many jobs."""

    id: str
    status: Status
    project_id: str
    build_no: int
    branch: str | None
    revision: str | None
    trigger_name: str
    daily_build_number: str


def record_info(one: Numbered) -> RecordInfo:
    build = one.build
    request, key = build.request, (build.namespace, build.repo_name)
    return {
        "id": build.id,
        "build_project_id": build_project_id_of(key),
        "build_record_id": build.id,
        "parent_record_id": None,
        "devcloud_project_id": project_id_of(build.namespace),
        "codeci_job_id": job_id_of(key),
        "user_id": user_id_of(executor_name(build)),
        "build_no": build.number,
        "daily_build_num": one.daily,
        "execution_id": executor_of(build.run_id),
        "repo_name": build.repo_name,
        "repo_id": None,
        "branch": request.branch,
        "tag": request.tag,
        "commit": request.commit or None,
        "commit_message": build.origin.subject or None,
        "commit_create_time": None,
        "trigger_type": trigger_of(build),
        "build_type": build.origin.ref_kind,
        "status": status_of(build),
        "domain_id": None,
        "create_time": record_time(build.created_at),
        "schedule_time": record_time(build.enqueued_at),
        "queued_time": record_time(build.enqueued_at),
        "start_time": record_time(build.started_at),
        "runnable_time": record_time(build.started_at),
        "finish_time": record_time(build.ended_at),
        "duration": between(build.started_at, build.ended_at),
        "record_status": None,
        "use_private_slave": 0,
        "region": REGION,
        "err_msg": _failure(build),
        "build_config_type": "ACTION",
    }


def record(one: Numbered, *, trusted: bool) -> Record:
    """`trusted` is for who may read the namespace: others are shown no parameters."""
    build, key = one.build, (one.build.namespace, one.build.repo_name)
    trigger = trigger_of(build)
    again = build.run > 1
    return {
        **_times(build, record_time),
        "id": build.id,
        "status": status_of(build),
        "status_code": status_code_of(status_of(build)),
        "project_id": build_project_id_of(key),
        "display_name": job_name_of(key),
        "trigger_name": executor_name(build),
        "group_name": None,
        "execution_id": executor_of(build.run_id),
        "parameters": [
            {"name": name, "secret": False, "value": value, "type": "normalparam"}
            for name, value in parameters_of(build, trusted=trusted).items()
        ],
        "repository": _web_url(build),
        "branch": build.request.branch,
        "revision": build.request.commit or None,
        "build_yml_path": None,
        "build_yml_url": None,
        "daily_build_number": one.daily,
        "build_record_type": {
            "rerun": again,
            "trigger_type": trigger,
            "record_type": "JOB",
            "is_rerun": again,
        },
        "trigger_type": trigger,
        "scm_type": None,
        "scm_web_url": _web_url(build),
        "user_id": user_id_of(executor_name(build)),
        "build_no": str(build.number),
        "daily_build_no": one.daily,
        "dev_cloud_build_type": build.origin.ref_kind,
    }


def build_info_record(one: Numbered) -> BuildInfoRecord:
    build = one.build
    name = executor_name(build)
    return {
        "number": build.number,
        "build_time": between(build.started_at, build.ended_at),
        "start_time": milliseconds(build.started_at),
        "job_running_status": running_status_of(build),
        "state": status_of(build),
        "user_id": user_id_of(name),
        "executor": name,
        "nickname": name,
        "daily_build_number": one.daily,
        "trigger_type": trigger_of(build),
        "cost_time": between(build.started_at, build.ended_at),
        "commit_id": build.request.commit or None,
        "commit_info": {"commit_id": build.request.commit or None, "created_at": None},
        "build_type": build.origin.ref_kind,
        "code_branch": build.request.branch,
        "scm_type": None,
        "scm_web_url": _web_url(build),
        "commit_detail_url": build.origin.commit_url,
    }


def history_row(one: Numbered, zone: Zone) -> HistoryRow:
    build = one.build
    return {
        "record_id": one.daily,
        "job_id": job_id_of((build.namespace, build.repo_name)),
        "build_number": build.number,
        "start_time": zone.history_time(build.started_at or build.created_at),
        "end_time": zone.history_time(build.ended_at),
        "result": status_of(build),
    }


def period_row(one: Numbered, zone: Zone) -> PeriodRow:
    build = one.build
    return {
        **history_row(one, zone),
        "branch": build.request.branch,
        "commit_id": build.request.commit or None,
        "commit_message": build.origin.subject or None,
        "executor": executor_name(build),
        "trigger_type": trigger_of(build),
    }


def brief_record(one: Numbered, zone: Zone) -> BriefRecord:
    build = one.build
    return {
        **_times(build, zone.brief_time),
        "id": build.id,
        "status": status_of(build),
        "project_id": build_project_id_of((build.namespace, build.repo_name)),
        "build_no": build.number,
        "branch": build.request.branch,
        "revision": build.request.commit or None,
        "trigger_name": executor_name(build),
        "daily_build_number": one.daily,
    }


def parameters_of(build: Build, *, trusted: bool) -> dict[str, str]:
    """What the build ran with: the branch in CodeArts' own parameter, and, for the trusted, the rule's."""
    branch = {} if build.request.branch is None else {BRANCH: build.request.branch}
    return {**branch, **(build.request.parameters if trusted else {})}


def _times(build: Build, written: Callable[[float | None], str | None]) -> Times:
    working = between(build.started_at, build.ended_at)
    pending = between(build.enqueued_at, build.started_at or build.ended_at)
    return {
        "create_time": written(build.created_at),
        "schedule_time": written(build.enqueued_at),
        "queued_time": written(build.enqueued_at),
        "start_time": written(build.started_at),
        "finish_time": written(build.ended_at),
        "duration": pending + working,
        "build_duration": working,
        "pending_duration": pending,
    }


def executor_name(build: Build) -> str:
    """Who the build is due to."""
    return build.origin.by or build.origin.author.name or ""


def _failure(build: Build) -> str | None:
    """Why a build that has ended was not successful."""
    ended = build.state.terminal and build.state is not BuildState.SUCCEEDED
    return build.detail or None if ended else None


def _web_url(build: Build) -> str | None:
    """Where people see the code, as far as the clone address shows it."""
    url = build.request.repo_url
    return url.removesuffix(".git") if url.startswith(("http://", "https://")) and "@" not in url else None
