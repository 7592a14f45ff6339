"""Repositories as CodeArts writes its jobs, in each of its shapes; what has no meaning here is null."""

import json
from collections.abc import Sequence
from typing import Final

from typing_extensions import TypedDict

from bridge.model.access import Principal, Role
from bridge.model.build import Build
from bridge.rules.in_force import KnownRepository
from bridge.rules.tag_config import TagConfig
from bridge.web.api.codearts.ids import (
    build_project_id_of,
    job_id_of,
    job_name_of,
    project_id_of,
    user_id_of,
)
from bridge.web.api.codearts.record_documents import Numbered, executor_name
from bridge.web.api.codearts.times import between, milliseconds
from bridge.web.api.codearts.words import (
    BRANCH,
    Colour,
    RunningStatus,
    Trigger,
    colour_of,
    health_of,
    running_status_of,
    trigger_of,
)
from bridge.web.api.core.builds import sees

SOURCE: Final = "codeci"
_PARAMETER: Final = "hudson.model.StringParameterDefinition"


class Job(TypedDict):
    """A job; `last_build_time` is in milliseconds since 1970."""

    id: str
    job_name: str
    job_creator: str | None
    user_name: str | None
    last_build_time: int | None
    health_score: int
    source_code: str
    last_build_status: Colour
    is_finished: bool
    disabled: bool
    favorite: bool
    is_modify: bool
    is_delete: bool
    is_execute: bool
    is_copy: bool
    is_forbidden: bool
    is_view: bool


class JobOfProject(Job):
    """A job among those of a project."""

    last_build_user: str | None
    trigger_type: Trigger | None
    build_time: int
    scm_web_url: str | None
    scm_type: str
    repo_id: str
    build_project_id: str
    last_job_running_status: RunningStatus | None
    last_build_user_id: str | None


class AnyJob(JobOfProject):
    """A job among all jobs."""

    user_id: str | None
    nick_name: str | None
    project_id: str
    project_name: str
    task_id: str | None
    code_branch: str | None
    commit_id: str | None
    commit_detail_url: str | None
    build_number: str | None
    forbidden_msg: str | None
    build_type: str | None
    tag: str | None
    project_permission_switch: bool


class JobInfo(TypedDict):
    """The summary of a job; `project_id` is its build project."""

    id: str
    project_id: str
    project_permission_switch: bool
    build_time: str
    charge_time: int
    create_time: int | None
    disabled: bool
    favorite: bool
    source_code: str
    running_status: RunningStatus | None
    new_build: bool
    job_name: str
    is_copy: bool
    is_delete: bool
    is_execute: bool
    is_forbidden: bool
    is_manager: bool
    is_modify: bool
    is_view: bool
    last_build_status: Colour
    last_build_time: int | None
    health_score: int


class ParameterField(TypedDict):
    """One field of a parameter's definition."""

    name: str
    value: str


class ParameterDefinition(TypedDict):
    """A parameter of a job."""

    name: str
    params: list[ParameterField]


class Scm(TypedDict):
    """The code of a job."""

    url: str | None
    scm_type: str
    branch: str | None
    repo_id: str
    web_url: str | None
    is_auto_build: bool
    build_type: str
    depth: str
    end_point_id: None
    source: str
    enable_git_lfs: bool
    group_name: str | None
    repo_name: str


class StepDefinition(TypedDict):
    """A step of a job."""

    properties: dict[str, str]
    module_id: str
    name: str
    version: str
    enable: bool


class JobConfig(TypedDict):
    """The rule of a repository in the form of a job."""

    arch: str
    project_id: str
    job_name: str
    auto_update_sub_module: str
    flavor: str
    parameters: list[ParameterDefinition]
    scms: list[Scm]
    steps: list[StepDefinition]
    host_type: str
    build_config_type: str
    build_if_code_updated: bool
    triggers: list[None]


def job(known: KnownRepository, newest: Sequence[Build], caller: Principal) -> Job:
    """`newest` are the newest builds of it that the caller may see, the newest first."""
    repository = known.repository
    last = newest[0] if newest else None
    may_change = caller.may(Role.MEMBER, repository.namespace)
    creator = known.stored.created_by if known.stored else None
    return {
        "id": job_id_of(repository.key),
        "job_name": job_name_of(repository.key),
        "job_creator": user_id_of(creator) if creator else None,
        "user_name": creator,
        "last_build_time": milliseconds(last.created_at) if last else None,
        "health_score": health_of(newest),
        "source_code": SOURCE,
        "last_build_status": colour_of(last),
        "is_finished": last is None or last.state.terminal,
        "disabled": is_disabled(known),
        "favorite": False,
        "is_modify": may_change and known.stored is not None,
        "is_delete": may_change and known.stored is not None,
        "is_execute": may_change,
        "is_copy": False,
        "is_forbidden": may_change,
        "is_view": True,
    }


def job_of_project(known: KnownRepository, newest: Sequence[Build], caller: Principal) -> JobOfProject:
    last = newest[0] if newest else None
    user = executor_name(last) if last else None
    return {
        **job(known, newest, caller),
        "last_build_user": user,
        "trigger_type": trigger_of(last) if last else None,
        "build_time": _build_time(last),
        "scm_web_url": known.code_page,
        "scm_type": known.repository.build_config.code_repo_client,
        "repo_id": str(known.ids.build_config),
        "build_project_id": build_project_id_of(known.repository.key),
        "last_job_running_status": running_status_of(last) if last else None,
        "last_build_user_id": user_id_of(user) if user else None,
    }


