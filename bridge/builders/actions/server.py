"""Calls of a server that has workflows: documents that are not read twice, and logs that others store."""

import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from bridge.builders.actions.model import JOBS, RUN, RUNS, ActionsRef, Job, Jobs, Run, Runs
from bridge.builders.server import MAX_ANSWER, Answer, BuildServer
from bridge.builders.settings import ServerSettings
from bridge.errors import Denied, Permanent, RemoteError, Transient

_MAX_KEPT: Final = 64
_MAX_JOBS_PAGES: Final = 20
_PAGE_URL: Final = re.compile(r"https?://[!-~]{1,1000}")
_STORE_SAYS: Final = frozenset({404, 410, 416})
"""What the store of logs answers where there is no log, or no more of it."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

T = TypeVar("T")


class ActionsServer(BuildServer):
    """One repository with workflows.

    What was read once is asked for again by its tag: an answer that nothing has changed counts against no
    limit. Redirects of logs are followed, without our token, since the stores of logs have other hosts.
    """

    prefix: ClassVar[str] = ""
    """What all paths begin with."""
    page_size_name: ClassVar[str] = "per_page"
    page_size: ClassVar[int] = 100
    forces: bool = True
    """Whether it can end a run whose jobs do not follow."""
    live_logs: ClassVar[bool] = False
    """Whether it shows the log of a job that goes on."""
    attempts: ClassVar[bool] = False
    """Whether it shows each attempt of a run by itself, and makes another one of a run that has ended."""

    def __init__(self, name: str, settings: ServerSettings, headers: Mapping[str, str]) -> None:
        super().__init__(name, settings, headers)
        self._kept: OrderedDict[str, tuple[str, Any]] = OrderedDict()
        store = settings.model_copy(update={"url": ""})
        self._store = BuildServer(f"the store of {name}'s logs", store, {})

    def path(self, repository: str) -> str:
        """Where the API has a repository."""
        return f"{self.prefix}repos/{repository}"

    def runs_of(self, repository: str, workflow: str) -> tuple[str, Mapping[str, str]]:
        """The path and the query of the runs of a workflow, or at least of all of the repository."""
        return f"{self.path(repository)}/actions/workflows/{quote(workflow)}/runs", {}

    async def read(
        self, path: str, shape: TypeAdapter[T], *, query: Mapping[str, str | int] | None = None
    ) -> T | None:
        """As of any server; what has not changed is not read twice."""
        key = f"{path} {query}"
        known = self._kept.get(key)
        headers = {"If-None-Match": known[0]} if known else None
        answer = await self.call("GET", path, query=query, headers=headers)
        if answer.status == HTTPStatus.NOT_MODIFIED and known:
            kept: T = known[1]
            return kept
        self._kept.pop(key, None)
        if answer.missing:
            return None
        document = self.parsed(answer, shape)
        if tag := answer.headers.get("ETag"):
            self._kept[key] = tag, document
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return document

    def page_url(self, repository: str, run: Run) -> str | None:  # noqa: ARG002  # most servers say it
        """The page of a run for people."""
        found = run.page or ""
        return found if _PAGE_URL.fullmatch(found) else None

    async def run(self, repository: str, number: int) -> Run | None:
        """A run in its newest attempt; None when there is none. Raises RemoteError."""
        return await self.read(f"{self.path(repository)}/actions/runs/{number}", RUN)

    async def attempt(self, ref: ActionsRef, run: Run) -> Run | None:
        """The run of a handle in the attempt that the handle means; `run` is what was just read of it.

        None while that attempt is not shown. Raises RemoteError.
        """
        if not self.attempts or run.attempt == ref.attempt:
            return run
        if run.attempt < ref.attempt:
            return None
        path = f"{self.path(ref.repository)}/actions/runs/{run.id}/attempts/{ref.attempt}"
        return await self.read(path, RUN)

    async def rerun(self, repository: str, number: int) -> Answer:
        """Ask for another attempt of a run that has ended. Raises RemoteError."""
        return await self.call("POST", f"{self.path(repository)}/actions/runs/{number}/rerun")

    async def pages(self, repository: str, workflow: str, most: int) -> AsyncIterator[list[Run]]:
        """Pages of runs, the newest first, and at most so many of them. Raises RemoteError."""
        seen: set[int] = set()
        for number in range(1, most + 1):
            found = await self.page(repository, workflow, number)
            yield found.workflow_runs
            # The server may have shorter pages than asked for.
            seen |= {run.id for run in found.workflow_runs}
            if not found.workflow_runs or (found.total is not None and len(seen) >= found.total):
                break

    async def page(self, repository: str, workflow: str, number: int) -> Runs:
        """A page of runs, the newest first; pages count from 1. Raises RemoteError."""
        path, query = self.runs_of(repository, workflow)
        page: dict[str, str | int] = {**query, self.page_size_name: self.page_size, "page": number}
        found = await self.read(path, RUNS, query=page)
        if found is None:
            raise self.hidden(repository, workflow)
        return found

    async def check(self, repository: str, workflow: str) -> None:
        """Raise RemoteError where the server does not show the runs of the workflow."""
        await self.page(repository, workflow, 1)

    async def jobs(self, repository: str, run: Run) -> list[Job]:
        """The jobs of a run, of its attempt where it has several, the oldest first. Raises RemoteError."""
        jobs: dict[int, Job] = {}
        attempt = f"/attempts/{run.attempt}" if self.attempts else ""
        path = f"{self.path(repository)}/actions/runs/{run.id}{attempt}/jobs"
        for page in range(1, _MAX_JOBS_PAGES + 1):
            found = await self.read(path, JOBS, query={self.page_size_name: self.page_size, "page": page})
            if found is None:
                raise Permanent(f"{self.name} does not show the jobs of the run, and so no log (404)")
            some = found.jobs if isinstance(found, Jobs) else found
            new = {job.id: job for job in some if job.id not in jobs}
            jobs |= new
            if not new or isinstance(found, list) or (found.total is not None and len(jobs) >= found.total):
                break
        return sorted(jobs.values(), key=lambda job: job.id)

    def hidden(self, repository: str, workflow: str) -> RemoteError:
        """Why there is nothing where the workflow should be."""
        return Denied(
            f"{self.name} shows no workflow {workflow} in {repository} to this token (404): check "
            "`repository`, `workflow` and the token's rights"
        )

    async def stop(self, repository: str, number: int, *, force: bool) -> Answer:
        """Ask for the end of a run that goes on, by `force` where its jobs do not follow.

        Raises RemoteError.
        """
        verb = "force-cancel" if force and self.forces else "cancel"
        return await self.call("POST", f"{self.path(repository)}/actions/runs/{number}/{verb}")

    def not_stopped(self, answer: Answer) -> RemoteError:
        """Why a run goes on after this answer to `stop`."""
        if answer.status == HTTPStatus.CONFLICT:
            return Transient(f"{self.name} does not cancel the run now (409)")
        return self.error_of(answer)

    async def job_log(self, repository: str, job: int, start: int, length: int) -> Answer:
        """A piece of the log of a job, or more of it from its beginning. Raises RemoteError.

        An answer with 206 begins at `start`, one with 200 at the beginning.
        """
        piece = {"Range": f"bytes={start}-{start + length - 1}"}
        path = f"{self.path(repository)}/actions/jobs/{job}/logs"
        limit = min(start + length, MAX_ANSWER)
        answer = await self.call("GET", path, headers=piece, limit=limit)
        if answer.status not in _REDIRECTS or answer.sign_in:
            return answer
        place = _place(self.url, answer.headers.get("Location", ""))
        if place is None:
            raise Transient(f"{self.name} points to a log at an address that is none")
        stored = await self._store.call("GET", place, headers=piece, limit=limit)
        if not stored.good and stored.status not in _STORE_SAYS:
            # Its refusals say nothing about our token.
            raise Transient(f"{self._store.name} answered {stored.status}")
        return stored

    async def aclose(self) -> None:
        await super().aclose()
        await self._store.aclose()


def _place(url: str, location: str) -> str | None:
    """Where a redirect leads to; None where no log is read: without TLS, unless the server has none."""
    try:
        place = httpx.URL(url).join(location)
    except (ValueError, httpx.InvalidURL):
        return None
    known = place.scheme in {"https", httpx.URL(url).scheme} and place.host
    return str(place) if known else None
