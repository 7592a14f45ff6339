"""Polling Jenkins: one request for the queue and one for each job, however many builds are open.

A build that is in neither list is looked for by itself. It counts as gone only in one run of Jenkins, while
the root document can be read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.builders.base import Handle, Status
from bridge.builders.jenkins.client import JenkinsServer
from bridge.builders.jenkins.model import (
    QUEUE,
    ROOT,
    BuildIndex,
    BuildList,
    JenkinsBuild,
    JenkinsQueue,
    JenkinsRef,
    JenkinsRoot,
    QueueItem,
    build_status,
    build_tree,
    builds_tree,
    item_status,
    item_tree,
)
from bridge.builders.jenkins.stages import JenkinsStages
from bridge.builders.polling import Absences, read_handles
from bridge.errors import RemoteError, Transient
from bridge.model.build import BuildState
from bridge.runtime.clock import Clock

MAX_RANGE: Final = 2000
_RECENT: Final = 100
_MARGIN: Final = 20


@dataclass(frozen=True, slots=True)
class _QueueIndex:
    """The items of the queue by queue number and by our build id.

    A build id counts for one job only: a build that starts another job can pass it on.
    """

    items: Mapping[int, QueueItem]
    ours: Mapping[tuple[str | None, str | None], QueueItem]

    def match(self, ref: JenkinsRef, session: str | None) -> QueueItem | None:
        item = self.ours.get((ref.job, ref.id)) or self.items.get(ref.queue or 0)
        return item if item and ref.owns_item(item, session) else None


class JenkinsPoll:
    """The open builds of one server; `root` is its address for people, with the closing slash."""

    def __init__(self, server: JenkinsServer, root: str, clock: Clock) -> None:
        self._server = server
        self._root = root
        self._next: dict[str, int] = {}
        self._absences = Absences(clock)
        self.stages = JenkinsStages(server, clock)

    async def poll(self, handles: Mapping[str, Handle]) -> dict[str, Status]:
        """The status of each build. Raises RemoteError when no list could be read."""
        refs, found = read_handles(handles, JenkinsRef.parse)
        queue = await self.queue() if any(p.build is None for p in refs.values()) else None
        absent: dict[str, JenkinsRef] = {}
        failures: list[RemoteError] = []
        jobs = {ref.job for ref in refs.values()}
        # Branches come and go.
        self.stages.forget_all_but(jobs)
        self._next = {job: number for job, number in self._next.items() if job in jobs}
        for job in sorted(jobs):
            group = {name: ref for name, ref in refs.items() if ref.job == job}
            try:
                index = await self._listed(job, group)
            except RemoteError as error:
                failures.append(error)
                continue
            for name, ref in group.items():
                status = self._status(ref, index, queue)
                if status:
                    found[name] = status
                else:
                    absent[name] = ref
        if failures and not found and not absent:
            raise failures[0]
        for name in found:
            self._absences.found(name)
        return await self.stages.fill(found | await self._look_for(absent))

    async def queue(self) -> _QueueIndex:
        queue = await self._server.read(QUEUE, JenkinsQueue)
        if queue is None:
            raise Transient("there is no Jenkins queue at `url` (404): check `url`")
        items = {item.id: item for item in queue.items}
        return _QueueIndex(items, {(item.job, item.build_id): item for item in queue.items if item.build_id})

    async def index(self, job: str, count: int = MAX_RANGE) -> BuildIndex | None:
        """The newest builds of a job; None when there is no such job."""
        listing = await self._server.read(builds_tree(job, count), BuildList)
        if listing is None:
            return None
        self.stages.saw_job(job, listing.kind)
        return BuildIndex(listing.builds)

    async def _listed(self, job: str, group: Mapping[str, JenkinsRef]) -> BuildIndex | None:
        """The builds of a job, in a range just wide enough for `group`."""
        oldest = min((ref.build for ref in group.values() if ref.build is not None), default=None)
        count = self._range(job, group, oldest)
        listing = await self._server.read(builds_tree(job, count), BuildList)
        if listing is None:
            return None
        self._next[job] = listing.next_number
        self.stages.saw_job(job, listing.kind)
        wider = min(listing.next_number - (oldest or listing.next_number) + 1, MAX_RANGE)
        if oldest is not None and len(listing.builds) >= count < wider and listing.builds[-1].number > oldest:
            return await self.index(job, wider)
        return BuildIndex(listing.builds)

    def _range(self, job: str, group: Mapping[str, JenkinsRef], oldest: int | None) -> int:
        known = self._next.get(job)
        unnumbered = oldest is None or known is None or any(p.build is None for p in group.values())
        recent = len(group) + _RECENT if unnumbered else 0
        deep = known - oldest + _MARGIN if known is not None and oldest is not None else 0
        return min(max(recent, deep, _MARGIN), MAX_RANGE)

    def _status(self, ref: JenkinsRef, index: BuildIndex | None, queue: _QueueIndex | None) -> Status | None:
        session = self._server.session
        build = index.match(ref, session) if index is not None else None
        if build:
            return build_status(ref, build, self._root)
        item = queue.match(ref, session) if queue and ref.build is None else None
        return item_status(item) if item else None

    async def _look_for(self, absent: Mapping[str, JenkinsRef]) -> dict[str, Status]:
        """Look for builds that are in no list one by one; leave out those that cannot be looked for now."""
        found: dict[str, Status] = {}
        indexes: dict[str, BuildIndex | None] = {}
        try:
            for name in self._absences.due(absent):
                ref = absent[name]
                if ref.job not in indexes:
                    indexes[ref.job] = await self.index(ref.job)
                status = await self._look(ref, indexes[ref.job])
                if status:
                    self._absences.found(name)
                elif await self._server.read(ROOT, JenkinsRoot):
                    status = self._missed(name, ref, indexes[ref.job])
                if status:
                    found[name] = status
        except RemoteError:
            # The lists could be read a moment ago: the next poll reports what is wrong.
            return found
        return found

    async def _look(self, ref: JenkinsRef, index: BuildIndex | None) -> Status | None:
        if ref.build is None and ref.queue is not None:
            item = await self._server.read(item_tree(ref.queue), QueueItem)
            if item and ref.owns_item(item, self._server.session):
                number = item.executable.number if item.executable else None
                if number is None:
                    return item_status(item)
                ref = ref.model_copy(update={"build": number})
        if ref.build is not None:
            build = await self._server.read(build_tree(ref.job, ref.build), JenkinsBuild)
            index = BuildIndex([build]) if build else None
        return self._status(ref, index, None)

    def _missed(self, name: str, ref: JenkinsRef, index: BuildIndex | None) -> Status | None:
        """The end of a build that was not found, once it is certainly gone."""
        session = self._server.session
        looks = self._absences.missed(name, session)
        if looks is None:
            return None
        detail = (
            f"gone from Jenkins: {_explanation(ref, index, session)}; the queue and the builds were searched "
            f"by build id, queue number and build number, {looks} while Jenkins answered"
        )
        return Status(state=BuildState.UNKNOWN, raw="gone", detail=detail)


def _explanation(ref: JenkinsRef, index: BuildIndex | None, session: str | None) -> str:
    if index is None:
        return "the job was renamed or deleted"
    if ref.session not in {None, session}:
        return "Jenkins was restarted meanwhile"
    if ref.build is not None and ref.build < index.oldest:
        return f"its number {ref.build} is below {index.oldest}, the oldest build kept"
    if ref.build is None and len(index) >= MAX_RANGE:
        return f"it is not among the newest {MAX_RANGE} builds"
    return "it was deleted"