def any_job(
    known: KnownRepository, newest: Sequence[Build], last: Numbered | None, caller: Principal
) -> AnyJob:
    """`last` is the first of `newest`."""
    repository, build = known.repository, last.build if last else None
    disabled = known.override.disabled if sees(caller, repository.namespace) else None
    row = job_of_project(known, newest, caller)
    return {
        **row,
        "user_id": row["job_creator"],
        "nick_name": row["user_name"],
        "project_id": project_id_of(repository.namespace),
        "project_name": repository.namespace,
        "task_id": f"#{last.daily}" if last else None,
        "code_branch": build.request.branch if build else None,
        "commit_id": build.request.commit or None if build else None,
        "commit_detail_url": build.origin.commit_url if build else None,
        "build_number": str(build.number) if build else None,
        "forbidden_msg": disabled.reason if disabled else None,
        "build_type": build.origin.ref_kind if build else None,
        "tag": build.request.tag if build else None,
        "project_permission_switch": False,
    }


def job_info(known: KnownRepository, newest: Sequence[Build], caller: Principal) -> JobInfo:
    row = job(known, newest, caller)
    last = newest[0] if newest else None
    return {
        "id": row["id"],
        "project_id": build_project_id_of(known.repository.key),
        "project_permission_switch": False,
        "build_time": str(_build_time(last)),
        "charge_time": 0,
        "create_time": milliseconds(known.stored.created_at) if known.stored else None,
        "disabled": row["disabled"],
        "favorite": False,
        "source_code": SOURCE,
        "running_status": running_status_of(last) if last else None,
        "new_build": True,
        "job_name": row["job_name"],
        "is_copy": row["is_copy"],
        "is_delete": row["is_delete"],
        "is_execute": row["is_execute"],
        "is_forbidden": row["is_forbidden"],
        "is_manager": caller.may(Role.ADMIN, known.repository.namespace),
        "is_modify": row["is_modify"],
        "is_view": True,
        "last_build_status": row["last_build_status"],
        "last_build_time": row["last_build_time"],
        "health_score": row["health_score"],
    }


def parameter(name: str, value: str) -> ParameterDefinition:
    """A parameter whose value can be given with each run."""
    fields = {
        "name": name,
        "type": "normalparam",
        "defaultValue": value,
        "description": "",
        "deletion": "false",
        "staticVar": "false",
        "sensitiveVar": "false",
    }
    return {"name": _PARAMETER, "params": [{"name": key, "value": text} for key, text in fields.items()]}


def parameters(known: KnownRepository, branch: str | None, *, trusted: bool) -> list[ParameterDefinition]:
    """The branch, and, for who may read the namespace, the parameters of the rule."""
    own = known.repository.build_config.parameters if trusted else {}
    return [parameter(BRANCH, branch or ""), *(parameter(name, text) for name, text in own.items())]


def scm(known: KnownRepository, branch: str | None) -> Scm:
    config = known.repository.build_config
    return {
        "url": config.code_repo_clone_url,
        "scm_type": config.code_repo_client,
        "branch": branch,
        "repo_id": str(known.ids.build_config),
        "web_url": known.code_page,
        "is_auto_build": any(one.is_active for one in config.tag_configs),
        "build_type": "branch",
        "depth": "1",
        "end_point_id": None,
        "source": SOURCE,
        "enable_git_lfs": False,
        "group_name": config.code_repo_namespace,
        "repo_name": config.code_repo_name or known.repository.repo_name,
    }


def job_config(known: KnownRepository, branch: str | None, *, trusted: bool) -> JobConfig:
    """`branch` is the one that a run without a branch builds; None where there are several, or none."""
    repository = known.repository
    return {
        "arch": "x86-64",
        "project_id": project_id_of(repository.namespace),
        "job_name": job_name_of(repository.key),
        "auto_update_sub_module": "false",
        "flavor": "DEFAULT",
        "parameters": parameters(known, branch, trusted=trusted),
        "scms": [scm(known, branch)],
        "steps": [
            _step(known, config, number)
            for config, number in zip(repository.build_config.tag_configs, known.ids.tag_configs, strict=True)
        ],
        "host_type": "custom_host",
        "build_config_type": "ACTION",
        "build_if_code_updated": scm(known, branch)["is_auto_build"],
        "triggers": [],
    }


def _step(known: KnownRepository, config: TagConfig, number: int) -> StepDefinition:
    """A tag configuration; sent back with a job, its properties are the same one again."""
    paths = {} if config.paths is None else {"paths": json.dumps(config.paths)}
    ref = config.code_repo_type_value
    return {
        "properties": {
            "id": str(number),
            "builder": known.repository.build_config.builder or "",
            "image": known.repository.image,
            "ref_type": config.code_repo_type,
            "ref": ref if isinstance(ref, str) else json.dumps(ref),
            "tag": config.docker_repo_tag,
            "dockerfile": config.dockerfile_location,
            "context": config.build_context_path,
            "version_tagging": str(config.version_tagging),
            **paths,
        },
        "module_id": "buildbridge.image",
        "name": f"{config.code_repo_type} {config.refs}",
        "version": "1.0",
        "enable": config.is_active,
    }


def is_disabled(known: KnownRepository) -> bool:
    """Whether no push builds it: it was disabled, or none of its tag configurations is active."""
    return not any(config.is_active for config in known.repository.build_config.tag_configs)


def _build_time(last: Build | None) -> int:
    return 0 if last is None else between(last.started_at, last.ended_at)
