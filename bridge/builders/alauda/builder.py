"""Builds by a build repository of an Alauda-style service.

Source: Alauda, "alauda-CLI" (https://github.com/zhmocean/alauda-CLI) and "alauda-pipeline-plugin"
(https://github.com/alauda/alauda-pipeline-plugin), its clients; the service and its manual are gone

An order to build names a tag of the repository and a commit, and nothing that distinguishes one order
from another: a build whose order was not answered may be one that somebody else asked for, so it is left to
people.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, StringConstraints

from bridge.builders.alauda.asked import AskedEnds
from bridge.builders.alauda.chinese import CHINESE
from bridge.builders.alauda.client import BUILDS, AlaudaServer, is_missing, matching
from bridge.builders.alauda.log import log_chunk
from bridge.builders.alauda.model import BUILD, AlaudaRef, sent, unix
from bridge.builders.alauda.poll import AlaudaPoll
from bridge.builders.base import (
    Advice,
    Ambiguous,
    Builder,
    BuilderContext,
    Handle,
    LogChunk,
    Outcome,
    Rejected,
    Search,
    Status,
    Target,
    unsent,
)
from bridge.builders.server import Answer
from bridge.builders.settings import RepositoryName, ServerSettings
from bridge.config.types import Secret
from bridge.errors import Permanent, RemoteError, Unanswered
from bridge.model.build import BuildRequest, SeenJob

# Seconds for which the tags of a repository are used again.
_TAGS_MAX_AGE: Final = 600.0
# Seconds by which the clocks of Alauda and this machine may differ.
_CLOCKS: Final = 60.0
_MAX_SHOWN: Final = 20
_REJECTIONS: Final[Mapping[int, str]] = {
    400: "Alauda does not take the order (400): check `tag` and the tags of the repository {0}",
    404: "Alauda shows no repository {0} to this token (404): check `repository` and its rights",
    409: "Alauda does not build {0} now (409)",
    422: "Alauda does not take the order (422): check `tag` and the tags of the repository {0}",
}


class AlaudaSettings(ServerSettings):
    """A build repository of an Alauda-style service."""

    token: Secret
    """The API token of a user who may build the repository."""
    repository: RepositoryName
    """The namespace and the name of the build repository, such as acme/shop."""
    tag: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")] | None = None
    """The docker_repo_tag to build; else the first of a build that the repository has, or its only one."""


class AlaudaBuilder(Builder):
    """One build repository."""

    chinese = CHINESE
    kind: ClassVar[str] = "alauda"
    Settings: ClassVar[type[BaseModel]] = AlaudaSettings
    place: ClassVar[Sequence[str]] = ("url", "repository")

    def __init__(self, name: str, settings: AlaudaSettings, context: BuilderContext) -> None:
        self.name = name
        self.poll_interval = settings.poll_interval.total_seconds()
        self.settle_seconds = settings.settle_seconds
        self._repository = settings.repository
        self._tag = settings.tag
        self._clock = context.clock
        self._server = AlaudaServer(settings, settings.token.reveal())
        self._asked = AskedEnds(context.state)
        self._poll = AlaudaPoll(self._server, self._asked, context.clock)
        self._tags: tuple[list[str], float] | None = None

    async def trigger(self, request: BuildRequest) -> Outcome:
        try:
            tag = self._tag or await self._fitting(request)
        except RemoteError as error:
            return unsent(error)
        namespace, _, name = self._repository.rpartition("/")
        order = {"namespace": namespace, "repo_name": name, "tag": tag}
        if request.commit:
            order["code_commit_id"] = request.commit
        headers, content = {"Content-Type": "application/json"}, json.dumps(order).encode()
        began = self._clock()
        try:
            answer = await self._server.call("POST", BUILDS, headers=headers, content=content)
        except Unanswered as error:
            return Ambiguous(await self._doubt(tag, request, str(error), began))
        except RemoteError as error:
            return unsent(error)
        outcome = self._outcome(answer, request)
        if isinstance(outcome, Ambiguous):
            return Ambiguous(await self._doubt(tag, request, outcome.why, began))
        return outcome

    async def _fitting(self, request: BuildRequest) -> str:
        """The tag of the repository to build. Raises RemoteError."""
        now = self._clock()
        if self._tags and now - self._tags[1] < _TAGS_MAX_AGE:
            with suppress(Permanent):
                return self._chosen(self._tags[0], request)
        tags = (await self._server.repository(self._repository)).tags
        self._tags = tags, now
        return self._chosen(tags, request)

    def _chosen(self, tags: Sequence[str], request: BuildRequest) -> str:
        ours = [tag for tag in request.tags if tag in tags]
        if ours or len(tags) == 1:
            return (ours or tags)[0]
        known = ", ".join(tags[:_MAX_SHOWN]) or "none"
        raise Permanent(
            f"the repository {self._repository} builds none of the tags {', '.join(request.tags)}: it has "
            f"{known}; set `tag` to one of them, or add one to its tag_configs"
        )

    def _outcome(self, answer: Answer, request: BuildRequest) -> Outcome:
        if not answer.good or answer.sign_in:
            self._tags = None
            why = _REJECTIONS.get(answer.status)
            if why and not answer.sign_in:
                return Rejected(why.format(self._repository))
            return self._server.refused(answer)
        try:
            build = self._server.parsed(answer, BUILD)
        except RemoteError as error:
            return Ambiguous(f"{error}, without a build id")
        if build.ended:
            return Ambiguous("Alauda answered with a build that has already ended")
        return sent(AlaudaRef(repository=self._repository, id=build.build_id), build, request)

    async def _doubt(self, tag: str, request: BuildRequest, why: str, began: float) -> str:
        """What a person needs to know of an order without an answer: what there is that could be of it."""
        try:
            page = await self._server.page(self._repository)
        except RemoteError:
            return why
        for build in matching(page.builds, tag, request.commit):
            made = unix(build.created_at)
            if made is not None and made >= began - _CLOCKS:
                return f"{why}; the build {build.build_id} of the same tag and commit was made since then"
        return f"{why}; no build of the same tag and commit was made since then, but it may still come"

    async def find(self, request: BuildRequest) -> Handle | Search | None:  # noqa: ARG002  # no build there shows it
        return Search.UNSEARCHABLE

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        return await self._poll.poll(handles)

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        """Offsets are those of `alauda.log`."""
        return await log_chunk(self._server, AlaudaRef.parse(handle), offset)

    async def cancel(self, handle: Handle) -> None:
        """Deletes the build while it goes on: one that has ended would lose its record."""
        ref = AlaudaRef.parse(handle)
        if not await self._goes_on(ref):
            return
        self._asked.add(ref)
        answer = await self._server.call("DELETE", f"{BUILDS}/{ref.id}")
        if answer.good and not answer.sign_in:
            return
        if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.NOT_IMPLEMENTED:
            self._asked.discard(ref)
        if await self._goes_on(ref):
            if is_missing(answer.status) and not answer.sign_in:
                raise Permanent(f"this Alauda ends no builds by its API ({answer.status}): end it there")
            raise self._server.error_of(answer)

    async def _goes_on(self, ref: AlaudaRef) -> bool:
        build = await self._server.build(ref.id)
        return build is not None and not build.ended

    async def release(self, handle: Handle) -> None:
        self._asked.discard(AlaudaRef.parse(handle))

    async def test(self) -> str:
        tags = (await self._server.repository(self._repository)).tags
        await self._server.page(self._repository)
        shown = ", ".join(tags[:_MAX_SHOWN]) or "no tag"
        text = f"the repository {self._repository} is there, and builds {shown}"
        if self._tag and self._tag not in tags:
            text += f"; `tag: {self._tag}` is none of them, so Alauda will reject builds"
        return f"{text}; an order that is not answered cannot be looked for there, and is left to you"

    def advice(self, targets: Sequence[Target], seen: Sequence[SeenJob]) -> Sequence[Advice]:  # noqa: ARG002  # there are no jobs
        return [
            Advice(
                f"Alauda takes no parameters: builds do not get {', '.join(target.parameters)}; remove them",
                target.repository,
            )
            for target in targets
            if target.parameters
        ]

    async def aclose(self) -> None:
        await self._server.aclose()
