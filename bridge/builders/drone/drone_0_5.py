"""The API of Drone 0.5.

Source: Drone, "drone/drone" (https://github.com/drone/drone), and answers of a 0.5.0 server

No call builds a ref. A trigger starts an earlier build again as a new one (a fork), with our variables in the
environment of its jobs. Lists do not show that environment: a build is known by its number and by the time at
which it was made. A fork also has the environment of what was forked, so the trigger forks the root. A list
has the newest builds only: it proves that one is missing where it reaches back to before its trigger.
"""

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import ClassVar, Final

from pydantic import TypeAdapter

from bridge.builders.base import Number, Search
from bridge.builders.drone.dialect import Dialect, builds_path, quoted
from bridge.builders.drone.model import BUILD_ID, Named, RemoteBuild, Stage, Step, state_of
from bridge.builders.server import Answer, BuildServer, Document
from bridge.errors import Permanent, RemoteError, Transient
from bridge.model.build import BuildRequest

_LISTED: Final = 50
"""How many builds a list has; there are no further pages."""
_MAX_NOTED: Final = 1000
_EXIT_CODE: Final = 2
"""The type of log rows that hold an exit code."""
_ENDED_BY_A_PERSON: Final = "termination request received"
"""What the agent reports, seconds after the server has said `killed`; the build is a `failure` then."""


class _Job(Document):
    number: Number
    error: str = ""
    status: str = ""
    environment: dict[str, str] | None = None


class _Build(Document):
    number: Number
    parent: int = 0
    status: str
    created_at: Number
    started_at: int = 0
    finished_at: int = 0
    commit: str = ""
    branch: str = ""
    ref: str = ""
    link_url: str = ""
    jobs: list[_Job] | None = None

    @property
    def build_id(self) -> str:
        """Our build id, as its jobs have it."""
        return next(
            (found for job in self.jobs or () if (found := (job.environment or {}).get(BUILD_ID))), ""
        )

    def remote(self) -> RemoteBuild:
        jobs = self.jobs or ()
        killed = self.status == "failure" and any(_ENDED_BY_A_PERSON in job.error for job in jobs)
        steps = tuple(Step(job.number, f"job {job.number}", job.number, job.status) for job in jobs)
        word = "killed" if killed else self.status
        return RemoteBuild(
            number=self.number,
            word=word,
            identity=f"created {self.created_at}",
            commit=self.commit,
            parent=self.parent,
            started=self.started_at,
            finished=self.finished_at,
            stages=(Stage(1, "", word, steps),) if steps else (),
        )


class _Row(Document):
    proc: str = ""
    type: int = 0
    out: str = ""


_BUILD: Final = TypeAdapter(_Build)
_BUILDS: Final = TypeAdapter(list[_Build])
_REPOSITORY: Final = TypeAdapter(Named)
_ROWS: Final = TypeAdapter(list[_Row])


