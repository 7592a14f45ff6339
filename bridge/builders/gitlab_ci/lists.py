"""Lists of the pipelines that were started as ours, page by page.

How all open pipelines are is read now and then. In between only those are read that have changed since, by
the times that GitLab itself gives them: so many running builds cost one request.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bridge.builders.gitlab_ci.client import GitLabServer, pipelines_path
from bridge.builders.gitlab_ci.model import PIPELINES, Pipeline, unix
from bridge.builders.gitlab_ci.settings import Project
from bridge.errors import Transient
from bridge.runtime.clock import Clock

PAGE: Final = 100
WHOLE_SECONDS: Final = 60.0
"""For so long only changes are read."""
_OVERLAP: Final = 10.0
"""Seconds by which one change may become visible later than another that has a later time."""


@dataclass(slots=True)
class _Known:
    """The open pipelines of a project, those that no list shows, and up to when changes were read.

    `until` is by GitLab's clock, `whole_at` by ours.
    """

    pipelines: dict[int, Pipeline]
    absent: frozenset[int]
    until: float
    whole_at: float


class PipelineLists:
    """The lists of one server; `source` is GitLab's word for how ours are started."""

    def __init__(self, server: GitLabServer, source: str, clock: Clock) -> None:
        self._server = server
        self._source = source
        self._clock = clock
        self._known: dict[Project, _Known] = {}

    async def page(self, project: Project, page: int, since: float | None = None) -> Sequence[Pipeline]:
        """Pipelines that changed after `since`, the newest first; pages count from 1. Raises RemoteError."""
        order = {"order_by": "id", "sort": "desc", "source": self._source}
        after = (
            {}
            if since is None
            else {"updated_after": f"{datetime.fromtimestamp(since, UTC):%Y-%m-%dT%H:%M:%SZ}"}
        )
        query: Mapping[str, str | int] = {"per_page": PAGE, "page": page, **order, **after}
        found = await self._server.read(pipelines_path(project), PIPELINES, query=query)
        if found is None:
            raise Transient("GitLab does not list the pipelines of the project (404)")
        return found

    async def open(self, project: Project, wanted: Collection[int]) -> Mapping[int, Pipeline]:
        """Those of these pipelines that are not too far back in the list. Raises RemoteError."""
        known = self._known.get(project)
        if known and known.until and self._clock() - known.whole_at < WHOLE_SECONDS:
            changed, is_whole = await self._read(project, wanted, known.until - _OVERLAP)
            merged = known.pipelines | changed
            if is_whole and known.absent.union(merged).issuperset(wanted):
                known.pipelines = {number: merged[number] for number in wanted if number in merged}
                known.until = _newest(changed, known.until)
                return known.pipelines
        found, _ = await self._read(project, wanted)
        ours = {number: found[number] for number in wanted if number in found}
        absent = frozenset(wanted).difference(ours)
        self._known[project] = _Known(ours, absent, _newest(found, 0.0), self._clock())
        return ours

    async def _read(
        self, project: Project, wanted: Collection[int], since: float | None = None
    ) -> tuple[dict[int, Pipeline], bool]:
        """What no more pages show than the builds could fill, and whether that is all there is."""
        found: dict[int, Pipeline] = {}
        for number in range(1, len(wanted) // PAGE + 3):
            page = await self.page(project, number, since)
            found |= {pipeline.id: pipeline for pipeline in page}
            if len(page) < PAGE:
                return found, True
            if since is None and (found.keys() >= set(wanted) or page[-1].id < min(wanted)):
                break
        return found, False


def _newest(found: Mapping[int, Pipeline], before: float) -> float:
    """Up to when these are known; not at all where GitLab does not say when they changed."""
    times = [unix(pipeline.updated) if pipeline.updated else 0.0 for pipeline in found.values()]
    return max([before, *times])
