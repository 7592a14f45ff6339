"""The calls of our own API that change builds."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

from pydantic import Field

from bridge.config.types import Strict
from bridge.model.build import Build
from bridge.web.api.core.core import Core
from bridge.web.api.core.resolving import MAX_REASON, Resolution
from bridge.web.api.documents import BuildDocument, build_document
from bridge.web.api.operation import Call, Dialect, Operation

_BUILD: Final = "/v1/builds/{build_id}"


class BuildEnd(Strict):
    """How a build ended."""

    state: Resolution
    """What it is then."""
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]
    """How you know, in one line; notices and the timeline have it."""


class BuildCalls(Dialect):
    """The views."""

    _core: Core

    async def cancel_build(self, call: Call) -> None:
        """Ask for the end of a build that waits or runs."""
        build = await self._core.builds.one(call.principal, call.path["build_id"])
        await self._core.builds.cancel(call.caller, build, call.origin)

    async def retry_build(self, call: Call) -> BuildDocument:
        """Run a build that has ended once more: the same commit, number and tags."""
        build = await self._core.builds.one(call.principal, call.path["build_id"])
        again = await self._core.builds.retry(call.caller, build, call.origin, call.claim_id)
        return await self._build_document(call, again)

    async def resolve_build(self, call: Call, body: BuildEnd) -> BuildDocument:
        """Say how a build ended whose state is `unknown`; its notices are those of that end."""
        build = await self._core.builds.one(call.principal, call.path["build_id"])
        ended = await self._core.builds.resolve(call.caller, build, body.state, body.reason, call.origin)
        return await self._build_document(call, ended)

    async def _build_document(self, call: Call, build: Build) -> BuildDocument:
        (shown,) = await self._core.builds.with_reasons(call.principal, [build])
        return build_document(shown)

    build_operations: ClassVar[Sequence[Operation]] = (
        Operation("DELETE", _BUILD, cancel_build, public=True),
        Operation("POST", f"{_BUILD}/retry", retry_build, public=True),
        Operation("POST", f"{_BUILD}/resolve", resolve_build, public=True),
    )
