"""Builds on Drone-style servers: Drone 1 and 2, Woodpecker 2 and 3, Drone 0.5.

Source: Drone, "REST API" (https://docs.drone.io/api/overview/);
Woodpecker, "REST API" (https://woodpecker-ci.org/api)

All variables of a build travel with its trigger. BRIDGE_BUILD_ID among them shows in the lists of builds, so
that a build can be found there, and no other with its number is taken for it. Drone 0.5 shows it only in the
documents of single builds.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BaseModel, StringConstraints, TypeAdapter

from bridge.builders.base import (
    FOUND,
    Advice,
    Ambiguous,
    Builder,
    BuilderContext,
    Handle,
    LogChunk,
    Outcome,
    Rejected,
    Search,
    Sent,
    Status,
    Target,
    unsent,
)
from bridge.builders.drone.dialect import Dialect
from bridge.builders.drone.drone import Drone
from bridge.builders.drone.drone_0_5 import Drone05
from bridge.builders.drone.log import DroneLog
from bridge.builders.drone.model import DroneRef, RemoteBuild
from bridge.builders.drone.poll import DronePoll
from bridge.builders.drone.woodpecker import Woodpecker
from bridge.builders.server import Answer, BuildServer, Document
from bridge.builders.settings import RepositoryName, ServerSettings
from bridge.config.types import Secret
from bridge.errors import Permanent, RemoteError, Transient, Unanswered
from bridge.model.build import BuildRequest, SeenJob

_DIALECTS: Final[Mapping[str, type[Dialect]]] = {
    "drone": Drone,
    "woodpecker": Woodpecker,
    "drone-0.5": Drone05,
}
_MAX_SHOWN: Final = 100


class DroneSettings(ServerSettings):
    """A repository on a Drone-style server, whose pipeline builds."""

    token: Secret
    """The personal token of a user who may start builds of the repository."""
    repository: RepositoryName
    """The full name of the repository on that server, such as acme/shop."""
    api: Literal["drone", "woodpecker", "drone-0.5"]
    """What the server is: Drone 1 or 2, Woodpecker 2 or 3, or Drone 0.5, which can only repeat builds."""
    branch: (
        Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=r"^[^\x00-\x20]+$")] | None
    ) = None
    """The branch whose pipeline always runs, which has to fetch COMMIT by itself; else what was pushed."""


class _User(Document):
    login: Annotated[str, StringConstraints(min_length=1)]


class _Version(Document):
    source: str = ""


_USER: Final = TypeAdapter(_User)
_VERSION: Final = TypeAdapter(_Version)


class DroneBuilder(Builder):
    """One repository of one server."""

    kind: ClassVar[str] = "drone"
    Settings: ClassVar[type[BaseModel]] = DroneSettings

    def __init__(self, name: str, settings: DroneSettings, context: BuilderContext) -> None:
        self.name = name
        self.poll_interval = settings.poll_interval.total_seconds()
        self.settle_seconds = 4 * settings.timeout.total_seconds()
        self._repository = settings.repository
        self._branch = settings.branch
        dialect = _DIALECTS[settings.api]
        headers = {"Authorization": f"Bearer {settings.token.reveal()}", "Accept": "application/json"}
        self._server = BuildServer(dialect.title, settings, headers)
        self._dialect = dialect(self._server)
        self._poll = DronePoll(self._dialect, context.clock)
        self._log = DroneLog(self._dialect)

    async def trigger(self, request: BuildRequest) -> Outcome:
        if not (self._branch or request.branch or self._dialect.builds_tags):
            return Rejected(
                f"{self._dialect.title} starts builds of branches only, not of {request.ref}: "
                "set `branch` to one whose pipeline fetches COMMIT by itself"
            )
        try:
            number = await self._dialect.prepare(self._repository, request, self._branch)
        except RemoteError as error:
            return unsent(error)
        try:
            answer = await self._dialect.start(self._repository, request, self._branch, number)
        except Unanswered as error:
            return Ambiguous(str(error))
        except RemoteError as error:
            return unsent(error)
        return self._outcome(answer, request)

    def _outcome(self, answer: Answer, request: BuildRequest) -> Outcome:
        title = self._dialect.title
        if not answer.good or answer.sign_in:
            why = self._dialect.rejections.get(answer.status)
            if why and not answer.sign_in:
                return Rejected(why.format(title, answer.status))
            return self._server.refused(answer)
        try:
            build = self._dialect.started(answer, request)
        except RemoteError as error:
            return Ambiguous(str(error))
        if build is None:
            return Rejected(
                f"{title} made no build: the pipeline is not for builds by hand of this branch, "
                "or the commit asks for none"
            )
        return self._sent(DroneRef.of(self._repository, build), request, "")

    def _sent(self, ref: DroneRef, request: BuildRequest, detail: str) -> Sent:
        """`branch` is expected to build another commit: its pipeline fetches ours."""
        notes = []
        if taken := sorted(self._dialect.reserved.intersection(request.parameters)):
            notes.append(
                f"{self._dialect.title} takes {', '.join(taken)} for itself: the build does not get it"
            )
        if request.commit and ref.commit not in {"", request.commit} and not self._branch:
            notes.append(
                f"{self._dialect.title} builds {ref.commit[:12]}, the newest commit of the branch, "
                f"in place of {request.commit[:12]}"
            )
        return Sent(ref.handle, detail, "; ".join(notes))

    async def find(self, build_id: str) -> Handle | Search | None:
        found = await self._dialect.search(self._repository, build_id)
        return DroneRef.of(self._repository, found).handle if isinstance(found, RemoteBuild) else found

    def found(self, handle: Handle, request: BuildRequest) -> Sent:
        return self._sent(DroneRef.parse(handle), request, FOUND)

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        return await self._poll.poll(handles)

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        """Offsets are those of `drone.log`."""
        ref = DroneRef.parse(handle)
        build = await self._ours(ref)
        if build is None:
            raise Transient(f"{self._dialect.title} does not show the build and its log now (404)")
        return await self._log.read(ref, build, offset)

    async def cancel(self, handle: Handle) -> None:
        ref = DroneRef.parse(handle)
        build = await self._ours(ref)
        if build is None:
            # It is too late, unless the server only fails to show it.
            await self._dialect.check(ref.repository)
            return
        if build.ended:
            return
        answer = await self._dialect.stop(ref.repository, build)
        if answer.good and not answer.sign_in:
            return
        # It may have ended between the two requests.
        now = await self._ours(ref)
        if now and not now.ended:
            raise self._dialect.not_stopped(answer)

    async def _ours(self, ref: DroneRef) -> RemoteBuild | None:
        build = await self._dialect.one(ref.repository, ref.number)
        return build if ref.owns(build) else None

    async def test(self) -> str:
        await self._check_kind()
        user = await self._server.read("api/user", _USER)
        title = self._dialect.title
        if user is None:
            raise Permanent(f"there is no {title} at `url` (404): check `url`")
        problem = await self._dialect.check(self._repository)
        who = user.login[:_MAX_SHOWN]
        text = f"signed in as {who}; the repository {self._repository} {problem or 'may be built'}"
        if not self._dialect.builds_tags and not self._branch:
            text += (
                "; tags are not built, since no `branch` is set, and a branch as it is when the build starts"
            )
        return text

    async def _check_kind(self) -> None:
        """Raise Permanent where the server says that it is of another kind."""
        answer = await self._server.call("GET", "version")
        source = ""
        with suppress(RemoteError):
            source = self._server.parsed(answer, _VERSION).source.lower()
        old = answer.headers.get("X-Drone-Version", "").startswith("0.")
        api = "drone-0.5" if old else next((api for api in ("woodpecker", "drone") if api in source), None)
        if api and _DIALECTS[api] is not type(self._dialect):
            raise Permanent(f"what answers at `url` is {_DIALECTS[api].title}: write `api: {api}`")

    def advice(self, targets: Sequence[Target], seen: Sequence[SeenJob]) -> Sequence[Advice]:  # noqa: ARG002  # there are no jobs
        return [
            Advice(
                f"{self._dialect.title} takes the parameters {', '.join(taken)} for itself: rename them",
                target.repository,
            )
            for target in targets
            if (taken := sorted(self._dialect.reserved.intersection(target.parameters)))
        ]

    async def aclose(self) -> None:
        await self._server.aclose()
