"""Which of two pushes of one ref is the newer one (pure).

Deliveries may come late, twice, or in any order. Each names the object that its ref was set from and the
object that it was set to, so all of them together are a chain. A push is certainly newer than another where
the chain leads from the other to it, and not back. The chain leads back where a ref was reset, or removed
and made again. There, and where a link is not known (yet), the order of arrival counts as the order of the
pushes. A ref that returns to an object it had before, from its last known object or from one that no earlier
move names, was reset: the links that led on from the object it returns to no longer count. The dates of
commits do not count: their authors choose them. Different refs are never compared.

So a moving tag, such as `latest`, may hold older code for a while, where that came before the link to the
newer code. When the link comes, the newest code is built again.
"""

from collections.abc import Iterable, Mapping, Sequence

from bridge.model.plan import KnownMove

Links = Mapping[str, set[str]]


class Chain:
    """How one ref moved, by `moves` in the order in which they were last reported.

    Each is the object before and the one after, an empty text where there was none.
    """

    def __init__(self, moves: Iterable[tuple[str, str]]) -> None:
        self._next: dict[str, set[str]] = {}
        self._previous: dict[str, set[str]] = {}
        seen: list[str] = []
        for before, after in moves:
            if after in self._previous and (self._is_new(before) or self.newest(seen[::-1]) == before):
                self._reset_to(after)
            self._next.setdefault(before, set()).add(after)
            self._previous.setdefault(after, set()).add(before)
            seen.append(after)

    @classmethod
    def of(cls, moves: Sequence[KnownMove]) -> "Chain":
        """The chain of the recorded moves."""
        return cls((one.before, one.after) for one in in_order(moves))

    def _is_new(self, name: str) -> bool:
        """Whether no earlier move names it: the push that set the ref to it was not reported."""
        return name not in self._next and name not in self._previous

    def _reset_to(self, name: str) -> None:
        """Forget the links that led on from this object."""
        for later in self._next.pop(name, ()):
            self._previous[later].discard(name)

    def newer(self, pushed: str) -> set[str]:
        """What is certainly newer than `pushed`."""
        return _reached(self._next, pushed) - _reached(self._previous, pushed)

    def newest(self, built: Sequence[str]) -> str | None:
        """The first of `built` that no other of them is newer than; None when there are none."""
        return next((one for one in built if self.newer(one).isdisjoint(built)), None)


def in_order(moves: Sequence[KnownMove]) -> Sequence[KnownMove]:
    """In the order in which they were last reported."""
    return sorted(moves, key=lambda one: one.turn)


def _reached(links: Links, start: str) -> set[str]:
    """All that the links lead to, with `start` itself."""
    found, ahead = {start}, [start]
    while ahead:
        further = links.get(ahead.pop(), set()) - found
        found |= further
        ahead += further
    return found
