"""Records of CodeArts: a few builds are read one by one, more of them by the pages of their job.

A record that is not there, or is another's, ends a build only once that is certain, while CodeArts shows the
job.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from bridge.builders.base import Handle, Status
from bridge.builders.codearts.client import CodeArtsServer
from bridge.builders.codearts.model import (
    DETAILS,
    RECORD,
    RECORDS,
    RUNNING,
    CodeArtsRef,
    Record,
    RunningState,
    record_status,
)
from bridge.builders.polling import FEW, LOOK_INTERVAL, Absences, Failure, read_handles, with_reasons
from bridge.errors import RemoteError, Transient
from bridge.model.build import BuildState
from bridge.runtime.clock import Clock

PAGE: Final = 100
MAX_PAGES: Final = 20


class CodeArtsPoll:
    """The records of one server."""

    def __init__(self, server: CodeArtsServer, clock: Clock) -> None:
        self._server = server
        self._projects: dict[str, str] = {}
        self._absences = Absences(clock)

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        """The status of each build. Raises RemoteError when no record could be read."""
        refs, found = read_handles(handles, CodeArtsRef.parse)
        records: dict[str, Record | None] = {}
        failures: list[RemoteError] = []
        for job in sorted({ref.job for ref in refs.values()}):
            group = {name: ref for name, ref in refs.items() if ref.job == job}
            try:
                await self._read(job, group, records)
            except RemoteError as error:
                failures.append(error)
        if failures and not records and not found:
            raise failures[0]
        for name, record in records.items():
            ref = refs[name]
            if record is not None and ref.owns(record):
                self._absences.found(name)
                found[name] = record_status(ref, record)
            elif status := await self._absent(name, ref):
                found[name] = status
        return await with_reasons(found, lambda name: self._failed_step(refs[name]))

    async def _read(
        self, job: str, group: Mapping[str, CodeArtsRef], records: dict[str, Record | None]
    ) -> None:
        """Add the records of these builds; those that could not be read now are left out."""
        listed: dict[int, Record] = {}
        if len(group) > FEW:
            newest = max(group.values(), key=lambda ref: ref.number)
            if await self.project(newest.job, newest.number):
                listed = await self._pages(job, {ref.number for ref in group.values()})
        for name, ref in group.items():
            if ref.number in listed:
                records[name] = listed[ref.number]
        alone = [name for name in group if name not in records]
        for name in self._absences.due(alone, LOOK_INTERVAL if len(group) > FEW else 0.0):
            records[name] = await self.record(job, group[name].number)

    async def record(self, job: str, number: int) -> Record | None:
        """The record of a run; None while there is none. Raises RemoteError."""
        run = f"{job}/{number}/record-info"
        found = await self._server.found([f"v4/jobs/{run}", f"v1/record/{run}"], RECORD)
        record = found.result if found else None
        if record and record.project:
            self._projects[job] = record.project
        return record

    async def project(self, job: str, number: int) -> str | None:
        """What lists of records call the job, as the record of a run shows it. Raises RemoteError."""
        if job not in self._projects:
            await self.record(job, number)
        return self._projects.get(job)

    async def page(self, job: str, page: int) -> Sequence[Record]:
        """Records of a job whose `project` is known, the newest first. Raises RemoteError."""
        path = f"v1/record/{quote(self._projects[job], safe='')}/records"
        found = await self._server.found([path], RECORDS, {"page": page, "limit": PAGE})
        if found is None or found.result is None:
            raise Transient("CodeArts does not list the records of the job (404)")
        return found.result.data or ()

    async def newest(self, job: str) -> RunningState | None:
        """The newest run of a job; None when there is no such job. Raises RemoteError."""
        found = await self._server.found([f"v1/job/{job}/running-status"], RUNNING)
        return found.result if found else None

    async def _pages(self, job: str, wanted: set[int]) -> dict[int, Record]:
        found: dict[int, Record] = {}
        for number in range(MAX_PAGES):
            page = await self.page(job, number)
            found |= {record.number: record for record in page}
            if wanted <= found.keys() or len(page) < PAGE or page[-1].number < min(wanted):
                break
        return found

    async def _absent(self, name: str, ref: CodeArtsRef) -> Status | None:
        """Count that a record was missed; the end of a build that is certainly gone."""
        looks = self._absences.missed(name)
        if looks is None:
            return None
        try:
            newest = await self.newest(ref.job)
        except RemoteError:
            return None
        if newest is None:
            return None
        detail = (
            f"gone from CodeArts: no record of its number {ref.number} is ours, {looks} "
            "while CodeArts showed the job"
        )
        return Status(state=BuildState.UNKNOWN, raw="gone", detail=detail)

    async def _failed_step(self, ref: CodeArtsRef) -> Failure:
        """The step that made a run fail, where it is known. Raises RemoteError."""
        details = await self._server.found([f"v3/jobs/{ref.job}/{ref.number}/history-details"], DETAILS)
        if not details or not details.failed:
            return Failure()
        return Failure(details.failed, f"failed in the step {details.failed!r}")
