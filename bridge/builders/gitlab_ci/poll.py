"""Polling: a few pipelines are read one by one, more of them by the list of those that were started as ours.

A list does not show when a pipeline ended: each that has is read once more, with the jobs that failed. A
pipeline that is not there counts as gone only while GitLab shows its project.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from bridge.builders.base import Handle, Status
from bridge.builders.gitlab_ci.client import GitLabServer, pipelines_path
from bridge.builders.gitlab_ci.lists import PAGE, PipelineLists
from bridge.builders.gitlab_ci.model import (
    JOBS,
    PIPELINE,
    GitLabRef,
    Job,
    Pipeline,
    state_of,
    status_of,
)
from bridge.builders.gitlab_ci.settings import Project
from bridge.builders.polling import FEW, LOOK_INTERVAL, Absences, read_handles
from bridge.errors import RemoteError
from bridge.model.build import BuildState
from bridge.runtime.clock import Clock

_MAX_ENDED: Final = 20
"""How many pipelines that ended are read in one poll; the others are in the next."""


class GitLabPoll:
    """The open pipelines of one server."""

    def __init__(self, server: GitLabServer, lists: PipelineLists, clock: Clock) -> None:
        self._server = server
        self._lists = lists
        self._absences = Absences(clock)

    async def poll(self, handles: Mapping[str, Handle]) -> dict[str, Status]:
        """The status of each build. Raises RemoteError when no pipeline could be read."""
        refs, found = read_handles(handles, GitLabRef.parse)
        seen: dict[str, Pipeline | None] = {}
        failures: list[RemoteError] = []
        for project in sorted({ref.project for ref in refs.values()}, key=str):
            group = {name: ref for name, ref in refs.items() if ref.project == project}
            try:
                await self._read(project, group, seen)
            except RemoteError as error:
                failures.append(error)
        if failures and not seen and not found:
            raise failures[0]
        ended = 0
        for name, pipeline in seen.items():
            ref = refs[name]
            if pipeline is None or not ref.owns(pipeline):
                status = await self._absent(name, ref)
            else:
                self._absences.found(name)
                ended += pipeline.ended
                status = await self._status(ref, pipeline) if ended <= _MAX_ENDED else None
            if status:
                found[name] = status
        return found

    async def _read(
        self, project: Project, group: Mapping[str, GitLabRef], seen: dict[str, Pipeline | None]
    ) -> None:
        """Add these pipelines; those that could not be read now are left out."""
        many = len(group) > FEW
        listed = await self._lists.open(project, {ref.id for ref in group.values()}) if many else {}
        for name, ref in group.items():
            if ref.id in listed:
                seen[name] = listed[ref.id]
        alone = [name for name in group if name not in seen]
        for name in self._absences.due(alone, LOOK_INTERVAL if many else 0.0):
            seen[name] = await self.one(project, group[name].id)

    async def one(self, project: Project, number: int) -> Pipeline | None:
        """A pipeline; None while there is none with this number. Raises RemoteError."""
        return await self._server.read(f"{pipelines_path(project)}/{number}", PIPELINE)

    async def _status(self, ref: GitLabRef, pipeline: Pipeline) -> Status | None:
        """None for a pipeline that has ended while it cannot be read."""
        if not pipeline.ended:
            return status_of(ref, pipeline)
        try:
            whole = pipeline if pipeline.finished else await self.one(ref.project, ref.id)
            if whole is None or not ref.owns(whole):
                return None
            return status_of(ref, whole, await self._failed(ref, whole))
        except RemoteError:
            return None

    async def _failed(self, ref: GitLabRef, pipeline: Pipeline) -> Sequence[Job]:
        if state_of(pipeline.word) is not BuildState.FAILED:
            return ()
        query: Mapping[str, str | int] = {"scope[]": "failed", "per_page": PAGE}
        path = f"{pipelines_path(ref.project)}/{ref.id}/jobs"
        jobs: Sequence[Job] | None = await self._server.read(path, JOBS, query=query)
        return jobs or ()

    async def _absent(self, name: str, ref: GitLabRef) -> Status | None:
        """Count that a pipeline was missed; the end of a build that is certainly gone."""
        try:
            await self._server.project(ref.project)
        except RemoteError:
            return None
        looks = self._absences.missed(name)
        if looks is None:
            return None
        detail = (
            f"gone from GitLab: no pipeline of {ref.project} with the number {ref.id} is ours, {looks} "
            "while GitLab showed the project"
        )
        return Status(state=BuildState.UNKNOWN, raw="gone", detail=detail)
