"""The API of Woodpecker 2 and 3.

Source: Woodpecker, "REST API" (https://woodpecker-ci.org/api), and the sources of versions 2 and 3
"""

import json
from base64 import b64decode
from binascii import Error
from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar, Final

from pydantic import AliasChoices, Field, TypeAdapter

from bridge.builders.base import Number
from bridge.builders.drone.dialect import Dialect, quoted
from bridge.builders.drone.model import BUILD_ID, Named, RemoteBuild, Stage, Step
from bridge.builders.server import Answer, BuildServer, Document
from bridge.errors import Denied, Transient
from bridge.model.build import BuildRequest

_OUTPUT: Final = frozenset({0, 1})
"""The types of log rows that hold what a step printed."""


class _Step(Document):
    id: Number
    pid: Number
    name: str = ""
    state: str = ""


class _Workflow(Document):
    pid: Number
    name: str = ""
    state: str = ""
    children: list[_Step] | None = None


class _Pipeline(Document):
    number: Number
    status: str
    commit: str = ""
    parent: int = 0
    variables: dict[str, str] | None = None
    # Early releases of version 2 have the longer names.
    started: int = Field(default=0, validation_alias=AliasChoices("started", "started_at"))
    finished: int = Field(default=0, validation_alias=AliasChoices("finished", "finished_at"))
    workflows: list[_Workflow] | None = None

    def remote(self) -> RemoteBuild:
        return RemoteBuild(
            number=self.number,
            word=self.status,
            identity=(self.variables or {}).get(BUILD_ID, ""),
            commit=self.commit,
            parent=self.parent,
            started=self.started,
            finished=self.finished,
            stages=tuple(
                Stage(
                    workflow.pid,
                    workflow.name,
                    workflow.state,
                    tuple(Step(step.pid, step.name, step.id, step.state) for step in workflow.children or ()),
                )
                for workflow in self.workflows or ()
            ),
        )


class _Repository(Named):
    id: Number
    active: bool


class _Permissions(Document):
    push: bool


class _Row(Document):
    line: int = 0
    type: int = 0
    data: str | None = None


_PIPELINE: Final = TypeAdapter(_Pipeline)
_PIPELINES: Final = TypeAdapter(list[_Pipeline])
_REPOSITORY: Final = TypeAdapter(_Repository)
_PERMISSIONS: Final = TypeAdapter(_Permissions)
_ROWS: Final = TypeAdapter(list[_Row] | None)


class Woodpecker(Dialect):
    """Repositories have numbers, which are looked up. What is built is the newest commit of a branch."""

    title: ClassVar[str] = "Woodpecker"
    page_size: ClassVar[int] = 50
    builds_tags: ClassVar[bool] = False

    def __init__(self, server: BuildServer) -> None:
        super().__init__(server)
        self._ids: dict[str, int] = {}

    async def prepare(self, repository: str, request: BuildRequest, branch: str | None) -> int:  # noqa: ARG002  # of the repository
        return await self._id(repository)

    async def start(self, repository: str, request: BuildRequest, branch: str | None, number: int) -> Answer:
        body = json.dumps({"branch": branch or request.branch, "variables": request.variables()}).encode()
        headers = {"Content-Type": "application/json"}
        path = f"api/repos/{number}/pipelines"
        answer = await self.server.call("POST", path, headers=headers, content=body)
        if answer.status == HTTPStatus.NOT_FOUND:
            self._ids.pop(repository, None)
        return answer

    def started(self, answer: Answer, request: BuildRequest) -> RemoteBuild | None:
        if answer.status == HTTPStatus.NO_CONTENT:
            return None
        return self.proven(self.server.parsed(answer, _PIPELINE).remote(), request)

    async def check(self, repository: str) -> str:
        found = await self._read(repository)
        if not found.active:
            return "is not enabled in Woodpecker: enable it"
        rights = await self.server.read(f"api/repos/{found.id}/permissions", _PERMISSIONS)
        if rights and not rights.push:
            return "may not be built by this token; its user needs to push to it"
        return ""

    async def listed(self, repository: str, page: int) -> Sequence[RemoteBuild]:
        query = {"page": page, "perPage": self.page_size}
        path = await self._pipelines(repository)
        try:
            pipelines = await self.shown(repository, path, _PIPELINES, query)
        except Denied:
            # Its number may be out of date.
            self._ids.pop(repository, None)
            raise
        return [pipeline.remote() for pipeline in pipelines]

    async def one(self, repository: str, number: int) -> RemoteBuild | None:
        pipeline = await self.server.read(f"{await self._pipelines(repository)}/{number}", _PIPELINE)
        return pipeline.remote() if pipeline else None

    async def lines(self, repository: str, number: int, stage: Stage, step: Step) -> Sequence[str] | None:  # noqa: ARG002  # steps have numbers of their own
        path = f"api/repos/{await self._id(repository)}/logs/{number}/{step.key}"
        answer = await self.server.call("GET", path)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        rows = self.server.parsed(answer, _ROWS) or []
        return [_text(row) for row in sorted(rows, key=lambda row: row.line) if row.type in _OUTPUT]

    async def stop(self, repository: str, build: RemoteBuild) -> Answer:
        return await self.server.call("POST", f"{await self._pipelines(repository)}/{build.number}/cancel")

    def page(self, repository: str, number: int) -> str:
        known = self._ids.get(repository)
        return f"{self.server.url}repos/{known}/pipeline/{number}"

    async def _pipelines(self, repository: str) -> str:
        return f"api/repos/{await self._id(repository)}/pipelines"

    async def _id(self, repository: str) -> int:
        return self._ids.get(repository) or (await self._read(repository)).id

    async def _read(self, repository: str) -> _Repository:
        found = await self.named(repository, f"api/repos/lookup/{quoted(repository)}", _REPOSITORY)
        self._ids[repository] = found.id
        return found


def _text(row: _Row) -> str:
    try:
        return b64decode(row.data or "", validate=True).decode(errors="replace")
    except (Error, ValueError):
        raise Transient("Woodpecker answered with a log that is not its API's") from None
