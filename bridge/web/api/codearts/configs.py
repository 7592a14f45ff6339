"""Configurations of jobs: the rules in the form of CodeArts, to read, and what goes with them."""

from collections.abc import Sequence
from typing import Final

from typing_extensions import TypedDict

from bridge.rules.in_force import KnownRepository
from bridge.web.api.codearts.base import CodeArtsBase
from bridge.web.api.codearts.ids import MAX_JOB_NAME, job_name_of
from bridge.web.api.codearts.job_documents import (
    SOURCE,
    JobConfig,
    ParameterDefinition,
    Scm,
    job_config,
    parameter,
    parameters,
    scm,
)
from bridge.web.api.codearts.queries import ConfigQuery, PipelineQuery, SpecQuery
from bridge.web.api.codearts.shapes import Enveloped, enveloped
from bridge.web.api.codearts.words import BRANCH
from bridge.web.api.core.builds import sees
from bridge.web.api.core.errors import Conflict
from bridge.web.api.core.trigger import first_active_branch, ref_of
from bridge.web.api.operation import Call, Operation

_VARIABLES: Final = {
    "BRIDGE_BUILD_ID": "the id of the run",
    "IMAGE": "the image without a tag",
    "TAGS": "the tags of the image, with commas between them",
    "VERSION_TAG": "the version tag; empty without one",
    "REPO_URL": "the clone address of the code",
    "REF": "the full name of the ref",
    "BRANCH": "the branch; empty for a tag",
    "TAG": "the tag; empty for a branch",
    "COMMIT": "the commit",
    "CONTEXT": "the folder that is the build context",
    "DOCKERFILE": "the Dockerfile, or its folder",
}


class SystemParameter(TypedDict):
    """A parameter that every build has."""

    id: str
    parameter_name: str
    description: str


class PipelineInfo(TypedDict):
    """What a pipeline needs to know of a job."""

    scms: list[Scm]
    parameters: list[ParameterDefinition]
    job_name: str
    job_name_massage: str
    job_name_message: str
    job_name_regex: str
    source_code: str


async def list_job_config(
    api: CodeArtsBase,
    call: Call,
    query: ConfigQuery,  # noqa: ARG001
) -> Enveloped[JobConfig]:
    """Show the rule of a repository in the form of a job: a step for each tag configuration."""
    known = await api.job(call, call.path["job_id"])
    trusted = sees(call.principal, known.repository.namespace)
    return enveloped(job_config(known, _branch(known), trusted=trusted))


async def show_job_pipeline_info(
    api: CodeArtsBase,
    call: Call,
    query: PipelineQuery,  # noqa: ARG001
) -> Enveloped[PipelineInfo]:
    """Show the code and the parameters of a job."""
    known = await api.job(call, call.path["job_id"])
    trusted = sees(call.principal, known.repository.namespace)
    about = f"letters, digits, _ and -, at most {MAX_JOB_NAME}"
    return enveloped(
        {
            "scms": [scm(known, _branch(known))],
            "parameters": parameters(known, _branch(known), trusted=trusted),
            "job_name": job_name_of(known.repository.key),
            "job_name_massage": about,
            "job_name_message": about,
            "job_name_regex": f"^[a-zA-Z0-9_-]{{1,{MAX_JOB_NAME}}}$",
            "source_code": SOURCE,
        }
    )


def _branch(known: KnownRepository) -> str | None:
    """The branch that a run without one builds."""
    try:
        return ref_of(first_active_branch(known.repository))
    except Conflict:
        return None


async def show_available_inner_spec(
    api: CodeArtsBase,  # noqa: ARG001
    call: Call,  # noqa: ARG001
    query: SpecQuery,  # noqa: ARG001
) -> list[str]:
    """List the sizes of executors; where a build runs, its builder decides."""
    return ["DEFAULT"]


async def show_default_build_parameters(
    api: CodeArtsBase,  # noqa: ARG001
    call: Call,  # noqa: ARG001
) -> Enveloped[list[ParameterDefinition]]:
    """List the parameters that each job has: the branch."""
    return enveloped([parameter(BRANCH, "master")])


async def show_job_system_parameters(
    api: CodeArtsBase,  # noqa: ARG001
    call: Call,  # noqa: ARG001
) -> Enveloped[list[SystemParameter]]:
    """List the parameters that every build has, whatever its rule says."""
    return enveloped(
        [
            {"id": str(number), "parameter_name": name, "description": about}
            for number, (name, about) in enumerate(_VARIABLES.items(), 1)
        ]
    )


CONFIGS: Final[Sequence[Operation]] = (
    Operation("GET", "/v3/jobs/{job_id}/query", list_job_config),
    Operation("GET", "/v1/job/{job_id}/config", list_job_config, name="show_job_config"),
    Operation("GET", "/v1/job/{job_id}/pipeline-info", show_job_pipeline_info),
    Operation("GET", "/v2/resource/spec", show_available_inner_spec),
    Operation("GET", "/v1/job/default-parameters", show_default_build_parameters),
    Operation("GET", "/v1/job/system-parameters", show_job_system_parameters),
)
