"""Builds by a job of Huawei CodeArts Build.

Source: Huawei Cloud, "CodeArts Build API Reference",
https://support.huaweicloud.com/intl/en-us/api-codeci/codeci_api_0001.html

The job must exist. It gets the parameters that it declares; by one that carries our build id, a run whose
trigger was interrupted is found again.
"""

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
    Status,
    Target,
    unsent,
)
from bridge.builders.codearts.chinese import CHINESE
from bridge.builders.codearts.client import CodeArtsServer
from bridge.builders.codearts.job import DeclaredJob, advice
from bridge.builders.codearts.log import log_chunk
from bridge.builders.codearts.model import (
    BUILD_ID,
    CONFIG,
    DISABLED,
    JOBS,
    STARTED,
    STOPPED,
    CodeArtsRef,
    Enveloped,
    Record,
    record_status,
    unix,
)
from bridge.builders.codearts.poll import MAX_PAGES, PAGE, CodeArtsPoll
from bridge.builders.codearts.settings import CodeArtsSettings
from bridge.builders.server import Answer
from bridge.errors import Denied, RemoteError, Transient, Unanswered
from bridge.model.build import BuildRequest, SeenJob, may_be_older

_RUN: Final = ("v3/jobs/build", "v1/job/execute")
# Seconds for which a job's definition is used again.
_JOB_MAX_AGE: Final = 600.0
# Seconds by which the clocks of CodeArts and this machine may differ.
_CLOCKS: Final = 60.0


