"""Builds on a Jenkins server.

Source: "Remote Access API" and "Parameterized Build" in the Jenkins documentation. A job must exist; of
the parameters of a build it gets those that it declares, since Jenkins drops all others without a word. A job
that declares BRIDGE_BUILD_ID can be searched for our builds, and Jenkins never merges two of them into one.
"""

from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Final
from urllib.parse import urlsplit

import anyio
import jenkins
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from bridge.builders.base import (
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
)
from bridge.builders.jenkins import log as jenkins_log
from bridge.builders.jenkins.client import Access, Answer, Form, Lost, Server, Unsent, told
from bridge.builders.jenkins.model import (
    ID,
    Build,
    Item,
    Job,
    Place,
    User,
    item_tree,
    job_path,
    job_tree,
    queue_number,
    undeclared,
)
from bridge.builders.jenkins.watch import MAX_RANGE, Watch
from bridge.config.types import Duration, Secret, Strict, wrong
from bridge.errors import Permanent, RemoteError, Transient
from bridge.model.build import BuildRequest
from bridge.runtime.clock import Clock

_REFUSALS: Final[Mapping[int, str]] = {
    302: "was not queued but Jenkins points elsewhere: a plugin refused it, or `url` is not exact",
    404: "does not exist or may not be seen by this user",
    405: "cannot be started from outside",
    409: "is disabled",
    413: "does not get parameters this long through Jenkins or a proxy",
    414: "does not get parameters this long through Jenkins or a proxy",
}
# The definition of a job may be old by this many seconds: a change shows in refused triggers anyway.
_JOB_AGE: Final = 600.0
# A server that has just started can miss builds for a moment, although they exist.
_SETTLED: Final = 60.0
_NEAR: Final = 200
_SECOND_SEARCH: Final = 0.5
_MAX_NAMES: Final = 20
_ITEMS_KEPT: Final = 1000
_MAX_SHOWN: Final = 100


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # reading it checks it
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise wrong("url", "must be an address such as https://ci.example.com/jenkins")
    if parts.username or parts.password:
        raise wrong("url", "must not hold a user or a password")
    return value.rstrip("/") + "/"


Address = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_address)]
Bounded = Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(minutes=10))]


class JenkinsSettings(Strict):
    """`token` is an API token of `username`, `job` the full name of the job with its folders.

    `timeout` bounds one call from end to end, `concurrency` how many there are at once. `ca_file` holds the
    authorities to trust (PEM) in place of the public ones. The environment's proxy is not used, `proxy` is.
    """

    url: Address
    """The address of Jenkins, with its path."""
    username: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^:\x00-\x1f]+$")]
    """Who triggers the builds."""
    token: Secret
    """An API token of that user."""
    job: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^/\x00-\x1f]+(/[^/\x00-\x1f]+)*$")]
    """The full name of the job with its folders, such as docker/build-image."""
    timeout: Bounded = timedelta(seconds=15)
    """How long one call may take."""
    concurrency: Annotated[int, Field(ge=1, le=16)] = 4
    """How many calls there are at once."""
    ca_file: Annotated[Path, Field(strict=False)] | None = None
    """Authorities to trust instead of the public ones (a PEM file)."""
    proxy: Address | None = None
    """The HTTP proxy to go through."""
    poll_interval: Bounded = timedelta(seconds=5)
    """How often running builds are looked at."""


class _KnownJob:
    """The definition of a job, kept as long as it can be trusted."""

    def __init__(self, name: str, server: Server, clock: Clock) -> None:
        self._name = name
        self._server = server
        self._clock = clock
        self._kept: tuple[Job, str | None, float] | None = None

    async def get(self) -> Job:
        """Raises RemoteError."""
        if self._kept:
            job, session, read_at = self._kept
            # Without our id the session is all that makes a queue number ours: it must be fresh.
            if job.searchable and session == self._server.session and self._clock() - read_at < _JOB_AGE:
                return job
        return await self.read()

    async def read(self) -> Job:
        """The definition as it is now. Raises RemoteError."""
        self._kept = None
        job = await self._server.read(job_tree(self._name), Job)
        if job is None:
            raise Permanent(f"Jenkins shows no job {self._name!r} to this user (404)")
        if job.buildable is None:
            # A folder, or the root: with a `url` that goes on after it, Jenkins answers its own document.
            raise Permanent(f"{self._name!r} is not a job that can be built, or `url` is not exact")
        self._kept = job, self._server.session, self._clock()
        return job

    def forget(self) -> None:
        self._kept = None


