"""What happened to a build, as its page shows it: attempts that follow one another are one line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Final

from bridge.model.build import BuildState
from bridge.store.values import Step

_TRYING: Final = (BuildState.TRIGGERING, BuildState.WAITING)
_FEW: Final = 2
"""So many attempts are a line each."""
_DELIVERY: Final = re.compile(r"delivery ([0-9a-f-]{36})(?:; )?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStep:
    """A step; `delivery` is the id of one that it names. It may stand for `attempts` since `since`."""

    at: float
    what: str
    detail: str
    delivery: str = ""
    attempts: int = 0
    since: float = 0


def shown_steps(steps: Sequence[Step]) -> list[ShownStep]:
    """All of them, but of more than two attempts in a row only how the last one went.

    A request to cancel that was carried out at once is left out: what follows it says the same.
    """
    kept = [step for step, after in zip_longest(steps, steps[1:]) if not _is_carried_out(step, after)]
    return [one for trying, some in groupby(kept, _is_attempt) for one in _shown([*some], trying)]


def _is_carried_out(step: Step, after: Step | None) -> bool:
    same = after is not None and (after.what, after.detail) == (BuildState.CANCELLED, step.detail)
    return step.what == "cancel" and same


def _is_attempt(step: Step) -> bool:
    return step.what in _TRYING and _DELIVERY.fullmatch(step.detail) is None


def _shown(steps: Sequence[Step], trying: bool) -> Iterator[ShownStep]:
    attempts = sum(step.what == BuildState.TRIGGERING for step in steps)
    if trying and attempts > _FEW:
        first, last = steps[0], steps[-1]
        yield ShownStep(at=last.at, what=last.what, detail=last.detail, attempts=attempts, since=first.at)
        return
    for step in steps:
        named = _DELIVERY.fullmatch(step.detail)
        delivery, detail = named.groups() if named else ("", step.detail)
        yield ShownStep(at=step.at, what=step.what, detail=detail, delivery=delivery)
