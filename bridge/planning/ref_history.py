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

from bridge.model.event import RefMove
from bridge.model.plan import MAX_MOVES, KnownBranch, KnownMove

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
        return cls((one.before, one.after) for one in _reported(moves))

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


def recorded(moves: Sequence[KnownMove], move: RefMove, now: float) -> list[KnownMove]:
    """The last MAX_MOVES moves with one more; one that was recorded before keeps its place."""
    new = KnownMove(move.before or "", move.after or "", now)
    if not any((one.before, one.after) == (new.before, new.after) for one in moves):
        return [*moves, new][-MAX_MOVES:]
    return [new if (one.before, one.after) == (new.before, new.after) else one for one in moves]


def is_repeat(moves: Sequence[KnownMove], move: RefMove, since: float) -> bool:
    """Whether the very same move was reported `since` then; not where the ref has gone back to `before`.

    A late report of the previous move looks the same as going back. Then the push is built twice, which does
    no harm.
    """
    recent = [one for one in moves if one.at >= since]
    before, after = move.before or "", move.after or ""
    return (
        bool(recent)
        and _last(recent).after != before
        and (before, after) in {(one.before, one.after) for one in recent}
    )


def head(branch: KnownBranch) -> str | None:
    """The commit of a branch; None where it was removed, or where nothing is known of it."""
    newest = _newest(branch.moves)
    return branch.built if newest is None else newest or None


def unseen(moves: Sequence[KnownMove], move: RefMove) -> str | None:
    """A sentence, where the move does not go on from what the ref was last seen to be; else None.

    Then something happened in between that no one reported, or not yet: what a host lists of the move is not
    all that changed. `moves` are the recorded ones, the first recorded first; the move may be among them.
    """
    pairs = [(one.before, one.after) for one in moves]
    same = (move.before or "", move.after or "")
    last = _newest(moves[: pairs.index(same)] if same in pairs else moves)
    if last is None or last == same[0]:
        return None
    return f"the push begins at {same[0] or 'nothing'}, and {last or 'nothing'} was seen last"


def _newest(moves: Sequence[KnownMove]) -> str | None:
    """What the ref is set to, an empty text where it was removed; None where nothing is known."""
    return Chain.of(moves).newest([one.after for one in reversed(_reported(moves))])


def _reported(moves: Sequence[KnownMove]) -> Sequence[KnownMove]:
    """In the order in which they were last reported."""
    return sorted(moves, key=lambda one: one.at)


def _last(moves: Sequence[KnownMove]) -> KnownMove:
    """The one that was last reported; of several at one time the one recorded last."""
    return max(reversed(moves), key=lambda one: one.at)


def _reached(links: Links, start: str) -> set[str]:
    """All that the links lead to, with `start` itself."""
    found, ahead = {start}, [start]
    while ahead:
        further = links.get(ahead.pop(), set()) - found
        found |= further
        ahead += further
    return found
