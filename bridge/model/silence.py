"""Silences: they hold notices about what people know already."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bridge.model.notice import EventName
from bridge.model.outbox import Waiting

MAX_SILENCES: Final = 200
"""So many are in force at once."""
MAX_OF_NAMESPACE: Final = 50
"""So many of them are for one namespace alone: the others have room, too."""
_LITERAL: Final = re.compile(r"([^/*?\[]+)/.+", re.DOTALL)

SilencedBy = Literal["any", "its-own", "none"]
"""Which silences hold the notices of a channel: those that name it or none, those that name it, or none."""
SilenceState = Literal["active", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Notices that match all that it gives are not sent before `until`; times are in Unix seconds.

    `repository` and `ref` are patterns as rules have them, of `namespace/repo_name` and of the name of a
    branch or tag. `events` is empty for all. `held` counts the notices. `until` is a moment that people
    agreed on: it stays where it is when the clock is set.
    """

    id: str
    created_at: float
    until: float
    author: str
    reason: str
    repository: str | None = None
    ref: str | None = None
    events: frozenset[EventName] = frozenset()
    channel: str | None = None
    ended_at: float | None = None
    ended_by: str | None = None
    held: int = 0

    @property
    def namespace(self) -> str | None:
        """The only namespace in which it holds something; None where it may be others, too."""
        found = _LITERAL.fullmatch(self.repository or "")
        return found and found[1]

    def state(self, now: float) -> SilenceState:
        return "active" if self.ended_at is None and self.until > now else "ended"


Silenced = Callable[[Sequence[Waiting], Sequence[Silence]], Mapping[str, Silence]]
"""Says which of the notices that wait are not to be sent, and by which of the silences in force."""
