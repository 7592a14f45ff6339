"""What the builders of workflows have in common.

The workflow is read before each trigger, as it is at the ref that it will run at: it gets the variables that
it declares. A run is recognised by our build id in its title, which the `run-name` of the workflow shows, or
by the number that the server answered; never by its time.
"""

from abc import abstractmethod
from base64 import b64decode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Final
from urllib.parse import quote

from pydantic import TypeAdapter

from bridge.builders.actions.chinese import CHINESE
from bridge.builders.actions.log import ActionsLog
from bridge.builders.actions.model import ActionsRef, Run
from bridge.builders.actions.poll import SEARCHED, ActionsPoll
from bridge.builders.actions.rerun import Reruns
from bridge.builders.actions.server import ActionsServer
from bridge.builders.actions.settings import ActionsSettings
from bridge.builders.actions.workflow import Workflow, advice, identity_cure, shortcomings
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
    Retry,
    Search,
    Sent,
    Status,
    Target,
    unsent,
)
from bridge.builders.server import Answer, Document
from bridge.errors import RemoteError, Transient, Unanswered
from bridge.model.build import BuildRequest, SeenJob, may_be_older

_MAX_FILE: Final = 1 << 20
FORCE_AFTER: Final = 150.0
"""Seconds that the jobs of a run have to clean up, once its end was asked for."""
_MAX_ASKED: Final = 1000
_HOME_MAX_AGE: Final = 600.0
"""Seconds for which the workflow of the default branch is used again."""
_MAX_NAMES: Final = 20
_NO_ID: Final = "took the build, and did not say its run"


class _File(Document):
    content: str
    encoding: str


_FILE: Final = TypeAdapter(_File)


