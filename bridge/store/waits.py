"""The port of the store about what open builds and notices wait for. See `bridge.store.base`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bridge.model.build import Build
from bridge.store.values import NoticeRow

WaitKind = Literal[
    "tag", "places", "end", "down", "paused", "again", "busy", "order", "digest", "quiet", "push", "rate"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What one build or notice waits for.

    - `tag`: for the end of the build `ahead`, which writes the same tag.
    - `places`: for the end of `ahead`, since its repository runs only `count` builds at once.
    - `end`: its own end was asked for, which `why` says.
    - `down`: for the part `name`, which is down since `since`.
    - `paused`: for the part `name`, which takes nothing until `until`.
    - `again`: for another attempt at `until`; `why` is how the last one ended.
    - `busy`: for the builder `name`, which has `count` builds.
    - `order`: for the notice `name`, which goes first.
    - `digest`: for the notice `name`, which tells it.
    - `quiet`: for the end of the quiet hours of the channel `name` at `until`.
    - `push`: for the other builds of its push, at most until `until`.
    - `rate`: for the channel `name`, which may send no more before `until`.
    """

    kind: WaitKind
    name: str = ""
    why: str = ""
    since: float = 0.0
    until: float = 0.0
    count: int = 0
    ahead: Build | None = None


class Waits(Protocol):
    """What is open and why it does not go on; each call reads some rows more, however many are asked for."""

    async def of_builds(self, builds: Sequence[Build]) -> Mapping[str, Wait]:
        """By the ids of builds what they wait for; one that has ended, or goes on, is left out."""

    async def before(self, build_id: str) -> int:
        """How many builds wait for the same builder and go first, at most 1000."""

    async def limit(self) -> int:
        """Make due now what seems due in many hours, as after a clock ran ahead; returns how many rows."""

    async def of_notices(self, rows: Sequence[NoticeRow]) -> Mapping[str, Wait]:
        """By the ids of notices what they wait for; one that has ended, or is being sent, is left out."""
