"""What polls of every server share: handles to read, long lists, and builds that a server does not show.

A build that is in no list is looked for by itself, a few builds at a time and not often. It counts as gone
only when several looks over two minutes agree.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil, inf
from typing import Final, Generic, TypeVar

from bridge.builders.base import Handle, Status
from bridge.errors import RemoteError
from bridge.model.build import BuildState
from bridge.runtime.clock import Clock

LOOK_INTERVAL: Final = 30.0
_GONE_AFTER: Final = 120.0
_GONE_LOOKS: Final = 4
_MAX_LOOKS: Final = 20
_MAX_REASONS: Final = 5
_MAX_KEPT: Final = 4096
_SECONDS: Final = 10.0
"""Seconds after which a poll of a slow server reads no more: what it has read by then would be lost."""
_TURN_SECONDS: Final = 45.0
"""In so many seconds all pages are read that can show a build."""
_LEAST_PAGES: Final = 4
_MOST_PAGES: Final = 20
_VAIN_PAGES: Final = 10
FEW: Final = 3
"""So many builds are read one by one rather than by pages."""

C = TypeVar("C")
R = TypeVar("R")


def read_handles(
    handles: Mapping[str, Handle], parse: Callable[[Handle], R]
) -> tuple[dict[str, R], dict[str, Status]]:
    """What `parse` reads in the handles; one that it cannot read must not stop the poll of the others."""
    refs: dict[str, R] = {}
    unreadable: dict[str, Status] = {}
    for name, handle in handles.items():
        try:
            refs[name] = parse(handle)
        except RemoteError as error:
            unreadable[name] = Status(state=BuildState.UNKNOWN, raw="handle", detail=str(error))
    return refs, unreadable


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a build failed: the part of it, and a sentence."""

    stage: str = ""
    why: str = ""


async def with_reasons(
    statuses: Mapping[str, Status], reason: Callable[[str], Awaitable[Failure]]
) -> dict[str, Status]:
    """The same, with why builds failed: what `reason` reads of some of them, as far as it can be read now."""
    found = dict(statuses)
    failed = (name for name, status in statuses.items() if status.state is BuildState.FAILED)
    for name in islice(failed, _MAX_REASONS):
        try:
            failure = await reason(name)
        except RemoteError:
            break
        detail = "; ".join(filter(None, (failure.why, statuses[name].detail)))
        found[name] = replace(statuses[name], detail=detail, stage=failure.stage)
    return found


@dataclass(slots=True)
class _Look:
    """The last look for a build, and how many in a row were in vain, since when and in which session."""

    last: float = -inf
    misses: int = 0
    since: float = 0.0
    session: str | None = None


class Absences:
    """The builds of a server that were looked for by themselves."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looks: dict[str, _Look] = {}

    def due(self, names: Iterable[str], interval: float = LOOK_INTERVAL) -> Iterator[str]:
        """The builds to look for now, those of the oldest look first: one that fails holds up no other.

        A build has been looked for as soon as it was given; `interval` is in seconds.
        """
        now = self._clock()
        until = now + _SECONDS
        last = {name: self._looks[name].last if name in self._looks else -inf for name in names}
        due = sorted((name for name in last if now - last[name] >= interval), key=last.__getitem__)
        for name in islice(due, _MAX_LOOKS):
            if self._clock() > until:
                return
            self._look(name).last = now
            yield name

    def found(self, name: str) -> None:
        """The build was seen: earlier misses count no more."""
        if name in self._looks:
            self._looks[name].misses = 0

    def missed(self, name: str, session: str | None = None) -> str | None:
        """Count a look in vain; how many there were, in words, once they show that the build is gone.

        Only looks in one `session` of the server count together.
        """
        now, look = self._clock(), self._look(name)
        if not look.misses or look.session != session:
            look.misses, look.since, look.session = 0, now, session
        look.misses += 1
        if look.misses < _GONE_LOOKS or now - look.since < _GONE_AFTER:
            return None
        return f"{look.misses} times in {now - look.since:.0f} s"

    def _look(self, name: str) -> _Look:
        look = self._looks.setdefault(name, _Look())
        while len(self._looks) > _MAX_KEPT:
            self._looks.pop(next(iter(self._looks)))
        return look


@dataclass(frozen=True, slots=True)
class Shown(Generic[C]):
    """A page of a list: the builds that it shows, and where the next one is if that is of use."""

    names: Collection[str]
    after: C | None


class Turns(Generic[C]):
    """The pages of a long list: the newest at each poll, those behind it in turns that polls share.

    So each build is seen about once a minute, however many are open, and no poll costs many requests. A turn
    ends with the list, or when no more builds are left than can be read one by one: these are `absent`. It
    `is_whole` where the list has none of them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read_at = -inf
        self._next: C | None = None
        self._sought = 0
        self._left: set[str] = set()
        self._pages = 0
        self._vain = 0
        self._length = 0
        self.absent: frozenset[str] = frozenset()
        self.is_whole = False

    async def read(
        self, names: Collection[str], page: Callable[[C | None], Awaitable[Shown[C]]], deep: int = 0
    ) -> None:
        """Read what is due of the pages for these builds; `page` reads one, the newest for None.

        With `deep`, some can be read in no other way: so many pages are searched for them. Raises RemoteError
        when the newest page could not be read.
        """
        began = self._clock()
        passed, self._read_at = began - self._read_at, began
        newest = await page(None)
        left = set(names).difference(newest.names)
        if self._next is None:
            self._sought, self._left, self._next = len(names), left, newest.after
            self._pages, self._vain = 1, 0 if newest.names else 1
        else:
            self._left &= left
        most = max(_VAIN_PAGES + len(names), deep)
        for _ in range(self._due(most, passed)):
            if self._is_over(most, deep) or self._clock() > began + _SECONDS:
                break
            try:
                shown = await page(self._next)
            except RemoteError:
                # The newest page could be read a moment ago: what is left is read one by one.
                self._end(is_whole=False)
                return
            self._pages += 1
            self._vain = 0 if shown.names else self._vain + 1
            self._left.difference_update(shown.names)
            self._next = shown.after
        if self._is_over(most, deep):
            self._end(is_whole=self._next is None)

    def _due(self, most: int, passed: float) -> int:
        """How many pages to read now for the turn to be over in time, if it is as long as the last one.

        If there was none, the next pages may show as many builds as those before.
        """
        if not 0 <= passed < _TURN_SECONDS:
            return _MOST_PAGES
        shown = max(self._sought - len(self._left), 1)
        pages = self._length or min(self._sought * self._pages / shown, most)
        return min(max(ceil(pages * passed / _TURN_SECONDS), _LEAST_PAGES), _MOST_PAGES)

    def _is_over(self, most: int, deep: int) -> bool:
        """Whether no page is left, or to read the builds that are left one by one costs no more."""
        few = 0 if deep else FEW
        vain = max(_VAIN_PAGES, len(self._left), deep)
        return self._next is None or len(self._left) <= few or self._vain >= vain or self._pages >= most

    def _end(self, *, is_whole: bool) -> None:
        self.absent, self.is_whole = frozenset(self._left), is_whole
        self._length, self._next = self._pages, None
