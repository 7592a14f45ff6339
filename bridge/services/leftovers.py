"""What a builder leaves that is gone, or that is elsewhere now."""

from typing import Final

import structlog

from bridge.model.build import BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import count_ended
from bridge.store.base import Builds

log = structlog.get_logger()

MOVED: Final = "its builder moved to another place by a change of the configuration: look at the old one"
_OPEN: Final = frozenset({BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING})
_LEFT: Final = frozenset(BuildState) - {BuildState.WAITING}


async def leave_behind(builds: Builds, builder: str, notice_policy: NoticePolicy) -> None:
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
            build.run_id, BuildState.UNKNOWN, notice_policy, detail=MOVED, ended_at=now, released=True
        )
        if moved is not None:
            count_ended(moved)
            ended.append(moved.id)
    for run_id in await builds.replaced(builder):
        await builds.update(run_id, released=True)
    if ended:
        log.warning(LogEvent.BUILD_ABANDONED, builds=ended, reason="their builder moved to another place")
