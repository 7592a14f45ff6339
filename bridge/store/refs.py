"""The port of the store about looks at Git hosts, and the pushes that they found. See `bridge.store.base`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge.model.delivery import Delivery
from bridge.model.missed import MissedRef, Redelivery, RedeliveryState
from bridge.model.notice import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLook:
    """What is known of a code repository since the last look at it; times are Unix seconds.

    `clone_url` is where the code is, as the newest push that named an address says, else an earlier look;
    empty where neither does. `refs` is what each ref pointed to, and `moved` are the refs that deliveries
    reported since `looked_at`, which is None before the first look. `looks` goes back to `keep`.
    """

    looks: int = 0
    clone_url: str = ""
    looked_at: float | None = None
    failed_since: float | None = None
    error: str = ""
    refs: Mapping[str, str] = field(default_factory=dict)
    moved: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLook:
    """What a look found: refs that point elsewhere (empty: they are gone), and pushes that were missed.

    `looked_at` is the time until which all moves are accounted for; None where it stays as it was. Each
    delivery of `deliveries` builds one of the missed refs. `peeled` are the commits of annotated tags that
    deliveries reported, by the objects: some hosts name the commit, and some the object.
    """

    code: str
    looks: int
    clone_url: str
    looked_at: float | None
    changed: Mapping[str, str] = field(default_factory=dict)
    peeled: Mapping[str, str] = field(default_factory=dict)
    missed: Sequence[MissedRef] = ()
    deliveries: Sequence[Delivery] = ()
    notices: Sequence[Notice] = ()


class Looks(Protocol):
    """What Git hosts said of their refs."""

    async def last(self, code: str) -> CodeLook:
        """What is known of a code repository."""

    async def keep(self, look: NewLook) -> bool:
        """Write all that a look found, or nothing, and False, where another look was written meanwhile."""

    async def fail(self, code: str, clone_url: str, error: str, now: float) -> bool:
        """Note that the host did not say its refs; whether this is another error than before."""

    async def forget_others(self, codes: Collection[str]) -> None:
        """Forget what the refs of all other code were: the next look at it is its first one."""

    async def states(self) -> Mapping[str, CodeLook]:
        """How looks at each code repository went last, by its keys; without its refs."""

    async def begin_redeliveries(self, wanted: Sequence[Redelivery]) -> Collection[str]:
        """Note, before a host is asked, what it is to send again.

        The keys of those that have not arrived, and for which it was not asked before, as far as is known.
        """

    async def end_redelivery(self, source: str, key: str, state: RedeliveryState) -> None:
        """Note what the host said."""

    async def last_sign(self, before: float) -> float | None:
        """When the last look was written or the last delivery came before then; None where neither was."""

    async def missed(self, limit: int) -> Sequence[MissedRef]:
        """The missed pushes, the newest first, with those that hosts were asked to send again."""
