"""Runs of jobs: how they are started and stopped, and their logs."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from starlette.responses import Response, StreamingResponse
from typing_extensions import TypedDict

from bridge.model.access import Role
from bridge.model.build import Build
from bridge.rules.schema import BuildRepository
from bridge.web.api.codearts.base import CodeArtsBase
from bridge.web.api.codearts.ids import executor_of
from bridge.web.api.codearts.queries import (
    LogLevelQuery,
    RealTimeLogQuery,
    RunBody,
    StopBody,
    StopQuery,
    TaskLogQuery,
)
from bridge.web.api.codearts.shapes import DONE, Done, Enveloped, Truth, enveloped
from bridge.web.api.codearts.words import BRANCH, STEP
from bridge.web.api.core.access import require_in
from bridge.web.api.core.errors import Conflict, Forbidden, Invalid, NotFound
from bridge.web.api.core.logs import log_pieces
from bridge.web.api.core.trigger import Order, first_active_branch, ref_of
from bridge.web.api.operation import Call, Operation

_LOG_TYPE: Final = "application/octet-stream"
_LONGEST_CHARACTER: Final = 4


class Started(TypedDict):
    """A run that was started; all three are texts."""

    octopus_job_name: str
    actual_build_number: str
    daily_build_number: str


class Stopped(TypedDict):
    """Whether a build is about to end."""

    success: bool
    result: str


class LogPart(TypedDict):
    """A part of a log: `current_offset` is the byte that it begins with, `offset` the one behind it."""

    has_more_data: bool
    offset: int
    content: str
    current_offset: int


async def run_job(api: CodeArtsBase, call: Call, body: RunBody) -> Started:
    """Start a build.

    The branch is that of `codeBranch` among the parameters, or `scm.branch`; without both, and without
    `scm.build_tag`, the first active one. Of several builds that this makes the first one is answered.
    """
    known = await api.job(call, body.job_id)
    repository, caller = known.repository, call.caller
    require_in(caller, Role.MEMBER, repository.namespace)
    if disabled := known.override.disabled:
        raise Forbidden(f"the job is disabled, by {disabled.by}: enable it first")
    order = _order(repository, body)
    builds = await api.core.trigger.trigger(caller, repository, order, call.origin, call.claim_id)
    first = await api.one_numbered(builds[0])
    return {
        "octopus_job_name": executor_of(first.build.run_id),
        "actual_build_number": str(first.build.number),
        "daily_build_number": first.daily,
    }


def _order(repository: BuildRepository, body: RunBody) -> Order:
    """What is to be built. Raises Invalid and Conflict."""
    given = body.parameter or []
    parameters = {one.name: one.value for one in given}
    if len(parameters) < len(given):
        raise Invalid(["parameter: a name is given twice"])
    chosen = parameters.pop(BRANCH, None)
    if chosen is not None and BRANCH in repository.build_config.parameters:
        parameters[BRANCH] = chosen
    branches = {name for name in (chosen, body.scm and body.scm.branch) if name}
    tag = (body.scm and body.scm.build_tag) or None
    commit = (body.scm and body.scm.build_commit_id) or None
    if len(branches) + (tag is not None) > 1:
        raise Invalid([f"scm: {BRANCH}, branch and build_tag name different refs: give one of them"])
    if tag is not None:
        return Order(ref_kind="tag", ref_name=tag, commit=commit, parameters=parameters)
    name = branches.pop() if branches else ref_of(first_active_branch(repository))
    return Order(ref_kind="branch", ref_name=name, commit=commit, parameters=parameters)


async def stop_build_job(api: CodeArtsBase, call: Call) -> Stopped:
    """Stop a build; `success` is false for one that has ended."""
    return {"success": await _stopped(api, call, await api.build(call)), "result": ""}


async def stop_the_job(api: CodeArtsBase, call: Call, query: StopQuery) -> Done:
    """Stop a build; without its number the newest one."""
    known = await api.job(call, call.path["job_id"])
    if query.build_no is not None:
        build = await api.build_of(call, known, query.build_no)
    elif (newest := await api.newest_of(call, known)) is not None:
        build = newest
    else:
        raise NotFound("the job has no build yet")
    if not await _stopped(api, call, build):
        raise Conflict(f"{build.full_name} #{build.number} has ended")
    return DONE


async def stop_job(api: CodeArtsBase, call: Call, body: StopBody) -> Truth:
    """Stop a build; `result` is false for one that has ended."""
    known = await api.job(call, body.job_id)
    return {"result": await _stopped(api, call, await api.build_of(call, known, int(body.build_no)))}


async def _stopped(api: CodeArtsBase, call: Call, build: Build) -> bool:
    """Whether the build is about to end, now or already. Raises Forbidden."""
    caller = call.caller
    require_in(caller, Role.MEMBER, build.namespace)
    if build.state.terminal:
        return False
    if build.cancel_reason is None:
        await api.core.builds.cancel(caller, build, call.origin)
    return True


async def download_build_log(api: CodeArtsBase, call: Call, query: LogLevelQuery) -> Response:  # noqa: ARG001
    """Download the whole log of a build."""
    return _file(api, await api.record(call))


async def download_task_log(api: CodeArtsBase, call: Call, query: TaskLogQuery) -> Response:
    """Download the log of a step; each build has one, `build`."""
    build = await api.record(call)
    if query.task_name != STEP:
        raise NotFound(f"there is no such step: the only one of each build is {STEP}")
    return _file(api, build)


def _file(api: CodeArtsBase, build: Build) -> Response:
    name = f'attachment; filename="{build.repo_name}-{build.number}.log"'
    return StreamingResponse(_log(api, build), media_type=_LOG_TYPE, headers={"content-disposition": name})


async def _log(api: CodeArtsBase, build: Build) -> AsyncIterator[bytes]:
    async for pieces in log_pieces(api.core.store.builds, build):
        yield "".join(piece.text for piece in pieces).encode()


async def download_real_time_log(
    api: CodeArtsBase, call: Call, query: RealTimeLogQuery
) -> Enveloped[LogPart]:
    """Show what a log has from a byte on; while more is to come, `has_more_data` is true."""
    build = await api.build(call)
    length = max(query.length, _LONGEST_CHARACTER)
    part = await api.core.store.builds.log_range(build.id, query.offset, length, run=build.run)
    return enveloped(
        {
            "has_more_data": part.end < part.size or not build.state.terminal,
            "offset": part.end,
            "content": part.text,
            "current_offset": part.begin,
        }
    )


RUNS: Final[Sequence[Operation]] = (
    Operation("POST", "/v3/jobs/build", run_job),
    Operation("POST", "/v1/job/execute", run_job, name="execute_job"),
    Operation("POST", "/v3/jobs/{job_id}/{build_no:number}/stop", stop_build_job),
    Operation("POST", "/v1/job/{job_id}/stop", stop_the_job),
    Operation("POST", "/v3/jobs/stop", stop_job),
    Operation("GET", "/v4/{record_id}/download-log", download_build_log, media_type=_LOG_TYPE),
    Operation(
        "GET",
        "/v3/{record_id}/download-log",
        download_build_log,
        name="download_log_by_record_id",
        media_type=_LOG_TYPE,
    ),
    Operation(
        "GET",
        "/v1/log/{record_id}/download-log",
        download_build_log,
        name="download_build_full_log",
        media_type=_LOG_TYPE,
    ),
    Operation("GET", "/v4/{record_id}/task-log", download_task_log, media_type=_LOG_TYPE),
    Operation("GET", "/v3/jobs/{job_id}/{build_no:number}/real-time-log", download_real_time_log),
)