class JenkinsBuilder(Builder):
    """One job of one Jenkins server."""

    kind: ClassVar[str] = "jenkins"
    Settings: ClassVar[type[BaseModel]] = JenkinsSettings

    def __init__(self, name: str, settings: JenkinsSettings, context: BuilderContext) -> None:
        self.name = name
        self.poll_interval = settings.poll_interval.total_seconds()
        self._job = settings.job
        self._clock = context.clock
        access = Access(
            url=settings.url,
            username=settings.username,
            token=settings.token.reveal(),
            timeout=settings.timeout.total_seconds(),
            ca_file=str(settings.ca_file) if settings.ca_file else None,
            proxy=settings.proxy,
            concurrency=settings.concurrency,
        )
        self._server = Server(access, context.clock)
        self._known = _KnownJob(settings.job, self._server, context.clock)
        self._watch = Watch(self._server, settings.url, context.clock)
        self._given: deque[tuple[str | None, int]] = deque(maxlen=_ITEMS_KEPT)

    async def trigger(self, request: BuildRequest) -> Outcome:
        try:
            job = await self._known.get()
        except Transient as error:
            return Retry(str(error), error.after)
        except RemoteError as error:
            return Rejected(str(error))
        values = request.variables()
        try:
            answer = await self._send(job, values)
        except Unsent as error:
            return Retry(str(error))
        except Lost as error:
            self._known.forget()
            return Ambiguous(str(error))
        number = queue_number(answer.headers.get("Location"))
        if number is not None and answer.status in {201, 303}:
            return await self._queued(job, request, number, merged=answer.status == 303)  # noqa: PLR2004  # HTTP
        return await self._refused(job, values, answer)

    async def _send(self, job: Job, values: Mapping[str, str]) -> Answer:
        # In the body, not in the query as python-jenkins has it: queries land in access logs and are limited
        # to some 8 KB. The commit is named, so there is nothing that a quiet period could wait for.
        page = "buildWithParameters" if job.definitions else "build"
        declared = {name: value for name, value in values.items() if name in job.definitions}
        form = Form({**declared, "delay": "0sec"})
        return await self._server.call("POST", job_path(self._job) + page, form=form)

    async def _queued(self, job: Job, request: BuildRequest, number: int, *, merged: bool) -> Outcome:
        if merged and job.searchable:
            # Merged means equal values, with our id among them, unless the job has ceased to declare it.
            try:
                job = await self._known.read()
            except RemoteError as error:
                return Ambiguous(f"Jenkins merged the build into queue item {number}, and then: {error}")
        session = self._server.session
        notes = []
        if job.searchable and merged:
            notes.append(f"it was already waiting as queue item {number}")
        elif not job.searchable and (merged or (session, number) in self._given):
            notes.append(f"shares queue item {number} with another build")
        self._given.append((session, number))
        if dropped := undeclared(job, [ID, *sorted(request.parameters)]):
            notes.append(f"not declared by the job, so not sent: {', '.join(dropped[:_MAX_NAMES])}")
        identity = request.build_id if job.searchable else None
        place = Place(job=self._job, queue=number, session=session, id=identity)
        return Sent(place.handle, "; ".join(notes))

    async def _refused(self, job: Job, values: Mapping[str, str], answer: Answer) -> Outcome:
        self._known.forget()
        status = answer.status
        if status in {429, 503}:
            return Retry(told(answer), answer.after)
        if status in {400, 500}:
            return await self._misfit(job, values, answer)
        if answer.no_crumb and not await self._long_up():
            # As long as its plugins load, Jenkins asks whoever has a good token for a crumb, too.
            return Retry(f"{told(answer)}, unless it is only just starting")
        if status in _REFUSALS:
            return Rejected(f"the job {self._job!r} {_REFUSALS[status]} ({status})")
        if 300 <= status < 500:  # noqa: PLR2004  # HTTP statuses
            return Rejected(f"the job {self._job!r} was not queued: {told(answer)}")
        return Ambiguous(f"{told(answer)}, without a queue number")

    async def _long_up(self) -> bool:
        """Whether Jenkins is known to have started a while ago."""
        try:
            await self._known.read()
        except RemoteError:
            return False
        return self._settled()

    async def _misfit(self, job: Job, values: Mapping[str, str], answer: Answer) -> Outcome:
        """Tell whose fault a refusal of the parameters is: the values', or of our idea of the job."""
        try:
            now = await self._known.read()
        except RemoteError as error:
            return Ambiguous(f"{told(answer)}, and then: {error}")
        if now != job:
            return Retry("the parameters of the job have just changed", 0.0)
        if names := now.misfits(values):
            return Rejected(f"the job does not offer the given value of: {', '.join(names[:_MAX_NAMES])}")
        return Rejected(f"the job {self._job!r} does not take these parameters ({answer.status})")

    async def find(self, build_id: str) -> Handle | Search | None:
        """The queue, then the newest 2000 builds are searched: an unanswered trigger is never older."""
        job = await self._known.read()
        if not job.searchable:
            return Search.UNSEARCHABLE
        place = await self._found(build_id)
        if place is None:
            # Between the queue and the job a build is in neither list.
            await anyio.sleep(_SECOND_SEARCH)
            place = await self._found(build_id)
        return place.handle if place else None

    async def _found(self, build_id: str) -> Place | None:
        waiting = await self._watch.waiting()
        wanted = Place(job=self._job, id=build_id, session=self._server.session)
        if item := waiting.pick(wanted, wanted.session):
            return wanted.model_copy(update={"queue": item.id})
        build = await self._started(wanted)
        return wanted.at(build) if build else None

    async def _started(self, place: Place) -> Build | None:
        """The build of a place without a number: first among the newest, then farther back."""
        for count in (_NEAR, MAX_RANGE):
            catalogue = await self._watch.catalogue(place.job, count)
            if catalogue is None:
                raise Transient(f"Jenkins shows no job {place.job!r} to this user (404)")
            build = catalogue.pick(place, self._server.session)
            if build or len(catalogue) < count:
                return build
        return None

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        return await self._watch.poll(handles)

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        """Offsets are those of `jenkins_log`; a build in the queue has an empty log."""
        place = Place.parse(handle)
        if place.build is None:
            return LogChunk(text="", next=offset, more=False)
        raw, blocks = jenkins_log.split(offset)
        path = f"{job_path(place.job)}{place.build}/logText/progressiveText?start={raw}"

        def window(headers: Mapping[str, str]) -> tuple[int, int]:
            # Beyond its end Jenkins gives the whole log from the top.
            return jenkins_log.window(0 if jenkins_log.size(headers) < raw else blocks)

        answer = await self._server.call("GET", path, window=window)
        if answer.status == 404 and self._settled():  # noqa: PLR2004  # an HTTP status
            raise Permanent("the build and its log are no longer in Jenkins (404)")
        if answer.status == 404:  # noqa: PLR2004  # an HTTP status
            raise Transient("Jenkins does not show the log (404), but it was started only now")
        if answer.status != 200:  # noqa: PLR2004  # an HTTP status
            raise self._server.refusal(answer)
        return jenkins_log.chunk(answer.headers, answer.body, raw, blocks, truncated=answer.truncated)

    def _settled(self) -> bool:
        return self._clock() - self._server.since >= _SETTLED

    async def cancel(self, handle: Handle) -> None:
        place = Place.parse(handle)
        number = place.build
        if number is None:
            if await self._cancelled_in_queue(place):
                return
            build = await self._started(place)
            number = build.number if build else None
        if number is not None:
            await self._post(f"{job_path(place.job)}{number}/stop")

    async def _cancelled_in_queue(self, place: Place) -> bool:
        """Take the item out of the queue; False when it is no longer there."""
        if place.queue is None:
            return False
        item = await self._server.read(item_tree(place.queue), Item)
        if item is None or not place.owns_item(item, self._server.session):
            return False
        if item.cancelled:
            return True
        started = item.executable is not None
        return not started and await self._post(f"queue/cancelItem?id={place.queue}")

    async def _post(self, path: str) -> bool:
        """False when there is nothing (404) to act on."""
        answer = await self._server.call("POST", path)
        # A success is a redirect to the page of what was acted on, or 204.
        if answer.status < 400 or answer.status == 404:  # noqa: PLR2004  # HTTP statuses
            return answer.status != 404  # noqa: PLR2004  # an HTTP status
        raise self._server.refusal(answer)

    async def test(self) -> str:
        user = await self._server.read(jenkins.WHOAMI_URL % {"depth": 0}, User)
        if user is None or not user.name:
            raise Permanent("there is no Jenkins at `url`")
        job = await self._known.read()
        count = len(job.definitions)
        text = f"signed in as {user.name[:_MAX_SHOWN]}; the job {self._job!r} declares {count} parameters"
        if not job.buildable:
            text += "; it is disabled, so that builds will be rejected"
        if not job.searchable:
            text += (
                f"; it does not declare {ID}: add a string parameter of that name, "
                "else two pushes can share one build and repeats cannot be told apart"
            )
        return text

    async def aclose(self) -> None:
        self._server.close()
