"""Jobs: the repositories, how they are found, and whether they build."""

from collections.abc import Sequence
from typing import Final

from typing_extensions import TypedDict

from bridge.model.build import Build
from bridge.model.plan import RepositoryKey
from bridge.rules.in_force import KnownRepository
from bridge.web.api.codearts.base import CodeArtsBase
from bridge.web.api.codearts.ids import job_id_of, job_name_of, user_id_of
from bridge.web.api.codearts.job_documents import (
    AnyJob,
    Job,
    JobInfo,
    JobOfProject,
    any_job,
    is_disabled,
    job,
    job_info,
    job_of_project,
)
from bridge.web.api.codearts.queries import (
    DisableBody,
    ExistsQuery,
    JobsOfProjectQuery,
    JobsQuery,
    ProjectJobsQuery,
)
from bridge.web.api.codearts.shapes import DONE, Done, Enveloped, enveloped
from bridge.web.api.codearts.times import milliseconds
from bridge.web.api.codearts.words import HEALTH_BUILDS, colour_of
from bridge.web.api.core.builds import sees
from bridge.web.api.core.errors import Invalid, NotFound
from bridge.web.api.operation import Call, Operation

_MAX_SEARCHED: Final = 1000
"""The newest builds of more jobs are not looked at for one answer."""


class Jobs(TypedDict):
    """One page of jobs."""

    jobs: list[Job]
    total: int


class JobsOfProject(TypedDict):
    """One page of the jobs of a project."""

    jobs: list[JobOfProject]
    total: int


class AnyJobs(TypedDict):
    """One page of all jobs."""

    total: int
    job_list: list[AnyJob]


class WhyDisabled(TypedDict):
    """Who disabled a job, when (in milliseconds since 1970), and why."""

    forbiddener: str | None
    reson: str
    disabled: int
    job_id: str
    job_name: str
    forbidden_time: int | None


class Exists(TypedDict):
    """Yes or no."""

    result: bool
    status: str


async def show_job_list_by_project_id(api: CodeArtsBase, call: Call, query: ProjectJobsQuery) -> Jobs:
    """List the jobs of a project, by name."""
    keys = await _keys_of(api, call)
    total, page = await _page(api, call, keys, query.page_index, query.page_size)
    return {"jobs": [job(known, builds, call.caller) for known, builds in page], "total": total}


async def list_project_jobs(api: CodeArtsBase, call: Call, query: JobsOfProjectQuery) -> JobsOfProject:
    """List the jobs of a project that are searched for, by name."""
    keys = await _searched(api, call, await _keys_of(api, call), query)
    total, page = await _page(api, call, keys, query.page_index - 1, query.page_size)
    return {"jobs": [job_of_project(known, builds, call.caller) for known, builds in page], "total": total}


async def list_job(api: CodeArtsBase, call: Call, query: JobsQuery) -> Enveloped[AnyJobs]:
    """List all jobs that are searched for and that the caller may see, by name."""
    keys = await _searched(api, call, _visible(api, call, None), query)
    total, page = await _page(api, call, keys, query.page_index - 1, query.page_size)
    numbered = await api.numbered([builds[0] for _, builds in page if builds])
    last = {one.build.id: one for one in numbered}
    rows = [
        any_job(known, builds, last[builds[0].id] if builds else None, call.caller) for known, builds in page
    ]
    return enveloped({"total": total, "job_list": rows})


async def _keys_of(api: CodeArtsBase, call: Call) -> list[RepositoryKey]:
    """The repositories of the project in the path. Raises NotFound for one of which nothing may be seen."""
    namespace = await api.ids.namespace(call.path["project_id"])
    keys = [] if namespace is None else _visible(api, call, namespace)
    if not keys:
        raise NotFound("no project has this id, or your token may not see it: /v1/job/list has their ids")
    return keys


def _visible(api: CodeArtsBase, call: Call, namespace: str | None) -> list[RepositoryKey]:
    return api.core.repositories.visible(call.principal, namespace)


async def _searched(
    api: CodeArtsBase, call: Call, keys: Sequence[RepositoryKey], query: JobsQuery
) -> list[RepositoryKey]:
    """Those that the query asks for, in its order."""
    found = [key for key in keys if (query.search or "") in job_name_of(key)]
    if query.creator_id is not None:
        found = [key for key in found if _is_made_by(api, key, query.creator_id)]
    if query.build_status is not None:
        if len(found) > _MAX_SEARCHED:
            raise Invalid([f"build_status: over {_MAX_SEARCHED} jobs would be looked at: give search, too"])
        newest = await api.newest(call, found, 1)
        found = [key for key in found if colour_of(next(iter(newest[key]), None)) == query.build_status]
    return found[::-1] if query.sort_order.upper() == "DESC" else found


