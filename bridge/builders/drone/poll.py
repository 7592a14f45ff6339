"""Polling: a list of the newest builds for each repository, however many builds of it are open.

The number of an older build gives its page. A build that is on none is read by itself, and counts as gone
only while the server shows the repository. One that failed is read by itself, too: lists have no steps.
"""

from collections.abc import Collection, Mapping
from typing import Final

from bridge.builders.base import Handle, Status
from bridge.builders.drone.dialect import Dialect
from bridge.builders.drone.model import DroneRef, RemoteBuild, failure_in, status_of
from bridge.builders.polling import Absences, Failure, read_handles, with_reasons
from bridge.errors import RemoteError
from bridge.model.build import BuildState
from bridge.runtime.clock import Clock

_MAX_PAGES: Final = 20


class DronePoll:
    """The open builds of one server."""

    def __init__(self, dialect: Dialect, clock: Clock) -> None:
        self._dialect = dialect
        self._absences = Absences(clock)

    async def poll(self, handles: Mapping[str, Handle]) -> dict[str, Status]:
        """The status of each build. Raises RemoteError when no list could be read."""
        refs, found = read_handles(handles, DroneRef.parse)
        absent: dict[str, DroneRef] = {}
        failures: list[RemoteError] = []
        for repository in sorted({ref.repository for ref in refs.values()}):
            group = {name: ref for name, ref in refs.items() if ref.repository == repository}
            try:
                builds = await self._listed(repository, {ref.number for ref in group.values()})
            except RemoteError as error:
                failures.append(error)
                continue
            for name, ref in group.items():
                build = builds.get(ref.number)
                if build is None or not ref.owns(build):
                    absent[name] = ref
                    continue
                self._absences.found(name)
                try:
                    found[name] = await self._status(repository, build)
                except RemoteError as error:
                    failures.append(error)
        if failures and not found and not absent:
            raise failures[0]
        found |= await self._look_for(absent)

        async def reason(name: str) -> Failure:
            return failure_in(await self._dialect.one(refs[name].repository, refs[name].number))

        return await with_reasons(found, reason)

    async def _listed(self, repository: str, numbers: Collection[int]) -> dict[int, RemoteBuild]:
        """The newest builds, and those on the pages where `numbers` should be."""
        builds = {build.number: build for build in await self._dialect.listed(repository, 1)}
        newest = max(builds, default=0)
        places = {(newest - n) // self._dialect.page_size + 1 for n in numbers if n <= newest} - {1}
        for page in sorted(places)[:_MAX_PAGES]:
            builds |= {build.number: build for build in await self._dialect.listed(repository, page)}
        return builds

    async def _status(self, repository: str, build: RemoteBuild) -> Status:
        build = await self._dialect.settled(repository, build)
        return status_of(repository, build, self._dialect.page(repository, build.number))

    async def _look_for(self, absent: Mapping[str, DroneRef]) -> dict[str, Status]:
        """Look for builds that are in no list one by one; leave out those that cannot be looked for now."""
        found: dict[str, Status] = {}
        try:
            for name in self._absences.due(absent):
                if status := await self._look(name, absent[name]):
                    found[name] = status
        except RemoteError:
            # The lists could be read a moment ago: the next poll reports what is wrong.
            return found
        return found

    async def _look(self, name: str, ref: DroneRef) -> Status | None:
        build = await self._dialect.one(ref.repository, ref.number)
        if build and ref.owns(build):
            self._absences.found(name)
            return await self._status(ref.repository, build)
        await self._dialect.check(ref.repository)
        looks = self._absences.missed(name)
        if looks is None:
            return None
        detail = (
            f"gone from {self._dialect.title}: no build of {ref.repository} with its number {ref.number} is "
            f"ours, {looks} while {self._dialect.title} showed the repository"
        )
        return Status(state=BuildState.UNKNOWN, raw="gone", detail=detail)
