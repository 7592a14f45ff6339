"""Builds on a Jenkins server.

Source: "Remote Access API", https://www.jenkins.io/doc/book/using/remote-access-api/

The job must exist. It gets the parameters that it declares; Jenkins silently drops all others. A job that
declares BRIDGE_BUILD_ID can be searched for our builds, and Jenkins never merges two of them into one.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

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
    Setup,
    Status,
    Target,
    unsent,
)
from bridge.builders.jenkins import job as jenkins_job
from bridge.builders.jenkins import log as jenkins_log
from bridge.builders.jenkins.answer import Answer
from bridge.builders.jenkins.branches import Branches, job_of
from bridge.builders.jenkins.chinese import CHINESE
from bridge.builders.jenkins.client import JenkinsServer
from bridge.builders.jenkins.credentials import JobCredentials
from bridge.builders.jenkins.items import BRANCH, BUILD_ID, NOT_EXACT, JenkinsJob, job_path
from bridge.builders.jenkins.jobs import JobCache, Jobs, NoJob
from bridge.builders.jenkins.model import (
    WHO_WE_ARE,
    WHOAMI,
    JenkinsRef,
    JenkinsUser,
    QueueItem,
    item_tree,
    queue_number,
)
from bridge.builders.jenkins.poll import JenkinsPoll
from bridge.builders.jenkins.request import Form, ServerAccess
from bridge.builders.jenkins.search import JenkinsSearch
from bridge.builders.jenkins.settings import JenkinsSettings
from bridge.errors import Permanent, RemoteError, Transient, Unanswered
from bridge.model.build import BuildRequest, SeenJob

_REJECTIONS: Final[Mapping[int, str]] = {
    302: "was not queued: Jenkins points elsewhere, because a plugin rejected it or `url` is not exact",
    404: "does not exist, or this user may not see it: check `job` and the user's permissions",
    405: "cannot be started through the API",
    409: "is disabled",
    413: "cannot get parameters this long: Jenkins or a proxy limits them",
    414: "cannot get parameters this long: Jenkins or a proxy limits them",
}
# Seconds after a start in which Jenkins may not list builds that exist.
_SETTLE_SECONDS: Final = 60.0
_MAX_NAMES: Final = 20
_ITEMS_KEPT: Final = 1000
_MAX_SHOWN: Final = 100


class JenkinsBuilder(Builder):
    """One job of one Jenkins server, or those of the branches of one multibranch project."""

    chinese = CHINESE
    kind: ClassVar[str] = "jenkins"
    Settings: ClassVar[type[BaseModel]] = JenkinsSettings
    place: ClassVar[Sequence[str]] = ("url", "job")

    def __init__(self, name: str, settings: JenkinsSettings, context: BuilderContext) -> None:
        self.name = name
        self.poll_interval = settings.poll_interval.total_seconds()
        self.settle_seconds = 4 * settings.timeout.total_seconds()
        self._job = settings.job
        self._clock = context.clock
        access = ServerAccess(
            url=settings.url,
            username=settings.username,
            secret=settings.secret.reveal(),
            by_password=settings.password is not None,
            timeout=settings.timeout.total_seconds(),
            ca_file=str(settings.ca_file) if settings.ca_file else None,
            proxy=settings.proxy,
            concurrency=settings.concurrency,
        )
        self._by_password = access.by_password
        self._server = JenkinsServer(access, context.clock)
        self._jobs = Jobs(settings.job, self._server, context.clock)
        self._branches = (
            Branches(settings.job, self._server, context.clock) if settings.job.endswith(BRANCH) else None
        )
        self._credentials = JobCredentials(settings.job, settings.credentials, self._server)
        self._poll = JenkinsPoll(self._server, settings.url, context.clock)
        self._search = JenkinsSearch(self._server, self._poll, context.clock)
        self._queue_numbers: deque[tuple[str | None, int]] = deque(maxlen=_ITEMS_KEPT)

    @property
    def seen(self) -> SeenJob | None:
        return self._jobs.seen

    async def trigger(self, request: BuildRequest) -> Outcome:
        cache = self._jobs.of(job_of(self._job, request))
        try:
            job = await cache.get()
        except RemoteError as error:
            if self._branches and isinstance(error, NoJob):
                lack = f"Jenkins has no job {cache.name!r} yet"
                return await self._branches.awaited(request, lack)
            return unsent(error)
        try:
            answer = await self._send(cache.name, job, request.variables())
        except Unanswered as error:
            return Ambiguous(str(error))
        except RemoteError as error:
            return unsent(error)
        number = queue_number(answer.headers.get("Location"))
        if number is not None and answer.status in {201, 303}:
            merged = answer.status == 303  # noqa: PLR2004  # an HTTP status
            return await self._queued(cache, job, request, number, merged=merged)
        cache.forget()
        return await self._not_queued(cache, job, request, answer)

    async def _send(self, name: str, job: JenkinsJob, values: Mapping[str, str]) -> Answer:
        # In the body, not in the query as python-jenkins sends it: queries land in access logs and are
        # limited to about 8 KB. The request names the commit, so a quiet period would only cost time.
        page = "buildWithParameters" if job.definitions else "build"
        declared = {name: value for name, value in values.items() if name in job.definitions}
        form = Form({**declared, "delay": "0sec"})
        return await self._server.call("POST", job_path(name) + page, body=form)

    async def _queued(
        self, cache: JobCache, job: JenkinsJob, request: BuildRequest, number: int, *, merged: bool
    ) -> Outcome:
        if merged and job.searchable:
            # Jenkins merges builds with equal values, our id included, unless the job no longer declares it.
            try:
                job = await cache.read()
            except RemoteError as error:
                return Ambiguous(f"Jenkins merged the build into queue item {number}, and then: {error}")
        session = self._server.session
        notes = []
        if job.searchable and merged:
            notes.append(f"it was already waiting as queue item {number}")
        elif not job.searchable and (merged or (session, number) in self._queue_numbers):
            notes.append(f"shares queue item {number} with another build")
        self._queue_numbers.append((session, number))
        if dropped := jenkins_job.undeclared(job.definitions, [BUILD_ID, *sorted(request.parameters)]):
            notes.append(f"the job does not declare, and so does not get: {', '.join(dropped[:_MAX_NAMES])}")
        identity = request.build_id if job.searchable else None
        ref = JenkinsRef(job=cache.name, queue=number, session=session, id=identity)
        return jenkins_job.sent(ref.handle, "; ".join(notes), job.definitions, request)

    async def _not_queued(
        self, cache: JobCache, job: JenkinsJob, request: BuildRequest, answer: Answer
    ) -> Outcome:
        status = answer.status
        if status in {429, 503}:
            return Retry(self._server.describe(answer), answer.after)
        if status in {400, 500}:
            return await self._parameters_rejected(cache, job, request, answer)
        if status in {401, 403} or answer.sign_in:
            # While its plugins load, Jenkins asks for a crumb even when the token is good.
            starting = answer.asks_for_crumb and not await self._up_for_long(cache)
            why = (
                f"{self._server.describe(answer)}; or Jenkins is still starting"
                if starting
                else self._server.describe(answer)
            )
            return Retry(why, denied=not starting)
        if status in _REJECTIONS:
            return await self._rejected(cache.name, request, status)
        if 300 <= status < 500 and status != 408:  # noqa: PLR2004  # HTTP statuses; of a proxy that did not wait
            return Rejected(f"the job {cache.name!r} was not queued: {self._server.describe(answer)}")
        return Ambiguous(f"{self._server.describe(answer)}, without a queue number")

    async def _rejected(self, name: str, request: BuildRequest, status: int) -> Outcome:
        why = f"the job {name!r} {_REJECTIONS[status]} ({status})"
        if self._branches and status in {404, 409}:
            # A job whose branch was gone is disabled until a scan finds the branch again.
            return await self._branches.awaited(request, why)
        return Rejected(why)

    async def _up_for_long(self, cache: JobCache) -> bool:
        """Whether Jenkins is known to have been up for some time."""
        try:
            await cache.read()
        except RemoteError:
            return False
        return self._settled()

    async def _parameters_rejected(
        self, cache: JobCache, job: JenkinsJob, request: BuildRequest, answer: Answer
    ) -> Outcome:
        """Find out whether the values are wrong, or what we know of the job is out of date."""
        try:
            now = await cache.read()
        except RemoteError as error:
            return Ambiguous(f"{self._server.describe(answer)}, and then: {error}")
        if now != job:
            return Retry("the parameters of the job have just changed", outdated=True)
        if names := now.not_offered(request.variables()):
            return Rejected(f"the job does not offer the given value of: {', '.join(names[:_MAX_NAMES])}")
        return Rejected(f"the job {cache.name!r} does not take these parameters ({answer.status})")

    async def find(self, request: BuildRequest) -> Handle | Search | None:
        cache = self._jobs.of(job_of(self._job, request))
        try:
            job = await cache.read()
        except NoJob:
            if self._branches is None:
                raise
            await self._branches.read()
            # With its branch, Jenkins removes the builds of a job.
            return Search.UNSEARCHABLE
        if not job.searchable:
            return Search.UNSEARCHABLE
        found = await self._search.find(cache.name, request.build_id)
        return found.handle if isinstance(found, JenkinsRef) else found

    def found(self, handle: Handle, request: BuildRequest) -> Sent:
        seen = self._jobs.of(JenkinsRef.parse(handle).job).seen
        assert seen is not None
        return jenkins_job.sent(handle, FOUND, seen.parameters, request)

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        return await self._poll.poll(handles)

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        """Offsets are those of `jenkins_log`; a build in the queue has an empty log."""
        ref = JenkinsRef.parse(handle)
        if ref.build is None:
            return LogChunk(text="", next=offset, more=False)
        raw, blocks = jenkins_log.split(offset)
        path = f"{job_path(ref.job)}{ref.build}/logText/progressiveText?start={raw}"

        def window(headers: Mapping[str, str]) -> tuple[int, int]:
            # For an offset beyond the end, Jenkins sends the whole log from its beginning.
            return jenkins_log.window(0 if jenkins_log.size(headers) < raw else blocks)

        answer = await self._server.call("GET", path, window=window)
        if answer.status == 404 and self._settled():  # noqa: PLR2004  # an HTTP status
            raise Permanent("the build and its log are no longer in Jenkins (404)")
        if answer.status == 404:  # noqa: PLR2004  # an HTTP status
            raise Transient("Jenkins does not show the log (404): it has only just started")
        if answer.status != 200:  # noqa: PLR2004  # an HTTP status
            raise self._server.error_of(answer)
        chunk = jenkins_log.chunk(answer.headers, answer.body, raw, blocks, truncated=answer.truncated)
        self._poll.stages.saw_log(ref.job, ref.build, chunk.text)
        return chunk

    def _settled(self) -> bool:
        return self._clock() - self._server.since >= _SETTLE_SECONDS

    async def cancel(self, handle: Handle) -> None:
        ref = JenkinsRef.parse(handle)
        number = ref.build
        if number is None:
            if await self._cancelled_in_queue(ref):
                return
            build = await self._search.build(ref)
            number = build.number if build else None
        if number is not None:
            await self._post(f"{job_path(ref.job)}{number}/stop", ref.job)

    async def _cancelled_in_queue(self, ref: JenkinsRef) -> bool:
        """Take the item out of the queue; False when it is no longer there."""
        if ref.queue is None:
            return False
        item = await self._server.read(item_tree(ref.queue), QueueItem)
        if item is None or not ref.owns_item(item, self._server.session):
            return False
        if item.cancelled:
            return True
        started = item.executable is not None
        return not started and await self._post(f"queue/cancelItem?id={ref.queue}", ref.job)

    async def _post(self, path: str, job: str) -> bool:
        """False when there is nothing (404) of this job to act on."""
        answer = await self._server.call("POST", path)
        # Success is a redirect to the page of the item or build, or 204.
        if answer.status < 400 or answer.status == 404:  # noqa: PLR2004  # HTTP statuses
            return answer.status != 404  # noqa: PLR2004  # an HTTP status
        if answer.asks_for_crumb and not await self._up_for_long(self._jobs.of(job)):
            raise Transient(f"{self._server.describe(answer)}; or Jenkins is still starting")
        raise self._server.error_of(answer)

    async def test(self) -> str:
        user = await self._server.read(WHOAMI, JenkinsUser)
        if user is None:
            raise Permanent("there is no Jenkins at `url` (404): check `url`")
        if not user.name:
            raise Permanent(f"Jenkins does not say who we are: {NOT_EXACT}")
        seen = await (self._test_branches(self._branches) if self._branches else self._test_job(self._job))
        return f"signed in as {user.name[:_MAX_SHOWN]} by {await self._login()}; {seen}"

    async def _test_job(self, name: str) -> str:
        job = await self._jobs.of(name).read()
        text = f"the job {name!r} declares {len(job.definitions)} parameters"
        if not job.buildable:
            text += "; it is disabled, so Jenkins will reject builds: enable it"
        text = "; it ".join([text, *jenkins_job.shortcomings(job.definitions)])
        return "; ".join([text, *await self._credentials.faults()])

    async def _test_branches(self, branches: Branches) -> str:
        """What the project has, and what its job that ran last lacks, for all of them."""
        project = await branches.read(jobs=True)
        text = f"the multibranch project {branches.project!r} has {len(project.jobs)} jobs of branches"
        if project.buildable is False:
            text += "; it is disabled, so Jenkins scans and builds nothing: enable it"
        if project.newest is None:
            return f"{text}; none has run, and Jenkins knows what they declare only after that: build one"
        newest = await self._test_job(f"{branches.project}/{project.newest}")
        return f"{text}; of that which ran last: {newest}"

    async def _login(self) -> str:
        """What the user signs in with, once it has served for more than reading. Raises RemoteError."""
        answer = await self._server.call("POST", WHO_WE_ARE)
        if answer.status in {401, 403}:
            raise self._server.error_of(answer)
        if not self._by_password:
            return "`token`"
        bare = await self._server.call("POST", WHO_WE_ARE, crumb=False)
        if bare.asks_for_crumb:
            return "`password`, with a crumb"
        return "`password`, without a crumb: if it is an API token, write it as `token`"

    async def setup(self, parameters: Sequence[str], *, apply: bool = False) -> Setup:
        from bridge.builders.jenkins.setup import JobSetup  # noqa: PLC0415  # only once a person asks

        setup = JobSetup(self._jobs.of(self._job), self._server, self._branches, self._credentials)
        return await setup.run(parameters, apply=apply)

    def advice(self, targets: Sequence[Target], seen: Sequence[SeenJob]) -> Sequence[Advice]:
        return list(jenkins_job.advice(self.name, self._job, targets, seen))

    async def aclose(self) -> None:
        self._server.close()
