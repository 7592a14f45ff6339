"""Builds that Drone 0.5 begins by itself, by the hook of the Git host: they are known by ref and commit.

Until there is one, the handle names the push. Of several builds of one push the newest is followed; what a
person forked is none of them.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Final

from pydantic import StringConstraints, ValidationError

from bridge.builders.base import Handle, Status
from bridge.builders.drone.drone_0_5 import Drone05
from bridge.builders.drone.model import DroneRef
from bridge.builders.settings import RepositoryName
from bridge.config.types import Strict
from bridge.model.build import BuildState

_AWAITED: Final = (
    "Drone has made no build of this push yet: it makes none where the Git host sends it no hook, the "
    "pipeline leaves out the branch, or the message of the commit says so"
)


class AwaitedBuild(Strict):
    """The push whose build is awaited; the handle is this as JSON."""

    repository: RepositoryName
    ref: Annotated[str, StringConstraints(min_length=1, max_length=1100)]
    commit: Annotated[str, StringConstraints(min_length=1, max_length=100)]

    @classmethod
    def of(cls, handle: Handle) -> "AwaitedBuild | None":
        """What is awaited; None for the handle of a build that there is."""
        with suppress(ValidationError):
            return cls.model_validate_json(handle)
        return None

    @property
    def handle(self) -> Handle:
        return self.model_dump_json()


async def begun(
    dialect: Drone05, handles: Mapping[str, Handle]
) -> tuple[dict[str, Handle], dict[str, Status]]:
    """The handles of the builds that there are by now, and what there is to say of the others.

    Raises RemoteError.
    """
    found: dict[str, Handle] = {}
    waiting: dict[str, Status] = {}
    awaited = {name: push for name, handle in handles.items() if (push := AwaitedBuild.of(handle))}
    for repository in sorted({push.repository for push in awaited.values()}):
        pushed = await dialect.of_pushes(repository)
        for name, push in awaited.items():
            if push.repository != repository:
                continue
            if build := pushed.get((push.ref, push.commit)):
                found[name] = DroneRef.of(repository, build).handle
            else:
                waiting[name] = Status(state=BuildState.QUEUED, raw="awaited", hint=_AWAITED)
    others = {name: handle for name, handle in handles.items() if name not in awaited}
    return others | found, waiting
