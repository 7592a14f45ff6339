"""Which notices go next to a channel, and which of them in one message (pure).

People who wait for a failure must not wait behind a hundred successes, and a target that takes few messages
a minute must still get all. So single messages leave slots free for urgent ones, and those for digests.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.model.notice import DigestKind
from bridge.model.outbox import PUSH_SECONDS, Later, Send, Waiting
from bridge.model.quiet import Quiet

LATE_SECONDS: Final = 60.0
"""After so long only the newest of a job still matters, and the others are named beside it."""
DIGEST_SECONDS: Final = 20.0
"""After so long behind the limit, what waits goes in a digest."""
_RESERVED: Final = 2
"""The slots that are left to digests of what is urgent."""
_FEWEST: Final = 2
"""A digest has at least so many notices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """How many messages the target takes: `free` ones now of `count`, and another one at `next_at`."""

    free: int
    count: int
    next_at: float


@dataclass(slots=True)
class _Unit:
    """Notices that belong into one message: of one push, or of one job.

    It is urgent where anything urgent waits in its jobs, also behind a notice that goes by itself.
    """

    rows: list[Waiting]
    urgent: bool

    @property
    def since(self) -> float:
        """Since when the oldest of them could have been sent."""
        return min(max(row.created_at, row.next_at) for row in self.rows)

    def waits_until(self, quiet: Quiet | None) -> float:
        """For the other builds of the push, or for the end of quiet hours; 0.0 where it waits for nothing."""
        first = self.rows[0]
        of_push = [row for row in self.rows if row.batch == first.batch]
        is_whole = all(row.complete for row in of_push)
        push_end = 0.0 if is_whole else min(row.created_at for row in of_push) + PUSH_SECONDS
        return push_end if quiet is None or self.urgent else max(push_end, quiet.end)

    def together(self, now: float, quiet: Quiet | None) -> Sequence[Waiting]:
        """What goes in one message: all that could not be sent for long, else only the builds of one push.

        In quiet hours nothing goes alone that only stands before something urgent.
        """
        first = self.rows[0]
        if now - first.created_at > LATE_SECONDS or (quiet and quiet.end > now and not first.urgent):
            return self.rows
        if first.batch is None:
            return [first]
        behind: set[str] = set()  # a job's notice of another push, and all behind it
        together = []
        for row in self.rows:
            if row.batch != first.batch:
                behind.add(row.job)
            elif row.job not in behind:
                together.append(row)
        return together


def choose(
    waiting: Sequence[Waiting], *, room: int, slots: Slots | None, quiet: Quiet | None = None, now: float
) -> Send | Later | None:
    """What goes next; `room` is how many notices one message can hold, `slots` None where there is no limit.

    `waiting` is ordered by age. `quiet` are the last quiet hours: until they end only what is urgent
    goes, and what waited for their end goes in digests.
    """
    units: list[_Unit] = []
    held: list[float] = []
    for unit in _units(waiting, now, may_fold=room >= _FEWEST):
        until = unit.waits_until(quiet)
        if until > now:
            held.append(until)
        else:
            units.append(unit)
    nothing = Later(min(held)) if held else None
    if not units:
        return nothing
    units.sort(key=lambda unit: (not unit.urgent, unit.since, unit.rows[0].id))
    waited = _after_quiet(units, quiet) if slots is None or slots.free > _RESERVED else ()
    chosen: Send | Later
    if waited:
        chosen = _message(waited, room)
    elif slots is None:
        chosen = _message(units[0].together(now, quiet), room)
    else:
        chosen = _within(units, room, slots, quiet, now)
    if isinstance(chosen, Later) and nothing is not None:
        return Later(min(chosen.at, nothing.at), chosen.rate_until)
    return chosen


def _after_quiet(units: Sequence[_Unit], quiet: Quiet | None) -> Sequence[Waiting]:
    """What waited for the end of quiet hours, if that is more than one notice."""
    if quiet is None or units[0].urgent:
        return ()
    rows = _foldable([unit for unit in units if unit.since < quiet.end])
    return rows if len(rows) >= _FEWEST else ()


def _within(units: Sequence[_Unit], room: int, slots: Slots, quiet: Quiet | None, now: float) -> Send | Later:
    if slots.free <= 0:
        return Later(slots.next_at, slots.next_at)
    first = units[0]
    if first.urgent:
        alone = slots.free > _RESERVED
    else:
        alone = slots.free > slots.count // 2 and len(units) <= slots.free
    return _message(first.together(now, quiet), room) if alone else _digest(units, room, slots, now)


def _digest(units: Sequence[_Unit], room: int, slots: Slots, now: float) -> Send | Later:
    urgent = units[0].urgent
    if not urgent and slots.free <= _RESERVED:
        return Later(slots.next_at, slots.next_at)
    if not units[0].rows[0].folds:
        return Send((units[0].rows[0].id,))
    foldable = _foldable(units)
    due_at = min(unit.since for unit in units) + DIGEST_SECONDS
    if urgent or len(units) > slots.free or len(foldable) >= room or due_at <= now:
        return _message(foldable, room)
    at = min(due_at, slots.next_at)
    return Later(at, at)


def _foldable(units: Sequence[_Unit]) -> Sequence[Waiting]:
    """What may go in one message with the first of them: a message is for one recipient."""
    recipient = units[0].rows[0].recipient if units else None
    return [row for unit in units for row in unit.rows if row.folds and row.recipient == recipient]


def _message(rows: Sequence[Waiting], room: int) -> Send:
    """One message for the first of these, which are in the order in which they may leave."""
    if len(rows) == 1:
        return Send((rows[0].id,))
    members = rows[:room]
    return Send(tuple(sorted(row.id for row in members)), _kind(members))


def _kind(rows: Sequence[Waiting]) -> DigestKind:
    if rows[0].batch and len({row.batch for row in rows}) == 1:
        return "push"
    return "job" if len({(row.job, row.tag_set) for row in rows}) == 1 else "backlog"


def _units(waiting: Sequence[Waiting], now: float, *, may_fold: bool) -> Collection[_Unit]:
    """What may go now: of each job what comes before the first that may not, jobs of one push together."""
    by_job: dict[tuple[str, str | None], list[Waiting]] = {}
    for row in waiting:
        by_job.setdefault((row.job, row.recipient), []).append(row)
    units: dict[tuple[str | None, ...], _Unit] = {}
    for rows in by_job.values():
        ready = list(_ready(rows, now)) if may_fold else _first(rows, now)
        if not ready:
            continue
        first = ready[0]
        same = (first.batch, first.recipient) if first.batch and first.folds else (first.id,)
        unit = units.setdefault(same, _Unit([], urgent=False))
        unit.rows.extend(ready)
        unit.urgent = unit.urgent or any(row.urgent for row in rows)
    return units.values()


def _first(rows: Sequence[Waiting], now: float) -> list[Waiting]:
    """The first of a job, where each goes by itself and waits for no other."""
    return [replace(row, batch=None, complete=True, folds=False) for row in rows[:1] if row.next_at <= now]


def _ready(rows: Sequence[Waiting], now: float) -> Iterator[Waiting]:
    """The notices of a job that may go in one message: the first one, and what follows it."""
    for row in rows:
        if row.next_at > now:
            return
        if row is not rows[0] and not (row.folds and rows[0].folds):
            return
        yield row
