"""The API of Drone 1 and 2.

Source: Drone, "REST API" (https://docs.drone.io/api/overview/), and the source of version 2.25
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar, Final

from pydantic import Field, TypeAdapter

from bridge.builders.base import Number
from bridge.builders.drone.dialect import Dialect, builds_path, quoted
from bridge.builders.drone.model import BUILD_ID, Named, RemoteBuild, Stage, Step
from bridge.builders.server import Answer, Document
from bridge.model.build import BuildRequest


class _Step(Document):
    number: Number
    name: str = ""
    status: str = ""


class _Stage(Document):
    number: Number
    name: str = ""
    status: str = ""
    steps: list[_Step] | None = None


class _Build(Document):
    number: Number
    status: str
    after: str = ""
    parent: int = 0
    params: dict[str, str] | None = None
    started: int = 0
    finished: int = 0
    stages: list[_Stage] | None = None

    def remote(self) -> RemoteBuild:
        return RemoteBuild(
            number=self.number,
            word=self.status,
            identity=(self.params or {}).get(BUILD_ID, ""),
            commit=self.after,
            parent=self.parent,
            started=self.started,
            finished=self.finished,
            stages=tuple(
                Stage(
                    stage.number,
                    stage.name,
                    stage.status,
                    tuple(
                        Step(step.number, step.name, step.number, step.status) for step in stage.steps or ()
                    ),
                )
                for stage in self.stages or ()
            ),
        )


class _Permissions(Document):
    write: bool = True


class _Repository(Named):
    full_name: str = Field(validation_alias="slug")
    active: bool
    permissions: _Permissions | None = None


class _Row(Document):
    pos: int = 0
    out: str = ""


_BUILD: Final = TypeAdapter(_Build)
_STARTED: Final = TypeAdapter(_Build | None)
_BUILDS: Final = TypeAdapter(list[_Build])
_REPOSITORY: Final = TypeAdapter(_Repository)
_ROWS: Final = TypeAdapter(list[_Row] | None)


class Drone(Dialect):
    """Parameters travel in the query, and the build has them. The log of a step is there once it ends."""

    title: ClassVar[str] = "Drone"
    page_size: ClassVar[int] = 100
    builds_tags: ClassVar[bool] = True
    reserved: ClassVar[frozenset[str]] = frozenset({"branch", "commit", "access_token"})

    async def prepare(self, repository: str, request: BuildRequest, branch: str | None) -> int:  # noqa: ARG002  # it needs none
        return 0

    async def start(self, repository: str, request: BuildRequest, branch: str | None, number: int) -> Answer:  # noqa: ARG002  # it needs none
        variables = {name: value for name, value in request.variables().items() if name not in self.reserved}
        # A full name of a ref is taken as it is, so that a tag is built as a tag.
        wanted = {"branch": branch or request.branch or request.ref}
        if request.commit and not branch:
            wanted["commit"] = request.commit
        return await self.server.call("POST", builds_path(repository), query={**variables, **wanted})

    def started(self, answer: Answer, request: BuildRequest) -> RemoteBuild | None:
        build = self.server.parsed(answer, _STARTED)
        return self.proven(build.remote(), request) if build else None

    async def check(self, repository: str) -> str:
        found = await self.named(repository, f"api/repos/{quoted(repository)}", _REPOSITORY)
        if not found.active:
            return "is not active in Drone: activate it"
        if found.permissions and not found.permissions.write:
            return "may not be built by this token; its user needs to write to it"
        return ""

    async def listed(self, repository: str, page: int) -> Sequence[RemoteBuild]:
        query = {"page": page, "per_page": self.page_size}
        builds = await self.shown(repository, builds_path(repository), _BUILDS, query)
        return [build.remote() for build in builds]

    async def one(self, repository: str, number: int) -> RemoteBuild | None:
        build = await self.server.read(f"{builds_path(repository)}/{number}", _BUILD)
        return build.remote() if build else None

    async def lines(self, repository: str, number: int, stage: Stage, step: Step) -> Sequence[str] | None:
        path = f"{builds_path(repository)}/{number}/logs/{stage.number}/{step.key}"
        answer = await self.server.call("GET", path)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        rows = self.server.parsed(answer, _ROWS) or []
        return [row.out for row in sorted(rows, key=lambda row: row.pos)]

    async def stop(self, repository: str, build: RemoteBuild) -> Answer:
        return await self.server.call("DELETE", f"{builds_path(repository)}/{build.number}")
