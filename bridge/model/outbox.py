"""What waits to be sent to a channel, and which of it goes next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.model.notice import DigestKind

PUSH_SECONDS: Final = 15.0
"""So long the first result of a push waits for those of its other builds."""


@dataclass(frozen=True, slots=True)
class About:
    """What a notice is about: an event, and the repository and ref of its build if it is about one.

    The ref is its short name; None where it is not known any more.
    """

    event: str
    repository: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An open notice as far as its turn depends on it; times are in Unix seconds.

    Notices with the same `batch` come from one push, which is `complete` when all its builds have ended.
    `tag_set` is that of its build: what happens to another one is no news of this one. A notice that does not
    fold is sent by itself. `about` is what it is about, of a digest several things; it is empty where no
    silence is in force.
    """

    id: str
    job: str
    recipient: str | None
    urgent: bool
    created_at: float
    next_at: float
    tag_set: str | None = None
    batch: str | None = None
    complete: bool = True
    folds: bool = True
    about: tuple[About, ...] = ()


@dataclass(frozen=True, slots=True)
class Send:
    """One message for these notices, the oldest first; `kind` is None for one notice as it is."""

    ids: tuple[str, ...]
    kind: DigestKind | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing of what waits goes before `at`; `rate_until` is when the target takes something again."""

    at: float
    rate_until: float = field(default=0.0, compare=False)


Choose = Callable[[Sequence[Waiting]], Send | Later | None]
"""Says what goes next of the jobs whose oldest notice is due, the oldest first; None without any."""
