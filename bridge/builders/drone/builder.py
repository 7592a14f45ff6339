"""Builds on Drone-style servers: Drone 1 and 2, Woodpecker 2 and 3, Drone 0.5.

Source: Drone, "REST API" (https://docs.drone.io/api/overview/);
Woodpecker, "REST API" (https://woodpecker-ci.org/api)

All variables of a build travel with its trigger. BRIDGE_BUILD_ID among them shows in the lists of builds, so
that a build can be found there, and no other with its number is taken for it. Drone 0.5 shows it only in the
documents of single builds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

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
from bridge.builders.drone.asking import found_api, said_api
from bridge.builders.drone.chinese import CHINESE
from bridge.builders.drone.dialect import Dialect
from bridge.builders.drone.drone import Drone
from bridge.builders.drone.drone_0_5 import Drone05
from bridge.builders.drone.follow_0_5 import AwaitedBuild, begun
from bridge.builders.drone.hook_0_5 import Drone05Hook
from bridge.builders.drone.log import DroneLog
from bridge.builders.drone.model import DroneRef, RemoteBuild
from bridge.builders.drone.poll import DronePoll
from bridge.builders.drone.settings import Api, DroneSettings
from bridge.builders.drone.woodpecker import Woodpecker
from bridge.builders.server import Answer, BuildServer, Document
from bridge.errors import Permanent, RemoteError, Transient, Unanswered
from bridge.model.build import BuildRequest, SeenJob, parse_run_id

_DIALECTS: Final[Mapping[Api, type[Dialect]]] = {
    "drone": Drone,
    "woodpecker": Woodpecker,
    "drone-0.5": Drone05,
}
_MAX_SHOWN: Final = 100
_WITHOUT_VARIABLES: Final = (
    "builds a push without our variables: its pipeline names the images, and gets no parameters"
)


class _User(Document):
    login: Annotated[str, StringConstraints(min_length=1)]


_USER: Final = TypeAdapter(_User)


@dataclass(frozen=True, slots=True)
class _Server:
    """What is done in the way of one kind of server."""

    api: Api
    dialect: Dialect
    poll: DronePoll
    log: DroneLog


class DroneBuilder(Builder):
    """One repository of one server."""

    chinese = CHINESE
    kind: ClassVar[str] = "drone"
    Settings: ClassVar[type[BaseModel]] = DroneSettings
    place: ClassVar[Sequence[str]] = ("url", "repository", "mode")

    def __init__(self, name: str, settings: DroneSettings, context: BuilderContext) -> None:
        self.name = name
        self.poll_interval = settings.poll_interval.total_seconds()
        self.settle_seconds = settings.settle_seconds
        self._settings = settings
        self._repository = settings.repository
        self._branch = settings.branch
        self._clock = context.clock
        headers = {"Authorization": f"Bearer {settings.token.reveal()}", "Accept": "application/json"}
        self._server = BuildServer("Drone", settings, headers)
        self._known = self._of(settings.api) if settings.api else None

    def _of(self, api: Api) -> _Server:
        kind = _DIALECTS[api]
        self._server.name = kind.title
        token = self._settings.hook_token
        dialect = Drone05Hook(self._server, token.reveal()) if token else kind(self._server)
        return _Server(api, dialect, DronePoll(dialect, self._clock), DroneLog(dialect))

    async def _kind(self) -> _Server:
        """The kind of server, which is asked once where the settings do not say it. Raises RemoteError."""
        if self._known is None:
            self._known = self._of(await found_api(self._server))
        return self._known

    async def trigger(self, request: BuildRequest) -> Outcome:
        if self._follows(request.build_id):
            return self._followed(request)
        try:
            dialect = (await self._kind()).dialect
            if not (self._branch or request.branch or dialect.builds_tags):
                return Rejected(
                    f"{dialect.title} starts builds of branches only, not of {request.ref}: "
                    "set `branch` to one whose pipeline fetches COMMIT by itself"
                )
            number = await dialect.prepare(self._repository, request, self._branch)
        except RemoteError as error:
            return unsent(error)
        try:
            answer = await dialect.start(self._repository, request, self._branch, number)
        except Unanswered as error:
            return Ambiguous(str(error))
        except RemoteError as error:
            return unsent(error)
        return self._outcome(dialect, answer, request)

    def _follows(self, build_id: str) -> bool:
        """Whether Drone builds this by itself: it does so once for a push, and another run is a fork."""
        return self._settings.mode == "follow" and parse_run_id(build_id)[1] == 1

    def _followed(self, request: BuildRequest) -> Outcome:
        if not request.commit:
            return Rejected(f"the commit of {request.ref} is not known, and so which build to follow")
        push = AwaitedBuild(repository=self._repository, ref=request.ref, commit=request.commit)
        return Sent(push.handle, "", f"Drone 0.5 {_WITHOUT_VARIABLES}", images_passed=False)

    def _outcome(self, dialect: Dialect, answer: Answer, request: BuildRequest) -> Outcome:
        if not answer.good or answer.sign_in:
            why = dialect.rejections.get(answer.status)
            if why and not answer.sign_in:
                return Rejected(why.format(dialect.title, answer.status))
            return self._server.refused(answer)
        try:
            build = dialect.started(answer, request)
        except RemoteError as error:
            return Ambiguous(str(error))
        if build is None:
            return Rejected(f"{dialect.title} made no build: {dialect.unmade}")
        return self._sent(dialect, DroneRef.of(self._repository, build), request, "")

    def _sent(self, dialect: Dialect, ref: DroneRef, request: BuildRequest, detail: str) -> Sent:
        """`branch` is expected to build another commit: its pipeline fetches ours."""
        notes = []
        if not dialect.passes_variables:
            notes.append(f"{dialect.title} {_WITHOUT_VARIABLES}")
        if taken := sorted(dialect.reserved.intersection(request.parameters)):
            notes.append(f"{dialect.title} takes {', '.join(taken)} for itself: the build does not get it")
        if request.commit and ref.commit not in {"", request.commit} and not self._branch:
            notes.append(
                f"{dialect.title} builds {ref.commit[:12]}, the newest commit of the branch, "
                f"in place of {request.commit[:12]}"
            )
        return Sent(ref.handle, detail, "; ".join(notes), images_passed=dialect.passes_variables)

    async def find(self, request: BuildRequest) -> Handle | Search | None:
        dialect = (await self._kind()).dialect
        if self._follows(request.build_id):
            # Nothing is sent for it, so nothing can have been.
            await dialect.check(self._repository)
            return None
        found = await dialect.search(self._repository, request.build_id)
        return DroneRef.of(self._repository, found).handle if isinstance(found, RemoteBuild) else found

    def found(self, handle: Handle, request: BuildRequest) -> Sent:
        assert self._known is not None
        return self._sent(self._known.dialect, DroneRef.parse(handle), request, FOUND)

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        server = await self._kind()
        if not isinstance(server.dialect, Drone05):
            return await server.poll.poll(handles)
        there, waiting = await begun(server.dialect, handles)
        return waiting | await server.poll.poll(there)

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        """Offsets are those of `drone.log`."""
        if AwaitedBuild.of(handle):
            return LogChunk(text="", next=0, more=False)
        server, ref = await self._kind(), DroneRef.parse(handle)
        build = await _ours(server.dialect, ref)
        if build is None:
            raise Transient(f"{server.dialect.title} does not show the build and its log now (404)")
        return await server.log.read(ref, build, offset)

    async def cancel(self, handle: Handle) -> None:
        if AwaitedBuild.of(handle):
            raise Transient("Drone has not made the build yet: it can be ended once it runs")
        dialect, ref = (await self._kind()).dialect, DroneRef.parse(handle)
        build = await _ours(dialect, ref)
        if build is None:
            # It is too late, unless the server only fails to show it.
            await dialect.check(ref.repository)
            return
        if build.ended:
            return
        answer = await dialect.stop(ref.repository, build)
        if answer.good and not answer.sign_in:
            return
        # It may have ended between the two requests.
        now = await _ours(dialect, ref)
        if now and not now.ended:
            raise dialect.not_stopped(answer)

    async def test(self) -> str:
        server = await self._kind()
        if self._settings.api and (said := await said_api(self._server)) not in {None, server.api}:
            assert said is not None
            raise Permanent(f"what answers at `url` is {_DIALECTS[said].title}: write `api: {said}`")
        dialect, title = server.dialect, server.dialect.title
        user = await self._server.read("api/user", _USER)
        if user is None:
            raise Permanent(f"there is no {title} at `url` (404): check `url`")
        problem = await dialect.check(self._repository)
        who = user.login[:_MAX_SHOWN]
        text = f"signed in as {who}; the repository {self._repository} {problem or 'may be built'}"
        if not self._settings.api:
            text += f"; the server is {title} (`api: {server.api}`)"
        if self._settings.hook_token:
            text += "; whether `hook_token` is right shows only once a build begins"
        if not dialect.builds_tags and not self._branch:
            text += (
                "; tags are not built, since no `branch` is set, and a branch as it is when the build starts"
            )
        return text

    def advice(self, targets: Sequence[Target], seen: Sequence[SeenJob]) -> Sequence[Advice]:  # noqa: ARG002  # there are no jobs
        """What a server takes for itself is known once it was asked what it is."""
        if self._settings.mode != "fork":
            problem = f"Drone 0.5 {_WITHOUT_VARIABLES}: remove `parameters`, or use `mode: fork`"
            return [Advice(problem, target.repository) for target in targets if target.parameters]
        if self._known is None:
            return []
        dialect = self._known.dialect
        return [
            Advice(
                f"{dialect.title} takes the parameters {', '.join(taken)} for itself: rename them",
                target.repository,
            )
            for target in targets
            if (taken := sorted(dialect.reserved.intersection(target.parameters)))
        ]

    async def aclose(self) -> None:
        await self._server.aclose()


async def _ours(dialect: Dialect, ref: DroneRef) -> RemoteBuild | None:
    build = await dialect.one(ref.repository, ref.number)
    return build if ref.owns(build) else None
