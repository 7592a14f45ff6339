"""The search of Jenkins for a build of ours: in the queue, then among the newest builds of its job."""

from typing import Final

import anyio

from bridge.builders.base import Search
from bridge.builders.jenkins.client import JenkinsServer
from bridge.builders.jenkins.model import BuildIndex, JenkinsBuild, JenkinsRef
from bridge.builders.jenkins.poll import MAX_RANGE, JenkinsPoll
from bridge.errors import Transient
from bridge.model.build import may_be_older
from bridge.runtime.clock import Clock

_NEWEST: Final = 200
_SECOND_SEARCH: Final = 0.5


class JenkinsSearch:
    """Reads the queue and the newest 2000 builds of a job."""

    def __init__(self, server: JenkinsServer, poll: JenkinsPoll, clock: Clock) -> None:
        self._server = server
        self._poll = poll
        self._clock = clock

    async def find(self, job: str, build_id: str) -> JenkinsRef | Search | None:
        """What has our id; UNSEARCHABLE where it may lie behind the builds that are read.

        Raises RemoteError.
        """
        ref = await self._search(job, build_id)
        if ref is None:
            # A build that leaves the queue is in neither list for a moment.
            await anyio.sleep(_SECOND_SEARCH)
            ref = await self._search(job, build_id)
        return ref

    async def _search(self, job: str, build_id: str) -> JenkinsRef | Search | None:
        queue = await self._poll.queue()
        wanted = JenkinsRef(job=job, id=build_id, session=self._server.session)
        if item := queue.match(wanted, wanted.session):
            return wanted.model_copy(update={"queue": item.id})
        build, index = await self._look(wanted)
        if build:
            return wanted.started_as(build)
        cut = len(index) >= MAX_RANGE and may_be_older(build_id, index.starts, self._clock())
        return Search.UNSEARCHABLE if cut else None

    async def build(self, ref: JenkinsRef) -> JenkinsBuild | None:
        """The build of a ref without a number, where it is among those that are read. Raises RemoteError."""
        build, _ = await self._look(ref)
        return build

    async def _look(self, ref: JenkinsRef) -> tuple[JenkinsBuild | None, BuildIndex]:
        """The build and those among which it was looked for: the newest first, then further back."""
        build, index = await self._among(ref, _NEWEST)
        if build or len(index) < _NEWEST:
            return build, index
        return await self._among(ref, MAX_RANGE)

    async def _among(self, ref: JenkinsRef, count: int) -> tuple[JenkinsBuild | None, BuildIndex]:
        index = await self._poll.index(ref.job, count)
        if index is None:
            raise Transient(f"Jenkins shows no job {ref.job!r} to this user (404)")
        return index.match(ref, self._server.session), index
