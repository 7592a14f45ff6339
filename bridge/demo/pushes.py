"""The pushes of the demo, and the expected end of each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bridge.demo.progress import DeliveryProgress
from bridge.demo.workspace import BROKEN_BRANCH, RELEASE
from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import EventName


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A push and its expected end; in `tags`, a regular expression, COMMIT stands for the pushed commit."""

    what: str
    ref: str
    tags: str
    state: BuildState
    event: EventName


PUSHES: Final = (
    Push(
        what="A branch builds “latest”, and a version made of the time.",
        ref="main",
        tags=r"latest,v\d{8}\.\d{6}",
        state=BuildState.SUCCEEDED,
        event=EventName.SUCCESS,
    ),
    Push(
        what="An annotated tag makes one build with three image tags.",
        ref=RELEASE,
        tags=r"1\.0\.0,1\.0,COMMIT",
        state=BuildState.SUCCEEDED,
        event=EventName.SUCCESS,
    ),
    Push(
        what="A branch with a mistake: its build fails, and a chat message says why.",
        ref=BROKEN_BRANCH,
        tags="feature-night",
        state=BuildState.FAILED,
        event=EventName.FAIL,
    ),
)


def problems_of(push: Push, commit: str, progress: DeliveryProgress | None) -> Iterator[str]:
    """What differs from the expected end, in sentences."""
    if progress is None:
        yield f"{push.ref}: the daemon processed no delivery"
        return
    if progress.row.state is not DeliveryState.DISPATCHED:
        yield f"{push.ref}: the delivery is {progress.row.state}: {progress.row.detail}"
    if len(progress.builds) != 1:
        yield f"{push.ref}: one build was expected, there are {len(progress.builds)}"
    for build in progress.builds:
        yield from _faults_of_build(push, commit, build)
    accepted = [one for one in progress.notices if one.accepted and one.row.notice.event is push.event]
    if len(accepted) != 1:
        notices = ", ".join(
            f"{one.row.notice.event} {one.row.state} {one.row.detail}" for one in progress.notices
        )
        yield f"{push.ref}: the robot should have accepted one {push.event}: {notices or 'there is none'}"


def _faults_of_build(push: Push, commit: str, build: Build) -> Iterator[str]:
    if build.state is not push.state:
        why = f": {build.detail}" if build.detail else ""
        yield f"{push.ref}: the build should have {push.state}, it is {build.state}{why}"
    if build.request.commit != commit:
        yield f"{push.ref}: {commit} was pushed, {build.request.commit} was built"
    tags = ",".join(build.request.tags)
    if not re.fullmatch(push.tags.replace("COMMIT", commit), tags):
        yield f"{push.ref}: the image tags should be like {push.tags}, they are {tags}"
