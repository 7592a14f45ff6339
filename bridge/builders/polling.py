"""What polls of every server share: handles to read, and builds that a server does not show.

A build that is in no list is looked for by itself, a few builds at a time and not often. It counts as gone
only when several looks over two minutes agree.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from bridge.builders.base import Handle, Status
from bridge.errors import RemoteError
from bridge.model.build import BuildState
from bridge.runtime.clock import Clock

LOOK_INTERVAL: Final = 30.0
_GONE_AFTER: Final = 120.0
_GONE_LOOKS: Final = 4
_MAX_LOOKS: Final = 20
_MAX_KEPT: Final = 4096

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


@dataclass(slots=True)
class _Look:
    """The last look for a build, and how many in a row were in vain, since when and in which session."""

    last: float = float("-inf")
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
        last = {name: self._looks[name].last if name in self._looks else float("-inf") for name in names}
        due = sorted((name for name in last if now - last[name] >= interval), key=last.__getitem__)
        for name in islice(due, _MAX_LOOKS):
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