class Drone05(Dialect):
    """Builds are forks of the newest build of `branch`, else of one of the very commit that was pushed."""

    title: ClassVar[str] = "Drone 0.5"
    page_size: ClassVar[int] = _LISTED
    builds_tags: ClassVar[bool] = True
    reserved: ClassVar[frozenset[str]] = frozenset({"fork", "event", "deploy_to", "access_token"})

    def __init__(self, server: BuildServer) -> None:
        super().__init__(server)
        self._newest_before: dict[str, int] = {}

    async def prepare(self, repository: str, request: BuildRequest, branch: str | None) -> int:
        """The build to fork. Raises Permanent when there is none."""
        builds = await self.newest(repository)
        self.note(request.build_id, builds)
        for build in builds:
            of_push = build.ref == request.ref and request.commit and build.commit == request.commit
            if build.branch == branch if branch else of_push:
                return build.parent or build.number
        raise Permanent(
            f"{self.title} has no build of {branch or request.commit[:12] or request.ref} among its newest "
            f"{_LISTED}, and can only repeat builds: set `branch` to one that it has built, "
            "and whose pipeline fetches COMMIT by itself"
        )

    async def start(self, repository: str, request: BuildRequest, branch: str | None, number: int) -> Answer:  # noqa: ARG002  # the number has it
        variables = {name: value for name, value in request.variables().items() if name not in self.reserved}
        return await self.server.call(
            "POST", f"{builds_path(repository)}/{number}", query={"fork": "true", **variables}
        )

    def started(self, answer: Answer, request: BuildRequest) -> RemoteBuild | None:  # noqa: ARG002  # it does not show our id
        build = self.read_build(answer)
        if not build.parent:
            raise Transient(f"{self.title} answered with a build that is no fork")
        return build.remote()

    async def check(self, repository: str) -> str:
        await self.named(repository, f"api/repos/{quoted(repository)}", _REPOSITORY)
        return ""

    async def listed(self, repository: str, page: int) -> Sequence[RemoteBuild]:
        return [build.remote() for build in await self.newest(repository)] if page == 1 else []

    async def one(self, repository: str, number: int) -> RemoteBuild | None:
        build = await self._read(repository, number)
        return build.remote() if build else None

    async def settled(self, repository: str, build: RemoteBuild) -> RemoteBuild:
        """Whether a failed build was ended by a person stands at its jobs."""
        if build.word != "failure":
            return build
        found = await self.one(repository, build.number)
        if found is None:
            raise Transient(f"{self.title} does not show the build that failed now")
        return found

    async def search(self, repository: str, build_id: str) -> RemoteBuild | Search | None:
        """The fork with our id."""
        await self.check(repository)
        builds = await self.newest(repository)
        for fork in (build for build in builds if build.parent):
            found = await self._read(repository, fork.number)
            if found is None:
                # The list has it: what it answers to a number that there is not was an error.
                raise Transient(f"{self.title} does not show a build that it lists now")
            if found.build_id == build_id:
                # A person can have forked ours.
                older = await self._read(repository, found.parent)
                return (older if older and older.build_id == build_id else found).remote()
        return self.absent(build_id, builds)

    def note(self, build_id: str, builds: Sequence[_Build]) -> None:
        """Keep which build is the newest before a trigger."""
        self._newest_before[build_id] = builds[0].number if builds else 0
        while len(self._newest_before) > _MAX_NOTED:
            self._newest_before.pop(next(iter(self._newest_before)))

    def absent(self, build_id: str, builds: Sequence[_Build]) -> Search | None:
        """None where a list of the newest builds without ours proves that there is none."""
        before = self._newest_before.get(build_id, 0)
        is_whole = len(builds) < _LISTED or builds[-1].number <= before
        return None if is_whole else Search.UNSEARCHABLE

    async def of_pushes(self, repository: str) -> dict[tuple[str, str], RemoteBuild]:
        """The newest build of each ref and commit that was pushed."""
        builds = [build for build in await self.newest(repository) if not build.parent]
        return {(build.ref, build.commit): build.remote() for build in reversed(builds)}

    async def lines(self, repository: str, number: int, stage: Stage, step: Step) -> Sequence[str] | None:  # noqa: ARG002  # jobs have no stages
        path = f"api/repos/{quoted(repository)}/logs/{number}/{step.key}"
        answer = await self.server.call("GET", path)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        rows = self.server.parsed(answer, _ROWS)
        return list(_lines(rows))

    async def stop(self, repository: str, build: RemoteBuild) -> Answer:
        answer = Answer(HTTPStatus.NO_CONTENT, {}, b"")
        for job in (
            step for stage in build.stages for step in stage.steps if not state_of(step.word).terminal
        ):
            answer = await self.server.call(
                "DELETE", f"{builds_path(repository)}/{build.number}/{job.number}"
            )
            if not answer.good:
                break
        return answer

    def not_stopped(self, answer: Answer) -> RemoteError:
        if answer.status == HTTPStatus.BAD_REQUEST:
            return Transient(f"{self.title} cannot end a build that waits: only once it runs")
        return super().not_stopped(answer)

    async def newest(self, repository: str) -> Sequence[_Build]:
        """The list of builds, the newest first."""
        return await self.shown(repository, builds_path(repository), _BUILDS)

    def read_build(self, answer: Answer) -> _Build:
        return self.server.parsed(answer, _BUILD)

    async def _read(self, repository: str, number: int) -> _Build | None:
        answer = await self.server.call("GET", f"{builds_path(repository)}/{number}")
        # For a number that there is not it answers 500, with no text.
        if answer.status in {404, 500} and not answer.body:
            return None
        return self.read_build(answer)


def _lines(rows: Iterable[_Row]) -> Iterator[str]:
    """The lines of all steps of a job, each after a line with its name; the last row of a log is empty."""
    proc = ""
    for row in rows:
        if row.proc and row.type != _EXIT_CODE:
            if row.proc != proc:
                proc = row.proc
                yield f"== {proc} =="
            yield row.out
