"""What the recorded moves of a ref say of it, and of its next move (pure)."""

from collections.abc import Sequence
from dataclasses import replace

from bridge.model.chain import Chain, in_order
from bridge.model.event import RefMove
from bridge.model.plan import MAX_MOVES, KnownBranch, KnownMove


def recorded(moves: Sequence[KnownMove], move: RefMove, now: float) -> list[KnownMove]:
    """The last MAX_MOVES moves with one more; one that was recorded before keeps its place."""
    turn = max((one.turn for one in moves), default=0) + 1
    new = KnownMove(move.before or "", move.after or "", now, turn, move.seen)
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
        and in_order(recent)[-1].after != before
        and (before, after) in {(one.before, one.after) for one in recent}
    )


def led_on(moves: Sequence[KnownMove], move: RefMove) -> RefMove | None:
    """How the ref must have gone on after a late report, where a look had seen where it led; else None.

    A look saw it go from the same `before` to something else, so this was the first of several moves.
    """
    before, after = move.before or "", move.after or ""
    ends = [one.after for one in moves if one.seen and one.before == before and one.after != after]
    if move.seen or not ends or after in Chain.of(moves).newer(ends[-1]):
        return None
    return replace(move, before=move.after, after=ends[-1] or None, seen=True)


def head(branch: KnownBranch) -> str | None:
    """The commit of a branch; None where it was removed, or where nothing is known of it."""
    last = newest(branch.moves)
    return branch.built if last is None else last or None


def unseen(moves: Sequence[KnownMove], move: RefMove) -> str | None:
    """A sentence, where the move does not go on from what the ref was last seen to be; else None.

    Then something happened in between that no one reported, or not yet: what a host lists of the move is not
    all that changed. `moves` are the recorded ones, the first recorded first; the move may be among them.
    """
    pairs = [(one.before, one.after) for one in moves]
    same = (move.before or "", move.after or "")
    last = newest(moves[: pairs.index(same)] if same in pairs else moves)
    if last is None or last == same[0]:
        return None
    return f"the push begins at {same[0] or 'nothing'}, and {last or 'nothing'} was seen last"


def newest(moves: Sequence[KnownMove]) -> str | None:
    """What the ref is set to, an empty text where it was removed; None where nothing is known."""
    return Chain.of(moves).newest([one.after for one in reversed(in_order(moves))])