class ActionsBuilder(Builder):
    """One workflow of one repository."""

    chinese = CHINESE
    place: ClassVar[Sequence[str]] = ("url", "repository", "workflow")
    values: str = "inputs"
    """What expressions of the workflow call our variables."""

    def __init__(
        self, name: str, settings: ActionsSettings, context: BuilderContext, server: ActionsServer
    ) -> None:
        self.name = name
        self.poll_interval = settings.poll_interval.total_seconds()
        # A run appears some time after its trigger was answered.
        self.settle_seconds = 1.5 * settings.settle_seconds
        self.repository = settings.repository
        self.file = settings.workflow
        self.server = server
        self._branch = settings.branch
        self._clock = context.clock
        self._poll = ActionsPoll(server, context.clock)
        self._log = ActionsLog(server, context.clock)
        self._reruns = Reruns(server, self.repository, self.file, self.workflow)
        self._asked: dict[tuple[int, int], float] = {}
        self._home: tuple[Workflow, float] | None = None
        self._seen: SeenJob | None = None

    @property
    @abstractmethod
    def folders(self) -> Sequence[str]:
        """Where a repository has its workflows, the first that counts before others."""

    @abstractmethod
    async def start(self, ref: str, values: Mapping[str, str]) -> Answer:
        """Ask once for a run at `ref`, with these variables. Raises RemoteError."""

    @abstractmethod
    def started(self, answer: Answer) -> int | None:
        """The number of the run in a good answer; None without one. Raises RemoteError."""

    @abstractmethod
    def rejection(self, answer: Answer) -> str | None:
        """Why the trigger was refused for good, where the answer says it."""

    @property
    def seen(self) -> SeenJob | None:
        return self._seen

    async def workflow(self, ref: str | None) -> Workflow | None:
        """The workflow at a branch or tag, at the default branch for None; None without one.

        Raises RemoteError.
        """
        for folder in self.folders:
            path = f"{self.server.path(self.repository)}/contents/{quote(f'{folder}/{self.file}')}"
            found = await self.server.read(path, _FILE, query={"ref": ref} if ref else None)
            if found is None:
                continue
            if found.encoding != "base64" or len(found.content) > 2 * _MAX_FILE:
                raise Transient(f"{self.server.name} does not show the text of the workflow {self.file}")
            try:
                text = b64decode(found.content)
            except ValueError:
                raise Transient(f"{self.server.name} answered with a file that is not its API's") from None
            return Workflow.parse(self.file, text, self.event, self.values)
        return None

    @property
    def event(self) -> str | None:
        """The type of the event that starts the workflow; None for a call by hand."""
        return None

    async def home(self, *, anew: bool = False) -> Workflow:
        """The workflow of `branch`, else of the default branch. Raises RemoteError, also without one."""
        if self._home and not anew and self._clock() - self._home[1] < _HOME_MAX_AGE:
            return self._home[0]
        found = await self.workflow(self._branch)
        if found is None:
            raise self.server.hidden(self.repository, self.file)
        now = self._clock()
        self._home = found, now
        self._seen = found.seen(now)
        return found

    async def trigger(self, request: BuildRequest) -> Outcome:  # noqa: PLR0911  # a guard for each reason
        try:
            home = await self.home()
            ref, workflow = await self._at(request, home)
            again = await self._reruns.attempt(request, workflow) if workflow else None
        except RemoteError as error:
            return unsent(error)
        if workflow is None:
            return Rejected(f"{ref} has no workflow {self.file}: add it there, or set `branch`")
        if why := self._unfit(workflow, home, ref, request):
            return Rejected(why)
        if again and (outcome := await self._reruns.start(again, workflow, request)):
            return outcome
        since = self._clock()
        try:
            answer = await self.start(ref, workflow.values(request))
        except Unanswered as error:
            return Ambiguous(str(error))
        except RemoteError as error:
            return unsent(error)
        if not answer.good or answer.sign_in:
            return await self._refused(answer, workflow, request)
        return self._taken(answer, workflow, request, since)

    def _taken(self, answer: Answer, workflow: Workflow, request: BuildRequest, since: float) -> Outcome:
        try:
            number = self.started(answer)
        except RemoteError as error:
            return Ambiguous(str(error))
        if number is None and not workflow.searchable:
            cure = identity_cure(self.values, by_hand=self.event is None)
            return Ambiguous(f"{self.server.name} {_NO_ID}, and no title of a run shows its id: {cure}")
        handle = self._ref(request, workflow, number, since).handle
        return workflow.sent(handle, "" if number else f"{self.server.name} {_NO_ID} yet", request)

    def _ref(self, request: BuildRequest, workflow: Workflow, number: int | None, since: float) -> ActionsRef:
        return ActionsRef(
            repository=self.repository,
            workflow=self.file,
            build=request.build_id,
            run=number,
            since=0.0 if number else since,
            commit="" if workflow.gets_commit or not request.branch else request.commit[:100],
        )

    async def _at(self, request: BuildRequest, home: Workflow) -> tuple[str, Workflow | None]:
        """The ref at which the workflow will run, and what it is there. Raises RemoteError."""
        if self.event is not None:
            return "the default branch", home
        if self._branch:
            return f"refs/heads/{self._branch}", home
        return request.ref, await self.workflow(request.branch or request.tag)

    def _unfit(self, workflow: Workflow, home: Workflow, ref: str, request: BuildRequest) -> str | None:
        """Why this workflow cannot run, or must not."""
        name = f"the workflow {self.file} at {ref}"
        if why := self.unstartable(workflow):
            return f"{name} {why}"
        if missing := workflow.missing(request):
            names = ", ".join(missing[:_MAX_NAMES])
            return f"{name} requires inputs that no one gives: set {names} in `parameters` of the rule"
        # The workflow at home decides whether a run can be found: one elsewhere that does not show its id
        # would be taken for one that does not exist.
        if home.searchable and not workflow.searchable:
            return (
                f"{name} does not show our build id in the titles of its runs, as that at home does: "
                f"{identity_cure(self.values, by_hand=self.event is None)}"
            )
        return None

    def unstartable(self, workflow: Workflow) -> str | None:
        """Why no one can start it in our way, in words that follow its name."""
        if workflow.starts:
            return None
        event = f"repository_dispatch` for the type {self.event}" if self.event else "workflow_dispatch`"
        return f"has no `on: {event}: add it"

    async def _refused(self, answer: Answer, workflow: Workflow, request: BuildRequest) -> Outcome:
        outcome = self.server.refused(answer)
        if not isinstance(outcome, Rejected):
            return outcome
        try:
            _, now = await self._at(request, await self.home(anew=True))
        except RemoteError:
            now = workflow
        if now != workflow:
            return Retry("the workflow has just changed", outdated=True)
        return Rejected(f"the workflow {self.file} was not started: {self.rejection(answer) or outcome.why}")

    async def find(self, request: BuildRequest) -> Handle | Search | None:
        found = await self._search(request.build_id)
        # A new run shows its own id, and then that is ours, whoever has run the one before again.
        return found if isinstance(found, str) else await self._reruns.find(request) or found

    async def _search(self, build_id: str) -> Handle | Search | None:
        home = await self.home(anew=True)
        searchable = home.searchable
        left = SEARCHED // self.server.page_size
        async for page in self.server.pages(self.repository, self.file, left):
            if ours := [run.id for run in page if run.named(build_id)]:
                # A person can start one with the same inputs: ours is the oldest.
                return ActionsRef(
                    repository=self.repository, workflow=self.file, build=build_id, run=min(ours)
                ).handle
            searchable = searchable and not any(self.hides(run) for run in page)
            left -= 1
            if page and not left:
                # It may be on a page behind those, unless all there is older.
                starts = (run.created_at or 0.0 for run in page)
                searchable = searchable and not may_be_older(build_id, starts, self._clock())
        return None if searchable else Search.UNSEARCHABLE

    def hides(self, run: Run) -> bool:  # noqa: ARG002  # titles are always shown
        """Whether a run may be ours although it does not show our id."""
        return False

    def found(self, handle: Handle, request: BuildRequest) -> Sent:
        assert self._home is not None
        return self._home[0].sent(handle, FOUND, request)

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        return await self._poll.poll(handles)

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        """Offsets are those of `actions.log`."""
        ref = ActionsRef.parse(handle)
        if ref.run is None:
            return LogChunk(text="", next=offset, more=False)
        newest = await self.server.run(ref.repository, ref.run)
        run = await self.server.attempt(ref, newest) if newest else None
        if run is None:
            raise Transient(f"{self.server.name} does not show the run and its logs now (404)")
        return await self._log.read(ref.repository, run, offset)

    async def cancel(self, handle: Handle) -> None:
        ref = ActionsRef.parse(handle)
        run = await self._may_run(ref)
        if run is None:
            return
        answer = await self.server.stop(ref.repository, run.id, force=self._is_stuck(run))
        if answer.good and not answer.sign_in:
            return
        # It may have ended between the two requests.
        if await self._may_run(ref):
            raise self.server.not_stopped(answer)

    def _is_stuck(self, run: Run) -> bool:
        """Whether a run goes on although its end was asked for some time ago."""
        now = self._clock()
        first = self._asked.setdefault((run.id, run.attempt), now)
        if len(self._asked) > _MAX_ASKED:
            self._asked.pop(next(iter(self._asked)))
        return now - first >= FORCE_AFTER

    async def _may_run(self, ref: ActionsRef) -> Run | None:
        """The run while it goes on. Raises Transient while the server does not show it yet."""
        if ref.run is None:
            found = await self._search(ref.build)
            if not isinstance(found, str):
                raise Transient(f"{self.server.name} {_NO_ID} yet, so that it cannot be cancelled")
            ref = ActionsRef.parse(found)
        assert ref.run is not None
        run = await self.server.run(ref.repository, ref.run)
        if run is None:
            # It is too late, unless the server only fails to show it.
            await self.server.check(ref.repository, ref.workflow)
            return None
        own = await self.server.attempt(ref, run)
        if own is None:
            raise Transient(
                f"{self.server.name} does not show the attempt yet, so that it cannot be cancelled"
            )
        return None if own.ended else own

    async def tested(self, hindrances: Iterable[str]) -> str:
        """What `test` says of a workflow that is there: what hinders it, and what it lacks."""
        home = await self.home(anew=True)
        lacks = [*hindrances, *self.shortcomings(home.seen(0.0).parameters)]
        if why := self.unstartable(home):
            lacks.append(why)
        return "; it ".join([f"signed in; the workflow {self.file} of {self.repository} was read", *lacks])

    def shortcomings(self, parameters: Collection[str]) -> Iterator[str]:
        """What a workflow with these parameters lacks, each with the cure."""
        return shortcomings(parameters, values=self.values, by_hand=self.event is None)

    def advice(self, targets: Sequence[Target], seen: Sequence[SeenJob]) -> Sequence[Advice]:
        wanting = targets if self.event is None else ()
        return list(advice(self.name, self.file, self.shortcomings, wanting, seen))

    async def aclose(self) -> None:
        await self.server.aclose()
