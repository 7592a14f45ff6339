"""What the servers have in common: repositories with numbered builds that have stages and steps."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter

from bridge.builders.base import Search
from bridge.builders.drone.model import BUILD_ID, Named, RemoteBuild, Stage, Step
from bridge.builders.server import Answer, BuildServer
from bridge.errors import Denied, RemoteError, Transient
from bridge.model.build import BuildRequest, may_be_older

SEARCHED: Final = 2000
"""How many of the newest builds are searched for one of ours."""

T = TypeVar("T")
N = TypeVar("N", bound=Named)


class Dialect(ABC):
    """The API of one kind of server. Every method raises RemoteError."""

    title: ClassVar[str]
    """What sentences call the server."""
    page_size: ClassVar[int]
    """How many builds a page of a list has."""
    builds_tags: ClassVar[bool]
    """Whether it builds what was pushed itself, tags too; else the branch as it is when the build starts."""
    reserved: ClassVar[frozenset[str]] = frozenset()
    """Names of parameters that the server takes for itself."""
    passes_variables: ClassVar[bool] = True
    """Whether the pipeline gets our variables."""
    unmade: ClassVar[str] = (
        "the pipeline is not for builds by hand of this branch, or the commit asks for none"
    )
    """Why there can be no build after a good answer."""
    rejections: ClassVar[Mapping[int, str]] = {
        400: "{0} does not take the build ({1}): check the parameters of the rule",
        404: "{0} shows no such repository or commit to this token ({1}): check `repository` and its rights",
        409: "{0} does not take the build now ({1})",
        413: "{0}, or a proxy before it, does not take parameters this long ({1})",
        414: "{0}, or a proxy before it, does not take parameters this long ({1})",
    }

    def __init__(self, server: BuildServer) -> None:
        self.server = server

    @abstractmethod
    async def prepare(self, repository: str, request: BuildRequest, branch: str | None) -> int:
        """The number that `start` needs, 0 where it needs none; changes nothing."""

    @abstractmethod
    async def start(self, repository: str, request: BuildRequest, branch: str | None, number: int) -> Answer:
        """Ask once for a build, of `branch` as it is now or else of what was pushed."""

    @abstractmethod
    def started(self, answer: Answer, request: BuildRequest) -> RemoteBuild | None:
        """The build that a good answer to `start` proves to be ours.

        None when filters of the pipeline left nothing to run.
        """

    @abstractmethod
    async def check(self, repository: str) -> str:
        """What hinders builds of a repository that is there, in a sentence; "" when nothing does."""

    @abstractmethod
    async def listed(self, repository: str, page: int) -> Sequence[RemoteBuild]:
        """A page of builds, the newest first; pages count from 1."""

    @abstractmethod
    async def one(self, repository: str, number: int) -> RemoteBuild | None:
        """A build with its stages; None when there is none with this number."""

    @abstractmethod
    async def lines(self, repository: str, number: int, stage: Stage, step: Step) -> Sequence[str] | None:
        """What a step printed so far, without line ends; None while nothing is stored."""

    @abstractmethod
    async def stop(self, repository: str, build: RemoteBuild) -> Answer:
        """Ask for the end of a build that goes on."""

    def not_stopped(self, answer: Answer) -> RemoteError:
        """Why a build goes on after this answer to `stop`."""
        return self.server.error_of(answer)

    async def settled(self, repository: str, build: RemoteBuild) -> RemoteBuild:  # noqa: ARG002  # most lists show all
        """The build of a list with what a list does not show."""
        return build

    def page(self, repository: str, number: int) -> str:
        """The address of a build for people."""
        return f"{self.server.url}{quoted(repository)}/{number}"

    @property
    def last_page(self) -> int:
        return SEARCHED // self.page_size

    async def search(self, repository: str, build_id: str) -> RemoteBuild | Search | None:
        """The build with our id; of several the oldest: a person can start one again with its parameters.

        The repository is read first: an empty list proves nothing on a server of another kind.
        """
        await self.check(repository)
        found: list[RemoteBuild] = []
        for page in range(1, self.last_page + 1):
            builds = await self.listed(repository, page)
            found += (build for build in builds if build.identity == build_id)
            # The server may have shorter pages than asked for: only the first build ends the list.
            if not builds or builds[-1].number == 1 or any(not build.parent for build in found):
                break
            starts = (build.started for build in builds)
            if page == self.last_page and not found and may_be_older(build_id, starts, time.time()):
                # It may be on a page behind those, unless all there is older.
                return Search.UNSEARCHABLE
        return min(found, key=lambda build: build.number, default=None)

    def proven(self, build: RemoteBuild, request: BuildRequest) -> RemoteBuild:
        """The build. Raises Transient when it does not show our id."""
        if build.identity != request.build_id:
            raise Transient(f"{self.title} answered with a build that has another {BUILD_ID}")
        return build

    async def shown(
        self,
        repository: str,
        path: str,
        shape: TypeAdapter[T],
        query: Mapping[str, str | int] | None = None,
    ) -> T:
        """A document that is there for each repository. Raises Denied when the server does not show it."""
        found = await self.server.read(path, shape, query=query)
        if found is None:
            raise Denied(
                f"{self.title} shows no repository {repository!r} to this token (404): "
                "check `repository`, that it is enabled there, and the token's rights"
            )
        return found

    async def named(self, repository: str, path: str, shape: TypeAdapter[N]) -> N:
        """The document of a repository. Raises Denied or, when it is that of another one, Transient."""
        found = await self.shown(repository, path, shape)
        if found.full_name.casefold() != repository.casefold():
            raise Transient(f"{self.title} answered with another repository: check `url`")
        return found


def quoted(repository: str) -> str:
    """The name of a repository in a path."""
    return "/".join(quote(part, safe="") for part in repository.split("/"))


def builds_path(repository: str) -> str:
    """Where Drone has the builds of a repository."""
    return f"api/repos/{quoted(repository)}/builds"
