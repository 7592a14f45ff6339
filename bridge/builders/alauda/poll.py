"""Builds at Alauda: a few are read one by one, more of them by the pages of their repository.

A build that is not there ends only once that is certain, while Alauda shows the repository; one whose end we
asked for has then ended.
"""

from collections.abc import Collection, Mapping

from bridge.builders.alauda.asked import AskedEnds
from bridge.builders.alauda.client import AlaudaServer
from bridge.builders.alauda.model import AlaudaBuild, AlaudaRef, status_of
from bridge.builders.base import Handle, Status
from bridge.builders.polling import FEW, LOOK_INTERVAL, Absences, Shown, Turns, read_handles
from bridge.errors import RemoteError
from bridge.model.build import BuildState
from bridge.runtime.clock import Clock

_Cursor = Mapping[str, str]


class AlaudaPoll:
    """The builds of one server."""

    def __init__(self, server: AlaudaServer, asked: AskedEnds, clock: Clock) -> None:
        self._server = server
        self._asked = asked
        self._clock = clock
        self._absences = Absences(clock)
        self._turns: dict[str, Turns[_Cursor]] = {}

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        """The status of each build. Raises RemoteError when none could be read."""
        refs, found = read_handles(handles, AlaudaRef.parse)
        builds: dict[str, AlaudaBuild | None] = {}
        failures: list[RemoteError] = []
        for repository in sorted({ref.repository for ref in refs.values()}):
            group = {name: ref for name, ref in refs.items() if ref.repository == repository}
            try:
                await self._read(repository, group, builds)
            except RemoteError as error:
                failures.append(error)
        if failures and not builds and not found:
            raise failures[0]
        for name, build in builds.items():
            ref = refs[name]
            if build is not None:
                self._absences.found(name)
                found[name] = status_of(build, asked=build.ended and ref in self._asked)
            elif status := await self._absent(name, ref):
                found[name] = status
        return found

    async def _read(
        self, repository: str, group: Mapping[str, AlaudaRef], builds: dict[str, AlaudaBuild | None]
    ) -> None:
        """Add what there is of these builds; those that could not be read now are left out."""
        alone: Collection[str] = group.keys()
        many = len(group) > FEW
        if many:
            turns = self._turns.setdefault(repository, Turns(self._clock))
            await self._list(repository, group, builds, turns)
            alone = [name for name in group if name in turns.absent and name not in builds]
        for name in self._absences.due(alone, LOOK_INTERVAL if many else 0.0):
            builds[name] = await self._server.build(group[name].id)

    async def _list(
        self,
        repository: str,
        group: Mapping[str, AlaudaRef],
        builds: dict[str, AlaudaBuild | None],
        turns: Turns[_Cursor],
    ) -> None:
        """Add what the pages that are due show of these builds."""

        async def page(after: _Cursor | None) -> Shown[_Cursor]:
            listed = await self._server.page(repository, after)
            by_id = {build.build_id: build for build in listed.builds}
            shown = {name: by_id[ref.id] for name, ref in group.items() if ref.id in by_id}
            builds.update(shown)
            return Shown(shown.keys(), listed.after if listed.builds else None)

        await turns.read(group.keys(), page)

    async def _absent(self, name: str, ref: AlaudaRef) -> Status | None:
        """Count that a build was missed; the end of one that is certainly gone."""
        try:
            await self._server.repository(ref.repository)
        except RemoteError:
            return None
        if ref in self._asked:
            return Status(state=BuildState.CANCELLED, raw="gone", detail="deleted, as it was asked to end")
        looks = self._absences.missed(name)
        if looks is None:
            return None
        detail = f"gone from Alauda: it showed the repository {ref.repository} {looks}, and not this build"
        return Status(state=BuildState.UNKNOWN, raw="gone", detail=detail)
