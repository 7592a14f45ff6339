"""Polling: a list of the newest builds for each repository, however many builds of it are open.

Older builds are on pages that their numbers tell. A build that is on none is read by itself, a few at a time
and not often. It counts as gone only when several looks over two minutes agree while the server shows the
repository.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from bridge.builders.base import Handle, Status
from bridge.builders.drone.dialect import Dialect
from bridge.builders.drone.model import DroneRef, RemoteBuild, status_of
from bridge.errors import RemoteError
from bridge.model.build import BuildState
from bridge.runtime.clock import Clock

LOOK_INTERVAL: Final = 30.0
GONE_AFTER: Final = 120.0
GONE_LOOKS: Final = 4
_MAX_LOOKS: Final = 20
_MAX_PAGES: Final = 20
_MAX_KEPT: Final = 4096


@dataclass(slots=True)
class _Absence:
    """A build that is in no list: when it was last looked for, and since when and how often in vain."""

    last: float
    since: float | None = None
    looks: int = 0


class DronePoll:
    """The open builds of one server."""

    def __init__(self, dialect: Dialect, clock: Clock) -> None:
        self._dialect = dialect
        self._clock = clock
        self._absences: dict[str, _Absence] = {}

    async def poll(self, handles: Mapping[str, Handle]) -> dict[str, Status]:
        """The status of each build. Raises RemoteError when no list could be read."""
        refs, found = _read_handles(handles)
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
                self._absences.pop(name, None)
                try:
                    found[name] = await self._status(repository, build)
                except RemoteError as error:
                    failures.append(error)
        if failures and not found and not absent:
            raise failures[0]
        return found | await self._look_for(absent)

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
        now = self._clock()
        found: dict[str, Status] = {}
        try:
            for name in islice((name for name in absent if self._due(name, now)), _MAX_LOOKS):
                absence = self._absences.setdefault(name, _Absence(now))
                absence.last = now
                if status := await self._look(absent[name], absence, now):
                    found[name] = status
        except RemoteError:
            # The lists could be read a moment ago: the next poll reports what is wrong.
            return found
        while len(self._absences) > _MAX_KEPT:
            self._absences.pop(next(iter(self._absences)))
        return found

    def _due(self, name: str, now: float) -> bool:
        absence = self._absences.get(name)
        return absence is None or now - absence.last >= LOOK_INTERVAL

    async def _look(self, ref: DroneRef, absence: _Absence, now: float) -> Status | None:
        build = await self._dialect.one(ref.repository, ref.number)
        if not ref.owns(build):
            build = await self._dialect.relocate(ref.repository, ref.id)
        if build:
            absence.since, absence.looks = None, 0
            return await self._status(ref.repository, build)
        absence.since = now if absence.since is None else absence.since
        absence.looks += 1
        if absence.looks < GONE_LOOKS or now - absence.since < GONE_AFTER:
            return None
        title = self._dialect.title
        return Status(
            state=BuildState.UNKNOWN,
            raw="gone",
            detail=(
                f"gone from {title}: the builds of {ref.repository} were searched by number and build id, "
                f"{absence.looks} times in {now - absence.since:.0f} s while {title} answered"
            ),
        )


def _read_handles(handles: Mapping[str, Handle]) -> tuple[dict[str, DroneRef], dict[str, Status]]:
    """The refs in the handles; a handle that cannot be read must not stop the poll of the others."""
    refs: dict[str, DroneRef] = {}
    unreadable: dict[str, Status] = {}
    for name, handle in handles.items():
        try:
            refs[name] = DroneRef.parse(handle)
        except RemoteError as error:
            unreadable[name] = Status(state=BuildState.UNKNOWN, raw="handle", detail=str(error))
    return refs, unreadable
