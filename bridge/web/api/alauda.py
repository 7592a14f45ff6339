"""The API in the style of Alauda: bare documents of repositories, builds and logs below `/alauda/v1`.

Repositories, builds, and the order to build have the fields of its documentation, and no others. Without a
token private repositories are 404, and what changes a public one is 401.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import ClassVar, Final

import orjson
from starlette.responses import Response, StreamingResponse

from bridge.model.build import BuildState
from bridge.rules.in_force import KnownRepository
from bridge.store.values import BuildFilter
from bridge.web.api.alauda_documents import (
    AlaudaBuild,
    AlaudaBuildRow,
    AlaudaLogRow,
    alauda_build,
    alauda_log_row,
    alauda_row,
)
from bridge.web.api.core.core import Core
from bridge.web.api.core.logs import LogLine, log_lines
from bridge.web.api.core.trigger import order_of
from bridge.web.api.idempotency import Attempts
from bridge.web.api.operation import Arguments, BareDialect, Call, KnowsCallers, Operation, SecurityScheme
from bridge.web.api.pages import PAGE_SIZE, ListPage, PageLinks
from bridge.web.api.queries import MAX_NUMBER, BuildOrder, Name, PageQuery, RepositoryQuery, Seconds
from bridge.web.api.repository_calls import RepositoryCalls, address
from bridge.web.api.repository_documents import (
    BuildConfigDocument,
    ChangedBuildConfig,
    NewRepository,
    RepositoryDocument,
    build_config_document,
    repository_document,
)

_REPOSITORY: Final = "/alauda/v1/repositories/{namespace}/{repo_name}"
_BUILDS: Final = "/alauda/v1/builds"


class AlaudaBuildsQuery(PageQuery):
    """Which builds to list, and where the page lies."""

    namespace: str | None = None
    """Builds of this namespace; if left out, all that the caller may see."""
    repo_name: str | None = None
    """Builds of repositories of this name."""


class AlaudaLogQuery(Arguments):
    """Which lines of a log."""

    start_time: Seconds = 0.0
    """Unix seconds: lines that were read at this time or later."""
    end_time: Seconds = MAX_NUMBER
    """Unix seconds: lines that were read at this time or earlier."""


class AlaudaOrder(BuildOrder):
    """What to build."""

    tag: Name
    """The docker_repo_tag of one of its tag_configs."""


class AlaudaApi(BareDialect):
    """The views."""

    name: ClassVar[str] = "alauda"
    below: ClassVar[tuple[str, ...]] = ("/alauda/",)
    schemes: ClassVar[Sequence[SecurityScheme]] = ("word-token", "bearer", "auth-token")
    error_key: ClassVar[str] = "detail"

    def __init__(self, callers: KnowsCallers, attempts: Attempts, core: Core, links: PageLinks) -> None:
        super().__init__(callers, attempts)
        self._core = core
        self._repositories = RepositoryCalls(core)
        self._links = links

    async def create_repository(self, call: Call, body: NewRepository) -> RepositoryDocument:
        """Make a repository. The body has the keys of a rule file; the namespace is that of the address."""
        return repository_document(
            await self._repositories.create(call, call.path["namespace"], body.content)
        )

    async def list_repositories(self, call: Call, query: RepositoryQuery) -> ListPage[RepositoryDocument]:
        """List repositories by name."""
        page = self._repositories.page(call, query)
        return self._links.listed_repositories(call, page, repository_document)

    async def show_repository(self, call: Call) -> RepositoryDocument:
        """Show a repository."""
        return repository_document(self._repositories.one(call, address(call)))

    async def replace_build_config(self, call: Call, body: ChangedBuildConfig) -> BuildConfigDocument:
        """Change the build_config of a repository that was made by API; keys that are not sent stay.

        The list of tag_configs is replaced: those that are sent with their ids keep them, others are new.
        With the ETag of the repository as If-Match, what somebody else has changed meanwhile stays: 412.
        """

        def shown(known: KnownRepository) -> Response:
            return self.success(repository_document(known), 200)

        return build_config_document(
            await self._repositories.replace_build_config(call, address(call), body.content, shown)
        )

    async def delete_repository(self, call: Call) -> Response:
        """Delete a repository that was made by API; its builds stay."""
        await self._repositories.delete(call, address(call))
        return _nothing()

    async def list_builds(self, call: Call, query: AlaudaBuildsQuery) -> ListPage[AlaudaBuildRow]:
        """List builds, the newest first."""
        only = BuildFilter(namespace=query.namespace, repo_name=query.repo_name)
        page = await self._core.builds.page(call.principal, query.cursor, PAGE_SIZE, only)
        return self._links.listed(call, page, lambda build: build.id, alauda_row)

    async def trigger(self, call: Call, body: AlaudaOrder) -> AlaudaBuild:
        """Build what a tag_config says, at a commit or the newest one.

        The answer is the build as it was made: it waits.
        """
        known = self._core.repositories.one(call.principal, body.namespace, body.repo_name)
        caller, repository = call.caller, known.repository
        order = order_of(repository, body.tag, None, body.code_commit_id)
        build, *_ = await self._core.trigger.trigger(caller, repository, order, call.origin, call.claim_id)
        fresh = replace(build, state=BuildState.WAITING, started_at=None, ended_at=None, digest=None)
        return alauda_build(fresh)

    async def show_build(self, call: Call) -> AlaudaBuild:
        """Show a build."""
        return alauda_build(await self._core.builds.one(call.principal, call.path["build_id"]))

    async def cancel(self, call: Call) -> Response:
        """End a build that waits or runs."""
        build = await self._core.builds.one(call.principal, call.path["build_id"])
        await self._core.builds.cancel(call.caller, build, call.origin)
        return _nothing()

    async def show_log(self, call: Call, query: AlaudaLogQuery) -> Response:
        """Show the log of a build, line by line."""
        build = await self._core.builds.one(call.principal, call.path["build_id"])
        rows = self._rows(log_lines(self._core.store.builds, build), query)
        return StreamingResponse(rows, media_type="application/json")

    async def _rows(
        self, found: AsyncIterator[Sequence[LogLine]], query: AlaudaLogQuery
    ) -> AsyncIterator[bytes]:
        """The array, some lines at a time: a log can be long."""
        before = b"["
        async for lines in found:
            for line in lines:
                row = alauda_log_row(line)
                if query.start_time <= row["time"] <= query.end_time:
                    yield before + orjson.dumps(row)
                    before = b","
        yield b"[]" if before == b"[" else b"]"

    operations: ClassVar[Sequence[Operation]] = (
        Operation("POST", "/alauda/v1/repositories/{namespace}", create_repository, status=201),
        Operation("GET", "/alauda/v1/repositories", list_repositories, public=True),
        Operation("GET", _REPOSITORY, show_repository, public=True),
        Operation("PUT", f"{_REPOSITORY}/build-config", replace_build_config, public=True),
        Operation("DELETE", _REPOSITORY, delete_repository, status=204, public=True, media_type="text/plain"),
        Operation("GET", _BUILDS, list_builds, public=True),
        Operation("POST", _BUILDS, trigger, status=201, public=True),
        Operation("GET", f"{_BUILDS}/{{build_id}}", show_build, public=True),
        Operation(
            "DELETE", f"{_BUILDS}/{{build_id}}", cancel, status=204, public=True, media_type="text/plain"
        ),
        Operation("GET", f"{_BUILDS}/{{build_id}}/logs", show_log, public=True, streamed=list[AlaudaLogRow]),
    )


def _nothing() -> Response:
    return Response(status_code=204, media_type="text/plain")