class CodeArtsBuilder(Builder):
    """One job of CodeArts Build."""

    chinese = CHINESE
    kind: ClassVar[str] = "codearts"
    Settings: ClassVar[type[BaseModel]] = CodeArtsSettings
    place: ClassVar[Sequence[str]] = ("url", "project_id", "job", "job_id")

    def __init__(self, name: str, settings: CodeArtsSettings, context: BuilderContext) -> None:
        self.name = name
        self.poll_interval = settings.poll_interval.total_seconds()
        self.settle_seconds = settings.settle_seconds
        self._settings = settings
        self._clock = context.clock
        self._server = CodeArtsServer(settings, context.clock)
        self._poll = CodeArtsPoll(self._server, context.clock)
        self._job: tuple[DeclaredJob, float] | None = None
        self._seen: SeenJob | None = None

    @property
    def seen(self) -> SeenJob | None:
        return self._seen

    @property
    def _job_name(self) -> str:
        """What sentences call the job."""
        return self._settings.job or self._settings.job_id or ""

    async def _known_job(self) -> DeclaredJob:
        """The job as it was lately. Raises RemoteError."""
        if self._job and self._clock() - self._job[1] < _JOB_MAX_AGE:
            return self._job[0]
        return await self._read_job()

    async def _read_job(self) -> DeclaredJob:
        """The job as it is now. Raises RemoteError."""
        self._job = None
        job_id = self._settings.job_id or await self._resolved()
        paths = [f"v3/jobs/{job_id}/query", f"v1/job/{job_id}/config"]
        found = await self._server.found(paths, CONFIG, {"get_all_params": "true"})
        if found is None or found.result is None:
            raise Denied(
                f"CodeArts shows no job {self._job_name!r} to this caller: check `job_id`, the rights "
                "of the caller, and `url`"
            )
        job = DeclaredJob(job_id, found.result.declared, self._settings.names)
        now = self._clock()
        self._job = job, now
        self._seen = SeenJob(job=self._job_name, parameters=tuple(sorted(job.declared)), seen_at=now)
        return job

    async def _resolved(self) -> str:
        """The id of the job of our name. Raises RemoteError."""
        settings = self._settings
        assert settings.job is not None
        # The older call lists all jobs of a project: only this one searches.
        path = f"v1/job/{settings.project_id}/list"
        query: Mapping[str, str | int] = {"page_index": 1, "page_size": PAGE, "search": settings.job}
        found = await self._server.found([path], JOBS, query)
        page = found.result if isinstance(found, Enveloped) else found
        for job in (page.jobs if page else None) or ():
            if job.name == settings.job:
                return job.id
        raise Denied(
            f"CodeArts shows no job {settings.job!r} in this project to this caller: "
            "check `job` and `project_id`"
        )

    async def trigger(self, request: BuildRequest) -> Outcome:
        try:
            job = await self._known_job()
        except RemoteError as error:
            return unsent(error)
        began = self._clock()
        try:
            answer = await self._server.first("POST", _RUN, document=job.body(request))
        except Unanswered as error:
            return Ambiguous(await self._doubt(job, request, str(error), began))
        except RemoteError as error:
            return unsent(error)
        if not answer.good or answer.sign_in:
            return await self._refused(job, request, answer, began)
        return self._accepted(job, request, answer)

    def _accepted(self, job: DeclaredJob, request: BuildRequest, answer: Answer) -> Outcome:
        try:
            parsed = self._server.parsed(answer, STARTED)
        except RemoteError as error:
            return Ambiguous(f"{error}, without a build number")
        started = parsed.result if isinstance(parsed, Enveloped) else parsed
        if started is None:
            return Ambiguous("CodeArts answered without a build number")
        ref = CodeArtsRef(job=job.id, number=started.number, execution=started.execution, daily=started.daily)
        return job.sent(ref.handle, "", request)

    async def _refused(
        self, job: DeclaredJob, request: BuildRequest, answer: Answer, began: float
    ) -> Outcome:
        self._job = None
        outcome = self._server.refused(answer)
        match outcome:
            case Ambiguous():
                return Ambiguous(await self._doubt(job, request, outcome.why, began))
            case Rejected() if await self._changed(job):
                return Retry("the parameters of the job have just changed", outdated=True)
            case Rejected():
                return Rejected(f"the job {self._job_name!r} was not started: {outcome.why}")
        return outcome

    async def _changed(self, job: DeclaredJob) -> bool:
        try:
            return await self._read_job() != job
        except RemoteError:
            return False

    async def _doubt(self, job: DeclaredJob, request: BuildRequest, why: str, began: float) -> str:
        """What a person needs to know of a trigger without an answer: a run can be found only by our id."""
        if job.searchable:
            return why
        try:
            newest = await self._poll.newest(job.id)
            record = await self._poll.record(job.id, newest.number) if newest and newest.number else None
        except RemoteError:
            return why
        created = unix(record.created) if record else None
        if record is None or created is None or created < began - _CLOCKS:
            return why
        same = "the same commit" if record.commit == request.commit else "another commit"
        return f"{why}; the newest run of the job is #{record.number}, made since then, of {same}"

    async def find(self, request: BuildRequest) -> Handle | Search | None:
        """Search the newest 2000 records."""
        job = await self._read_job()
        if not job.searchable:
            return Search.UNSEARCHABLE
        newest = await self._poll.newest(job.id)
        if newest is None:
            raise Transient(f"CodeArts does not show the runs of the job {self._job_name!r} (404)")
        if newest.number is None:
            return None
        if await self._poll.project(job.id, newest.number) is None:
            raise Transient(f"CodeArts does not show its newest record, #{newest.number}, yet")
        return await self._searched(job, newest.number, request.build_id)

    async def _searched(self, job: DeclaredJob, newest: int, build_id: str) -> Handle | Search | None:
        hidden = False
        starts: list[float] = []
        for page in range(MAX_PAGES):
            records = await self._poll.page(job.id, page)
            if page == 0 and (not records or records[0].number < newest):
                raise Transient(f"CodeArts does not list its newest record, #{newest}, yet")
            ours = [one for one in records if one.parameter(job.name(BUILD_ID)) == build_id]
            if ours:
                # A person can repeat a run with all its parameters: ours is the oldest.
                return _ref_of(job, min(ours, key=lambda one: one.number)).handle
            hidden |= any(one.parameters is None for one in records)
            starts += [unix(one.created) or 0.0 for one in records]
            if len(records) < PAGE:
                break
        else:
            hidden |= may_be_older(build_id, starts, self._clock())
        return Search.UNSEARCHABLE if hidden else None

    def found(self, handle: Handle, request: BuildRequest) -> Sent:
        assert self.seen is not None
        job = DeclaredJob("", self.seen.parameters, self._settings.names)
        return job.sent(handle, FOUND, request)

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        return await self._poll.poll(handles)

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        ref = CodeArtsRef.parse(handle)
        return await log_chunk(self._server, ref, offset)

    async def cancel(self, handle: Handle) -> None:
        ref = CodeArtsRef.parse(handle)
        if not await self._may_run(ref):
            return
        paths = [f"v3/jobs/{ref.job}/{ref.number}/stop", f"v1/job/{ref.job}/stop?build_no={ref.number}"]
        answer = await self._server.first("POST", paths)
        if answer.status == 404 and not answer.sign_in:  # noqa: PLR2004  # an HTTP status
            return
        said = self._server.parsed(answer, STOPPED)
        if said.success or said.status == "success":
            return
        if await self._may_run(ref):
            raise Transient("CodeArts did not stop the build")

    async def _may_run(self, ref: CodeArtsRef) -> bool:
        """Whether the run is ours and has not ended, as far as its record says."""
        record = await self._poll.record(ref.job, ref.number)
        if record is None:
            return True
        return ref.owns(record) and not record_status(ref, record).state.terminal

    async def test(self) -> str:
        job = await self._read_job()
        paths = [f"v1/job/{job.id}/check/disable"]
        disabled = await self._server.found(paths, DISABLED)
        count = len(job.declared)
        text = f"signed in; the job {self._job_name!r} declares {count} parameters"
        if disabled and disabled.result:
            text += "; it is disabled, so CodeArts will reject builds: enable it"
        return "; it ".join([text, *job.shortcomings()])

    def advice(self, targets: Sequence[Target], seen: Sequence[SeenJob]) -> Sequence[Advice]:
        return list(advice(self.name, self._job_name, self._settings.names, targets, seen))

    async def aclose(self) -> None:
        await self._server.aclose()


def _ref_of(job: DeclaredJob, record: Record) -> CodeArtsRef:
    return CodeArtsRef(job=job.id, number=record.number, execution=record.execution, daily=record.daily)
