"""Polling Jenkins: one request for the queue and one for each job, however many builds are open.

What is in neither is asked for by itself, a few builds at a time and not often. It counts as gone only when
several such looks over two minutes agree, in one run of Jenkins, while its root page answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from bridge.builders.base import Handle, Status
from bridge.builders.jenkins.client import Server
from bridge.builders.jenkins.model import (
    QUEUE,
    ROOT,
    Build,
    Builds,
    Catalogue,
    Item,
    Place,
    Queue,
    Root,
    build_status,
    build_tree,
    builds_tree,
    item_status,
    item_tree,
)
from bridge.errors import RemoteError, Transient
from bridge.model.build import BuildState
from bridge.runtime.clock import Clock

MAX_RANGE: Final = 2000
_RECENT: Final = 100
_MARGIN: Final = 20
LOOK_EVERY: Final = 30.0
GONE_AFTER: Final = 120.0
GONE_LOOKS: Final = 4
_MAX_LOOKS: Final = 20
_MAX_MISSING: Final = 4096


@dataclass(slots=True)
class _Missing:
    """A build that was nowhere: since when, in which run of Jenkins, and how often we looked."""

    since: float
    session: str | None
    looks: int = 0
    last: float = float("-inf")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """The items of the queue by both numbers that can name them.

    A build id names an item of one job only: a build that starts another job can hand it on.
    """

    items: Mapping[int, Item]
    ours: Mapping[tuple[str | None, str | None], Item]

    def pick(self, place: Place, session: str | None) -> Item | None:
        item = self.ours.get((place.job, place.id)) or self.items.get(place.queue or 0)
        return item if item and place.owns_item(item, session) else None


class Watch:
    """The open builds of one server; `root` is its address for people, with the closing slash."""

    def __init__(self, server: Server, root: str, clock: Clock) -> None:
        self._server = server
        self._root = root
        self._clock = clock
        self._next: dict[str, int] = {}
        self._missing: dict[str, _Missing] = {}

    async def poll(self, handles: Mapping[str, Handle]) -> dict[str, Status]:
        """Raises a RemoteError when nothing at all could be learned."""
        places, found = _places(handles)
        waiting = await self.waiting() if any(p.build is None for p in places.values()) else None
        absent: dict[str, Place] = {}
        failures: list[RemoteError] = []
        for job in sorted({place.job for place in places.values()}):
            group = {name: place for name, place in places.items() if place.job == job}
            try:
                catalogue = await self._listed(job, group)
            except RemoteError as error:
                failures.append(error)
                continue
            for name, place in group.items():
                status = self._status(place, catalogue, waiting)
                if status:
                    found[name] = status
                else:
                    absent[name] = place
        if failures and not found and not absent:
            raise failures[0]
        for name in found:
            self._missing.pop(name, None)
        return found | await self._look(absent)

    async def waiting(self) -> _Waiting:
        queue = await self._server.read(QUEUE, Queue)
        if queue is None:
            raise Transient("there is no Jenkins queue at `url` (404)")
        items = {item.id: item for item in queue.items}
        return _Waiting(items, {(item.job, item.build_id): item for item in queue.items if item.build_id})

    async def catalogue(self, job: str, count: int = MAX_RANGE) -> Catalogue | None:
        """The newest builds of a job; None when there is no such job."""
        listing = await self._server.read(builds_tree(job, count), Builds)
        return None if listing is None else Catalogue(listing.builds)

    async def _listed(self, job: str, group: Mapping[str, Place]) -> Catalogue | None:
        """The builds of a job, in a range just wide enough for `group`."""
        oldest = min((place.build for place in group.values() if place.build is not None), default=None)
        count = self._range(job, group, oldest)
        listing = await self._server.read(builds_tree(job, count), Builds)
        if listing is None:
            return None
        self._next[job] = listing.next_number
        wider = min(listing.next_number - (oldest or listing.next_number) + 1, MAX_RANGE)
        if oldest is not None and len(listing.builds) >= count < wider and listing.builds[-1].number > oldest:
            return await self.catalogue(job, wider)
        return Catalogue(listing.builds)

    def _range(self, job: str, group: Mapping[str, Place], oldest: int | None) -> int:
        known = self._next.get(job)
        unnumbered = oldest is None or known is None or any(p.build is None for p in group.values())
        recent = len(group) + _RECENT if unnumbered else 0
        deep = known - oldest + _MARGIN if known is not None and oldest is not None else 0
        return min(max(recent, deep, _MARGIN), MAX_RANGE)

    def _status(self, place: Place, catalogue: Catalogue | None, waiting: _Waiting | None) -> Status | None:
        session = self._server.session
        build = catalogue.pick(place, session) if catalogue is not None else None
        if build:
            return build_status(place, build, self._root)
        item = waiting.pick(place, session) if waiting and place.build is None else None
        return item_status(item) if item else None

    async def _look(self, absent: Mapping[str, Place]) -> dict[str, Status]:
        """Ask one by one for builds that are in no list. What cannot be asked now is left out."""
        now = self._clock()
        due = (name for name in absent if self._due(name, now))
        found: dict[str, Status] = {}
        catalogues: dict[str, Catalogue | None] = {}
        try:
            for name in islice(due, _MAX_LOOKS):
                place = absent[name]
                if place.job not in catalogues:
                    catalogues[place.job] = await self.catalogue(place.job)
                status = await self._alone(place, catalogues[place.job])
                if status:
                    self._missing.pop(name, None)
                elif await self._server.read(ROOT, Root):
                    status = self._count(name, place, catalogues[place.job], now)
                if status:
                    found[name] = status
        except RemoteError:
            # The lists were read a moment ago: the next poll tells what is wrong.
            return found
        return found

    def _due(self, name: str, now: float) -> bool:
        missing = self._missing.get(name)
        return missing is None or now - missing.last >= LOOK_EVERY

    async def _alone(self, place: Place, catalogue: Catalogue | None) -> Status | None:
        if place.build is None and place.queue is not None:
            item = await self._server.read(item_tree(place.queue), Item)
            if item and place.owns_item(item, self._server.session):
                number = item.executable.number if item.executable else None
                if number is None:
                    return item_status(item)
                place = place.model_copy(update={"build": number})
        if place.build is not None:
            build = await self._server.read(build_tree(place.job, place.build), Build)
            catalogue = Catalogue([build]) if build else None
        return self._status(place, catalogue, None)

    def _count(self, name: str, place: Place, catalogue: Catalogue | None, now: float) -> Status | None:
        """Note that a build is nowhere; its end once that is certain."""
        session = self._server.session
        missing = self._missing.get(name)
        if missing is None or missing.session != session:
            missing = self._missing[name] = _Missing(now, session)
        missing.looks += 1
        missing.last = now
        while len(self._missing) > _MAX_MISSING:
            self._missing.pop(next(iter(self._missing)))
        if missing.looks < GONE_LOOKS or now - missing.since < GONE_AFTER:
            return None
        checked = (
            "looked for in the queue and among the builds by build id, queue number and build number, "
            f"{missing.looks} times in {now - missing.since:.0f} s while Jenkins answered"
        )
        why = _explanation(place, catalogue, session)
        return Status(state=BuildState.UNKNOWN, raw="gone", detail=f"gone from Jenkins: {why}; {checked}")


def _places(handles: Mapping[str, Handle]) -> tuple[dict[str, Place], dict[str, Status]]:
    """The handles read; one that cannot be read must not keep the others from being polled."""
    places: dict[str, Place] = {}
    unreadable: dict[str, Status] = {}
    for name, handle in handles.items():
        try:
            places[name] = Place.parse(handle)
        except RemoteError as error:
            unreadable[name] = Status(state=BuildState.UNKNOWN, raw="handle", detail=str(error))
    return places, unreadable


def _explanation(place: Place, catalogue: Catalogue | None, session: str | None) -> str:
    if catalogue is None:
        return "the job was renamed or deleted"
    if place.session not in {None, session}:
        return "Jenkins was restarted meanwhile"
    if place.build is not None and place.build < catalogue.oldest:
        return f"its number {place.build} is below {catalogue.oldest}, the oldest build kept"
    return "it was deleted"
