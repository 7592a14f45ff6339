"""What a builder leaves that is gone, or that is elsewhere now."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

import structlog

from bridge.model.build import BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import count_ended
from bridge.store.base import Builds

log = structlog.get_logger()

ABSENT_SECONDS: Final = 300.0
"""How long a builder or channel that was removed is waited for: a name may be mistyped, or half renamed."""
MOVED: Final = "its builder moved to another place by a change of the configuration: look at the old one"
NODE_GONE: Final = "it was on the machine of a node that did not come back: look there"
_OPEN: Final = frozenset({BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING})
_LEFT: Final = frozenset(BuildState) - {BuildState.WAITING}


class Names:
    """The builders or channels that there are, and since when others are absent that there were."""

    def __init__(self, present: Callable[[], Collection[str]], clock: Clock) -> None:
        self._present = present
        self._clock = clock
        self._known: set[str] = set()
        self._absent_since: dict[str, float] = {}

    def absent(self) -> dict[str, float]:
        """Since when, in Unix seconds, those are absent that may still come back.

        One that has been for 5 minutes, or has never been there, is none of them.
        """
        present, now = set(self._present()), self._clock()
        self._known |= present
        for name in self._known - present:
            self._absent_since.setdefault(name, now)
        for name, since in list(self._absent_since.items()):
            if name in present or now - since >= ABSENT_SECONDS:
                del self._absent_since[name]
                self._known -= {name} - present
        return dict(self._absent_since)

    def kept(self) -> set[str]:
        """Those that there are, or that may still come back."""
        return {*self._present(), *self.absent()}


def _gone(builder: str) -> str:
    return f"there is no builder {builder} any more"


async def end_orphans(
    builds: Builds, kept: Callable[[], Collection[str]], notice_policy: NoticePolicy
) -> None:
    """End every open build of a builder that is not among `kept`, which is asked again before each.

    Raises StoreError.
    """
    ended = []
    for build in await builds.orphans(kept()):
        if build.builder in kept():
            continue
        to = BuildState.FAILED if build.state is BuildState.WAITING else BuildState.UNKNOWN
        now = notice_policy.clock()
        moved = await builds.transition(
            build.run_id, to, notice_policy, detail=_gone(build.builder), ended_at=now
        )
        if moved is not None:
            ended.append(moved.id)
    if ended:
        log.warning(LogEvent.BUILD_ABANDONED, builds=ended, reason="their builder is not configured")


async def explain_orphans(builds: Builds, builder: str, since: float | None) -> None:
    """Say in the builds that wait for a builder since when it is absent; None where it is there again.

    Raises StoreError.
    """
    at = "" if since is None else f"{datetime.fromtimestamp(since).astimezone():%H:%M}"
    why = at and f"{_gone(builder)}, since {at}"
    for build in await builds.in_state(builder, BuildState.WAITING):
        if since is not None and build.detail != why:
            await builds.add_step(build.run_id, build.state, why, detail=why)
        elif since is None and build.detail.startswith(_gone(builder)):
            await builds.add_step(build.run_id, build.state, "its builder is there again", detail="")


async def leave_behind(builds: Builds, builder: str, notice_policy: NoticePolicy, why: str) -> None:
    """Give up what the builder has at the place where it was: the new one must not be asked for any of it.

    There it would not be found, and be sent again, or another build would be taken for it. What only waits
    stays. Raises StoreError; what is done is not done twice.
    """
    ended = []
    for build in await builds.in_state(builder, *_LEFT):
        if build.state not in _OPEN:
            await builds.update(build.run_id, released=True)
            continue
        now = notice_policy.clock()
        moved = await builds.transition(
            build.run_id, BuildState.UNKNOWN, notice_policy, detail=why, ended_at=now, released=True
        )
        if moved is not None:
            count_ended(moved)
            ended.append(moved.id)
    for run_id in await builds.replaced(builder):
        await builds.update(run_id, released=True)
    if ended:
        log.warning(LogEvent.BUILD_ABANDONED, builds=ended, reason=why)
