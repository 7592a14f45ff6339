"""The end of a build that no one could say, said by a person."""

from dataclasses import replace
from typing import Final, Literal

from bridge.model.audit import Change
from bridge.model.build import Build, BuildState
from bridge.planning.notice_policy import NoticePolicy
from bridge.runtime.metrics import count_ended
from bridge.store.base import Builds

Resolution = Literal["succeeded", "failed", "cancelled"]
MAX_REASON: Final = 500
_TAIL_CHARACTERS: Final = 8000


async def resolve(
    builds: Builds, build: Build, state: Resolution, why: str, notice_policy: NoticePolicy, *, change: Change
) -> Build | None:
    """End a build that is `unknown`, with the notices of such an end; None where it is not unknown.

    The same again changes nothing.
    """
    to = BuildState(state)
    tail = await builds.log_tail(build.id, _TAIL_CHARACTERS, run=build.run)
    policy = replace(notice_policy, log_tail=tail)
    moved = await builds.resolve(build.run_id, to, why, policy, change)
    if moved is not None:
        count_ended(moved)
        return moved
    now = await builds.get(build.id)
    return now if now is not None and (now.state, now.detail) == (to, why) else None
