"""Which moves of refs no delivery reported, and why that may be (pure)."""

from collections.abc import Sequence
from typing import Final

from bridge.model.missed import HostRef
from bridge.model.plan import KnownMove
from bridge.planning.ref_history import newest
from bridge.runtime.clock import moment

SLACK_SECONDS: Final = 60.0
"""A host may say of a ref what it was a moment before its webhook."""


def set_from(seen: str, now: HostRef | None, moves: Sequence[KnownMove], since: float) -> str | None:
    """What a ref was set from by a move that no delivery reported; None where there was none.

    `seen` is what it was at the last look, `since` then, and `now` what it is; None, and an empty text, where
    it is not there. `moves` are the recorded ones, the first recorded first.
    """
    names = _names(now)
    recent = [move for move in moves if move.at >= since]
    left = [move for move in recent if move.before in names and move.after not in names]
    if seen in names and not left:
        return None
    around = [move for move in moves if move.at >= since - SLACK_SECONDS]
    if around and newest(moves) in names:
        return None
    arrived = [move.at for move in around if move.after in names]
    if arrived and all(move.at < max(arrived) for move in left):
        return None
    return (newest(recent) if recent else seen) or ""


def may_be_older(now: HostRef | None, moves: Sequence[KnownMove], asked_at: float) -> bool:
    """Whether the host may have said what a ref is before one of its recorded moves; arguments as above.

    `asked_at` is when the host was asked. What an earlier look found counts only where it led on from what
    the ref is said to be.
    """
    names = _names(now)
    return any(
        move.at >= asked_at - SLACK_SECONDS
        and move.after not in names
        and (move.before in names or not move.seen)
        for move in moves
    )


def _names(now: HostRef | None) -> set[str]:
    return {now.pushed, now.sha} if now else {""}


def reason(
    *,
    source: str,
    looked_at: float,
    away: tuple[float, float] | None,
    failed_since: float | None,
    last_delivery: float | None,
    rejected: tuple[int, str] | None,
) -> str:
    """Why no webhook reported a move between two looks, as far as that can be known.

    `away` is from when the bridge was last at work until it began again; None where it may never have ended.
    `failed_since` is since when the host had not said its refs, and `last_delivery` when the source last sent
    one. So many requests of it were `rejected` meanwhile, and for what most of them were.
    """
    why = _reason(source, looked_at, away, failed_since, last_delivery)
    if rejected is None:
        return why
    count, of_most = rejected
    requests = "1 request of the source was" if count == 1 else f"{count} requests of the source were"
    return f"{why}; {requests} rejected meanwhile: {of_most}"


def _reason(
    source: str,
    looked_at: float,
    away: tuple[float, float] | None,
    failed_since: float | None,
    last_delivery: float | None,
) -> str:
    if away is not None and looked_at < away[1]:
        return f"the bridge was not running for a time between {moment(away[0])} and {moment(away[1])}"
    if failed_since is not None:
        return f"the Git host did not answer for a time from {moment(failed_since)} on"
    if last_delivery is None:
        return f"no webhook has ever come from the source {source}"
    if last_delivery < looked_at:
        return f"no webhook came from the source {source} since {moment(last_delivery)}"
    return f"no webhook arrived for it, while others of the source {source} did"
