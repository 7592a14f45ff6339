"""What the views of CodeArts share: how jobs and builds are found, and how answers are written."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from uuid import uuid4

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bridge.model.build import Build
from bridge.model.plan import RepositoryKey
from bridge.rules.in_force import KnownRepository
from bridge.web.api.answers import headers_of
from bridge.web.api.codearts.ids import Ids
from bridge.web.api.codearts.record_documents import Numbered
from bridge.web.api.codearts.times import Zone
from bridge.web.api.core.builds import sees
from bridge.web.api.core.core import Core
from bridge.web.api.core.errors import (
    CallError,
    Faulty,
    NoSuchPath,
    NotFound,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unproven,
    WrongMethod,
)
from bridge.web.api.idempotency import Attempts
from bridge.web.api.operation import Call, Dialect, KnowsCallers, Operation, SecurityScheme
from bridge.web.api.repository_calls import RepositoryCalls

_MAX_NUMBER: Final = 1 << 31
"""No build has a number as high."""
_REQUEST_ID: Final = "x-request-id"
_UNSIGNED: Final = "this needs a token: send the header `X-Auth-Token: <token>`, or sign the request"
_UNPROVEN: Final = {
    Unproven.MISSING: "x-auth-token not found",
    Unproven.TOKEN: "decrypt token fail",
    Unproven.EXPIRED: "token expires",
    Unproven.SIGNATURE: "verify aksk signature fail",
}
"""The words of the gateway that stands before CodeArts."""


class NoSuchJob(NotFound):
    """No job that the caller may see has this id."""

    def __init__(self) -> None:
        super().__init__("no job has this id, or your token may not see it: the lists of jobs have all ids")


class CodeArtsBase(Dialect):
    """The parts that the views work with; `zone` says when days begin.

    With `allow_private`, addresses of webhooks may lead into a private network.
    """

    name: ClassVar[str] = "codearts"
    below: ClassVar[tuple[str, ...]] = (
        *("/v2/", "/v3/", "/v4/"),
        *("/v1/job/", "/v1/record/", "/v1/report/", "/v1/log/"),
    )
    schemes: ClassVar[Sequence[SecurityScheme]] = ("auth-token", "signature", "bearer")
    error_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "properties": {"error_code": {"type": "string"}, "error_msg": {"type": "string"}},
        "required": ["error_code", "error_msg"],
    }

    def __init__(
        self, callers: KnowsCallers, attempts: Attempts, core: Core, zone: Zone, *, allow_private: bool
    ) -> None:
        super().__init__(callers, attempts)
        self.core = core
        self.repositories = RepositoryCalls(core)
        self.zone = zone
        self.allow_private = allow_private
        self.ids = Ids(core.keeper)

    def success(self, content: Any, status: int) -> Response:
        return Response(orjson.dumps(content), status, media_type="application/json;charset=UTF-8")

    def failure(self, error: CallError, why: str) -> Response:
        code = _code_of(error)
        if isinstance(error, Unauthenticated):
            why = f"Incorrect IAM authentication information: {_UNPROVEN[error.what]}: {why}"
        # Rules with faults are a wrong request here, as everything that cannot be understood.
        status = 400 if isinstance(error, Faulty) else error.status
        answer = self.success({"error_code": code, "error_msg": why}, status)
        answer.headers.update(headers_of(error))
        return answer

    def failed(self, request: Request, error: CallError) -> Response:
        is_missing = isinstance(error, Unauthenticated) and error.what is Unproven.MISSING
        return super().failed(request, Unauthenticated(_UNSIGNED) if is_missing else error)

    def missed(self, request: Request, error: HTTPException) -> Response:
        return _with_id(super().missed(request, error))

    async def _answer(self, operation: Operation, request: Request) -> Response:
        return _with_id(await super()._answer(operation, request))

    async def job(self, call: Call, job_id: str) -> KnownRepository:
        """The repository of a job. Raises NoSuchJob."""
        return self._visible(call, await self.ids.key(job_id))

    async def build_project(self, call: Call, build_project_id: str) -> KnownRepository:
        """The repository of a build project. Raises NoSuchJob."""
        return self._visible(call, await self.ids.build_project(build_project_id))

    def _visible(self, call: Call, key: RepositoryKey | None) -> KnownRepository:
        if key is None:
            raise NoSuchJob
        try:
            return self.core.repositories.one(call.principal, *key)
        except NotFound:
            raise NoSuchJob from None

    async def build(self, call: Call) -> Build:
        """The build of the job and the number in the path. Raises NotFound."""
        known = await self.job(call, call.path["job_id"])
        return await self.build_of(call, known, call.path["build_no"])

    async def build_of(self, call: Call, known: KnownRepository, number: int) -> Build:
        """Raises NotFound."""
        if number >= _MAX_NUMBER:
            raise NotFound("there is no such build: its number is too high")
        return await self.core.builds.numbered(call.principal, *known.repository.key, number)

    async def record(self, call: Call) -> Build:
        """The build whose id is in the path. Raises NotFound."""
        return await self.core.builds.one(call.principal, call.path["record_id"])

    async def newest(
        self, call: Call, keys: Sequence[RepositoryKey], size: int
    ) -> Mapping[RepositoryKey, Sequence[Build]]:
        """The newest builds of each, as far as the caller may see them."""
        strange = {key for key in keys if not sees(call.principal, key[0])}
        async with self.core.one_list:
            return await self.core.store.reports.newest(keys, size, strange)

    async def newest_of(self, call: Call, known: KnownRepository) -> Build | None:
        """The newest build of a job, as far as the caller may see them."""
        key = known.repository.key
        return next(iter((await self.newest(call, [key], 1))[key]), None)

    async def numbered(self, builds: Sequence[Build]) -> list[Numbered]:
        """The builds with their numbers of the day: those of a repository's day count from its first one."""
        days = list(dict.fromkeys(self._day(build) for build in builds))
        asked = [((namespace, repo_name), begin) for namespace, repo_name, begin in days]
        firsts = dict(zip(days, await self.core.store.reports.first_numbers(asked), strict=True))
        return [self._numbered(build, firsts) for build in builds]

    def _numbered(self, build: Build, firsts: Mapping[tuple[str, str, float], int]) -> Numbered:
        first = firsts[self._day(build)]
        # A clock that was set back can give an earlier day to a later build.
        return Numbered(build, f"{self.zone.day(build.created_at)}.{max(1, build.number - first + 1)}")

    def _day(self, build: Build) -> tuple[str, str, float]:
        return build.namespace, build.repo_name, self.zone.day_begin(build.created_at)

    async def one_numbered(self, build: Build) -> Numbered:
        (found,) = await self.numbered([build])
        return found


_CODES: Final[Sequence[tuple[type[CallError], str]]] = (
    (Unauthenticated, "APIG.0301"),
    (TooManyRequests, "APIG.0308"),
    (NoSuchPath, "CB.00060214"),
    (WrongMethod, "CB.00060214"),
    (NoSuchJob, "CB.00060201"),
    (NotFound, "CB.00060202"),
    (Unavailable, "CB.00060100"),
    (CallError, "CB.00060200"),
)
"""The codes of errors, the first that fits."""


def _code_of(error: CallError) -> str:
    return next(code for kind, code in _CODES if isinstance(error, kind))


def _with_id(answer: Response) -> Response:
    answer.headers[_REQUEST_ID] = uuid4().hex
    return answer
