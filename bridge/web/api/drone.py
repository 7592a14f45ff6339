"""The API in the style of Drone 0.5: bare documents below `/api`, with its words, numbers and rules.

A repository is there once it has an active tag configuration ("events set up"); one that has none is 404 for
everybody. Without a token private repositories are 404, and what changes a public one is 401.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from hashlib import md5
from typing import ClassVar, Final, Literal, NotRequired

import orjson
from pydantic import Field
from starlette.responses import Response, StreamingResponse
from typing_extensions import TypedDict

from bridge.model.build import Build, BuildState
from bridge.model.event import Person
from bridge.store.values import BuildFilter, Cursor
from bridge.web.api.core.core import Core
from bridge.web.api.core.errors import Invalid, NotFound
from bridge.web.api.core.logs import log_lines
from bridge.web.api.idempotency import Attempts
from bridge.web.api.operation import Arguments, BareDialect, Call, KnowsCallers, Operation, SecurityScheme

MAX_LISTED: Final = 100
_BUILDS: Final = "/api/repos/{owner}/{name}/builds"
Word = Literal["pending", "running", "success", "failure", "killed", "error"]

_WORDS: Final[Mapping[BuildState, Word]] = {
    BuildState.WAITING: "pending",
    BuildState.TRIGGERING: "pending",
    BuildState.QUEUED: "pending",
    BuildState.RUNNING: "running",
    BuildState.SUCCEEDED: "success",
    BuildState.FAILED: "failure",
    BuildState.CANCELLED: "killed",
    BuildState.SUPERSEDED: "killed",
    BuildState.UNKNOWN: "error",
}
_OPEN: Final = [state for state in BuildState if not state.terminal]
_JOB: Final = 1
"""The number of the one job that a build has."""
_PROC: Final = "build"
"""The one step of that job."""


class DroneActivity(TypedDict):
    """A build that has not ended; times are Unix seconds, 0 for none."""

    owner: str
    name: str
    full_name: str
    number: int
    event: Literal["push", "tag"]
    status: Word
    created_at: int
    started_at: int
    commit: str
    branch: str
    ref: str
    message: str
    author: str
    author_avatar: str
    author_email: str


class DroneBuild(TypedDict):
    """A build of a repository; times are Unix seconds, 0 for none."""

    id: int
    number: int
    parent: int
    event: Literal["push", "tag"]
    status: Word
    enqueued_at: int
    created_at: int
    started_at: int
    finished_at: int
    deploy_to: str
    commit: str
    branch: str
    ref: str
    refspec: str
    remote: str
    title: str
    message: str
    timestamp: int
    author: str
    author_avatar: str
    author_email: str
    link_url: str
    signed: bool
    verified: bool


class DroneJob(TypedDict):
    """The one job of a build."""

    id: int
    number: int
    error: str
    status: Word
    exit_code: int
    enqueued_at: int
    started_at: int
    finished_at: int
    environment: dict[str, str]


class DroneBuildWithJobs(DroneBuild):
    """A build with its job."""

    jobs: list[DroneJob]


class DroneLine(TypedDict):
    """A line of a log; an empty one has no `out`, and the last element of a log is empty."""

    proc: NotRequired[str]
    pos: NotRequired[int]
    out: NotRequired[str]


class BuildsQuery(Arguments):
    """Which builds of a repository to list."""

    page: int = Field(1, ge=1, le=500)
    """The page, the newest builds first."""
    limit: int = Field(25, ge=1, le=MAX_LISTED)
    """How many builds a page has."""


class DroneApi(BareDialect):
    """The six calls."""

    name: ClassVar[str] = "drone"
    below: ClassVar[tuple[str, ...]] = ("/api/",)
    schemes: ClassVar[Sequence[SecurityScheme]] = ("bare", "bearer")
    error_key: ClassVar[str] = "message"

    def __init__(self, callers: KnowsCallers, attempts: Attempts, core: Core) -> None:
        super().__init__(callers, attempts)
        self._core = core

    async def list_running(self, call: Call) -> list[DroneActivity]:
        """List the builds that have not ended, the newest first, at most 100."""
        only = BuildFilter(states=_OPEN)
        page = await self._core.builds.page(call.caller, Cursor(), MAX_LISTED, only)
        return [_activity(build) for build in page.rows]

    async def list_builds(self, call: Call, query: BuildsQuery) -> list[DroneBuild]:
        """List the builds of a repository, the newest first."""
        owner, name = self._repository(call)
        only = BuildFilter(namespace=owner, repo_name=name)
        page = await self._core.builds.page(call.principal, Cursor(number=query.page), query.limit, only)
        return [_build(build) for build in page.rows]

    async def show_build(self, call: Call) -> DroneBuildWithJobs:
        """Show a build and its job."""
        build = await self._build(call)
        return {**_build(build), "jobs": [_job(build)]}

    async def show_newest(self, call: Call) -> DroneBuildWithJobs:
        """Show the newest build of a repository, as clients of that time ask for it."""
        owner, name = self._repository(call)
        only = BuildFilter(namespace=owner, repo_name=name)
        page = await self._core.builds.page(call.principal, Cursor(), 1, only)
        if not page.rows:
            raise NotFound(f"{owner}/{name} has no build yet")
        build = page.rows[0]
        return {**_build(build), "jobs": [_job(build)]}

    async def restart(self, call: Call) -> DroneBuild:
        """Run a build that has ended once more: the same number, at the same commit."""
        if call.request.query_params.get("fork") == "true":
            raise Invalid(["fork: a build runs again under its own number here: leave fork out"])
        build = await self._build(call)
        return _build(await self._core.builds.retry(call.caller, build, call.origin, call.claim_id))

    async def show_log(self, call: Call) -> Response:
        """Show the log of a job, line by line.

        The answer is an array of `{"proc", "pos", "out"}`; an empty line has no `out`, and the last element
        is `{}`.
        """
        build = await self._build(call)
        _check_job(call)
        return StreamingResponse(self._lines(build), media_type="application/json")

    async def cancel(self, call: Call) -> Response:
        """End a job that runs or waits."""
        build = await self._build(call)
        caller = call.caller
        _check_job(call)
        await self._core.builds.cancel(caller, build, call.origin)
        return Response(status_code=204, media_type="text/plain")

    def _repository(self, call: Call) -> tuple[str, str]:
        """Raises NotFound, also for a repository that builds no push."""
        owner, name = call.path["owner"], call.path["name"]
        found = self._core.repositories.one(call.principal, owner, name).repository
        if not any(config.is_active for config in found.build_config.tag_configs):
            raise NotFound(f"{owner}/{name} builds no push: activate one of its tag_configs")
        return owner, name

    async def _build(self, call: Call) -> Build:
        owner, name = self._repository(call)
        return await self._core.builds.numbered(call.principal, owner, name, call.path["number"])

    async def _lines(self, build: Build) -> AsyncIterator[bytes]:
        """The array, line by line: a log can be long."""
        pos = 0
        yield b"["
        async for lines in log_lines(self._core.store.builds, build):
            yield b"".join(orjson.dumps(_line(pos + at, line.text)) + b"," for at, line in enumerate(lines))
            pos += len(lines)
        yield b"{}]"

    operations: ClassVar[Sequence[Operation]] = (
        Operation("GET", "/api/builds", list_running),
        Operation("GET", _BUILDS, list_builds, public=True),
        Operation("GET", f"{_BUILDS}/latest", show_newest, public=True),
        Operation("GET", f"{_BUILDS}/{{number:number}}", show_build, public=True),
        Operation("POST", f"{_BUILDS}/{{number:number}}", restart, public=True),
        Operation(
            "GET",
            "/api/repos/{owner}/{name}/logs/{number:number}/{job:number}",
            show_log,
            public=True,
            streamed=list[DroneLine],
        ),
        Operation(
            # As clients of that time ask for it.
            "POST",
            f"{_BUILDS}/{{number:number}}/{{job:number}}",
            cancel,
            name="stop",
            status=204,
            public=True,
            media_type="text/plain",
        ),
        Operation(
            "DELETE",
            f"{_BUILDS}/{{number:number}}/{{job:number}}",
            cancel,
            status=204,
            public=True,
            media_type="text/plain",
        ),
    )


def _check_job(call: Call) -> None:
    if call.path["job"] != _JOB:
        raise NotFound(f"a build has one job here: its number is {_JOB}")


def _activity(build: Build) -> DroneActivity:
    return {
        "owner": build.namespace,
        "name": build.repo_name,
        "full_name": build.full_name,
        "number": build.number,
        "event": _event(build),
        "status": _WORDS[build.state],
        "created_at": int(build.created_at),
        "started_at": _seconds(build.started_at),
        "commit": build.request.commit,
        "branch": build.origin.ref_name,
        "ref": build.request.ref,
        "message": build.origin.subject,
        **_author(build),
    }


def _build(build: Build) -> DroneBuild:
    return {
        "id": build.serial,
        "number": build.number,
        "parent": 0,
        "event": _event(build),
        "status": _WORDS[build.state],
        "enqueued_at": int(build.enqueued_at),
        "created_at": int(build.created_at),
        "started_at": _seconds(build.started_at),
        "finished_at": _seconds(build.ended_at),
        "deploy_to": "",
        "commit": build.request.commit,
        "branch": build.origin.ref_name,
        "ref": build.request.ref,
        "refspec": "",
        "remote": "",
        "title": "",
        "message": build.origin.subject,
        "timestamp": int(build.created_at),
        **_author(build),
        "link_url": build.origin.commit_url or "",
        "signed": False,
        "verified": False,
    }


def _job(build: Build) -> DroneJob:
    failed = build.state.terminal and build.state is not BuildState.SUCCEEDED
    return {
        "id": build.serial,
        "number": _JOB,
        "error": build.detail if build.state is BuildState.UNKNOWN else "",
        "status": _WORDS[build.state],
        "exit_code": int(failed),
        "enqueued_at": int(build.enqueued_at),
        "started_at": _seconds(build.started_at),
        "finished_at": _seconds(build.ended_at),
        "environment": {},
    }


class _Author(TypedDict):
    author: str
    author_avatar: str
    author_email: str


def _author(build: Build) -> _Author:
    author = build.origin.author
    return {
        "author": author.name or build.origin.by or "",
        "author_avatar": _avatar(author),
        "author_email": author.email or "",
    }


def _event(build: Build) -> Literal["push", "tag"]:
    return "tag" if build.origin.ref_kind == "tag" else "push"


def _avatar(person: Person) -> str:
    """The picture that Gravatar has for the e-mail address, as Drone names it."""
    if not person.email:
        return ""
    digest = md5(person.email.strip().lower().encode(), usedforsecurity=False).hexdigest()
    return f"https://secure.gravatar.com/avatar/{digest}"


def _seconds(at: float | None) -> int:
    return 0 if at is None else int(at)


def _line(pos: int, text: str) -> DroneLine:
    line: DroneLine = {"proc": _PROC, "pos": pos}
    if text:
        line["out"] = text
    return line