def _is_made_by(api: CodeArtsBase, key: RepositoryKey, user_id: str) -> bool:
    known = api.core.keeper.in_force.known(key)
    return known is not None and known.stored is not None and user_id_of(known.stored.created_by) == user_id


async def _page(
    api: CodeArtsBase, call: Call, keys: Sequence[RepositoryKey], page: int, size: int
) -> tuple[int, list[tuple[KnownRepository, Sequence[Build]]]]:
    """How many there are, and those of the page with their newest builds."""
    shown = keys[page * size : (page + 1) * size]
    newest = await api.newest(call, shown, HEALTH_BUILDS)
    known = [(api.core.keeper.in_force.known(key), newest[key]) for key in shown]
    return len(keys), [(one, builds) for one, builds in known if one is not None]


async def show_job_info(api: CodeArtsBase, call: Call) -> Enveloped[JobInfo]:
    """Show a job in short."""
    known = await api.job(call, call.path["job_id"])
    newest = await api.newest(call, [known.repository.key], HEALTH_BUILDS)
    return enveloped(job_info(known, newest[known.repository.key], call.caller))


async def disable_build_job(api: CodeArtsBase, call: Call) -> Done:
    """Disable a job: neither pushes nor schedules nor calls build it from now on."""
    await api.repositories.disable(call, await _key(api, call), "")
    return DONE


async def enable_build_job(api: CodeArtsBase, call: Call) -> Done:
    """Enable a job that was disabled."""
    await api.repositories.enable(call, await _key(api, call))
    return DONE


async def disable_the_job(api: CodeArtsBase, call: Call, body: DisableBody) -> Done:
    """Disable a job with a reason, or enable it."""
    key = await _key(api, call)
    if body.disabled:
        await api.repositories.disable(call, key, body.reason or "")
    else:
        await api.repositories.enable(call, key)
    return DONE


async def _key(api: CodeArtsBase, call: Call) -> RepositoryKey:
    return (await api.job(call, call.path["job_id"])).repository.key


async def show_disable(api: CodeArtsBase, call: Call) -> Enveloped[WhyDisabled | None]:
    """Show who disabled a job and why; null where it is not disabled."""
    known = await api.job(call, call.path["job_id"])
    if not is_disabled(known):
        return enveloped(None)
    key = known.repository.key
    disabled = known.override.disabled
    trusted = sees(call.principal, known.repository.namespace)
    reason = disabled.reason if disabled else "none of its tag configurations is active"
    return enveloped(
        {
            "forbiddener": disabled.by if trusted and disabled else None,
            "reson": reason if trusted else "",
            "disabled": 1,
            "job_id": job_id_of(key),
            "job_name": job_name_of(key),
            "forbidden_time": milliseconds(disabled.at) if disabled else None,
        }
    )


async def check_job_name_is_exists(api: CodeArtsBase, call: Call, query: ExistsQuery) -> Exists:
    """Check whether a project has a job of this name, of those that the caller may see."""
    namespace = await api.ids.namespace(query.project_id)
    keys = [] if namespace is None else _visible(api, call, namespace)
    return {"result": query.job_name in map(job_name_of, keys), "status": "success"}


async def check_job_count_is_top_limit(api: CodeArtsBase, call: Call) -> Exists:  # noqa: ARG001
    """Check whether there are as many jobs as there can be: it is never so."""
    return {"result": False, "status": "success"}


JOBS: Final[Sequence[Operation]] = (
    Operation("GET", "/v3/{project_id}/jobs", show_job_list_by_project_id),
    Operation("GET", "/v1/job/{project_id}/list", list_project_jobs),
    Operation("GET", "/v1/job/list", list_job),
    Operation("GET", "/v1/job/{job_id}/info", show_job_info),
    Operation("POST", "/v3/jobs/{job_id}/disable", disable_build_job),
    Operation("POST", "/v3/jobs/{job_id}/recover", enable_build_job),
    Operation("POST", "/v1/job/{job_id}/disable", disable_the_job),
    Operation("GET", "/v1/job/{job_id}/check/disable", show_disable),
    Operation("GET", "/v1/job/check/exist", check_job_name_is_exists),
    Operation("GET", "/v1/job/check/count", check_job_count_is_top_limit),
)
