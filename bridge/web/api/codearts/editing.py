"""Jobs that are made, changed and deleted: a rule is written as what `config` of a job answers.

A step stands for a tag configuration, with its keys among the properties. Steps of another kind are no rule.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import Field
from typing_extensions import TypedDict

from bridge.web.api.codearts.base import CodeArtsBase
from bridge.web.api.codearts.ids import job_id_of, job_name_of, project_id_of
from bridge.web.api.codearts.queries import Body, JobId, Name
from bridge.web.api.codearts.shapes import Enveloped, enveloped
from bridge.web.api.codearts.words import BRANCH
from bridge.web.api.core.errors import Invalid, NotFound
from bridge.web.api.operation import Call, Operation

_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_NUMBERS: Final = ("id", "version_tagging")
_TEXTS: Final = {
    "ref_type": "code_repo_type",
    "tag": "docker_repo_tag",
    "dockerfile": "dockerfile_location",
    "context": "build_context_path",
}
"""The keys of a tag configuration by the properties that say the same."""


class FieldBody(Body):
    """A field of a parameter's definition."""

    name: Name
    """Which one; `name` and `defaultValue` count here."""
    value: Annotated[str, Field(max_length=8192)] | None = None
    """Its value."""


class ParameterBody(Body):
    """A parameter."""

    name: Name | None = None
    """Its type."""
    params: Annotated[list[FieldBody], Field(max_length=20)]
    """Its fields."""


class ScmBody(Body):
    """The code."""

    url: Annotated[str, Field(max_length=2048)] | None = None
    """Its clone address."""
    scm_type: Name
    """The kind of Git host, as rules name it; any other is a plain Git server."""
    group_name: Annotated[str, Field(max_length=1024)] | None = None
    """The owner at the Git host."""
    repo_name: Name | None = None
    """The name at the Git host."""


class StepBody(Body):
    """A step: a tag configuration."""

    properties: dict[str, Annotated[str, Field(max_length=65536)] | None] = Field(default_factory=dict)
    """ref_type, ref and tag, and what else `config` of a job answers."""
    enable: bool = True
    """Whether pushes build it."""


class JobBody(Body):
    """A job."""

    project_id: JobId
    """The project."""
    job_name: Name
    """The name, with or without the project's before it."""
    parameters: Annotated[list[ParameterBody], Field(max_length=101)] | None = None
    """Its parameters."""
    scms: Annotated[list[ScmBody], Field(min_length=1, max_length=1)]
    """Its code."""
    steps: Annotated[list[StepBody], Field(min_length=1, max_length=100)]
    """Its tag configurations."""


class ChangedJobBody(JobBody):
    """A job as it is to be from now on."""

    job_id: JobId
    """Which job."""


class MadeJob(TypedDict):
    """The job."""

    job_id: str


class DeletedJob(TypedDict):
    """A job that there is no more."""

    job_id: str
    project_id: str


async def create_build_job(api: CodeArtsBase, call: Call, body: JobBody) -> Enveloped[MadeJob]:
    """Make a job of a project that there is; its steps are tag configurations, as `config` answers them."""
    namespace = await api.ids.namespace(body.project_id)
    if namespace is None:
        raise NotFound("no project has this id: make its first repository by POST /v1/repositories/NAMESPACE")
    name = body.job_name.removeprefix(f"{namespace}-")
    document = {"repo_name": name, "build_config": _build_config(api, body)}
    made = await api.repositories.create(call, namespace, document)
    return enveloped({"job_id": job_id_of(made.repository.key)})


async def update_build_job(api: CodeArtsBase, call: Call, body: ChangedJobBody) -> Enveloped[MadeJob]:
    """Change a job that was made by API; the whole configuration is sent. Its name and project stay."""
    key = (await api.job(call, body.job_id)).repository.key
    if body.job_name not in {job_name_of(key), key[1]} or body.project_id != project_id_of(key[0]):
        raise Invalid(["job_name: name and project of a job stay as they are: copy it, and delete this one"])
    await api.repositories.replace_build_config(call, key, _build_config(api, body))
    return enveloped({"job_id": body.job_id})


async def delete_build_job(api: CodeArtsBase, call: Call) -> Enveloped[DeletedJob]:
    """Delete a job that was made by API; its builds stay."""
    key = (await api.job(call, call.path["job_id"])).repository.key
    await api.repositories.delete(call, key)
    return enveloped({"job_id": job_id_of(key), "project_id": project_id_of(key[0])})


def _build_config(api: CodeArtsBase, body: JobBody) -> dict[str, Any]:
    """What a rule file would hold; whether that is a good rule, the core says. Raises Invalid."""
    first = body.steps[0].properties
    given = {key: value for key in ("builder", "image") if (value := first.get(key))}
    return {
        **_code(api, body.scms[0]),
        **given,
        "parameters": _parameters(body.parameters or ()),
        "tag_configs": [_tag_config(index, step) for index, step in enumerate(body.steps)],
    }


def _code(api: CodeArtsBase, scm: ScmBody) -> dict[str, Any]:
    traits = api.core.keeper.in_force.files.names.forges.get(scm.scm_type)
    if traits is None or traits.by_clone_url:
        kind = "Simple" if traits is None else scm.scm_type
        return {"code_repo_client": kind, "code_repo_clone_url": scm.url}
    named = {"code_repo_namespace": scm.group_name, "code_repo_name": scm.repo_name}
    return {"code_repo_client": scm.scm_type, **named}


def _parameters(given: Sequence[ParameterBody]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        fields = {field.name: field.value or "" for field in one.params}
        if (name := fields.get("name")) and name != BRANCH:
            found[name] = fields.get("defaultValue", "")
    return found


def _tag_config(index: int, step: StepBody) -> dict[str, Any]:
    """Raises Invalid for a step that is no tag configuration."""
    properties: Mapping[str, str | None] = step.properties
    place = f"steps[{index}].properties"
    if missing := [name for name in ("ref_type", "ref", "tag") if not properties.get(name)]:
        raise Invalid([f"{place}: {', '.join(missing)} is missing: a step is a tag configuration here"])
    found: dict[str, Any] = {key: value for name, key in _TEXTS.items() if (value := properties.get(name))}
    found["is_active"] = step.enable
    found["code_repo_type_value"] = _listed(properties["ref"] or "")
    if paths := properties.get("paths"):
        found["paths"] = _listed(paths)
    for name in _NUMBERS:
        if text := properties.get(name):
            found[name] = int(text) if _NUMBER.fullmatch(text) else text
    return found


def _listed(text: str) -> Any:
    """A list that is written as JSON, or the text itself."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, list) else text


EDITING: Final[Sequence[Operation]] = (
    Operation("POST", "/v3/jobs/create", create_build_job),
    Operation("POST", "/v1/job/create", create_build_job, name="create_new_job"),
    Operation("POST", "/v3/jobs/update", update_build_job),
    Operation("POST", "/v1/job/update", update_build_job, name="update_new_job"),
    Operation("POST", "/v3/jobs/{job_id}/delete", delete_build_job),
    Operation("DELETE", "/v1/job/{job_id}/delete", delete_build_job, name="delete_the_job"),
)
