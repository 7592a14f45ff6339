"""The documents of Jenkins' API, and what they mean for a build. Pure.

Source: "Remote Access API", https://www.jenkins.io/doc/book/using/remote-access-api/
The documents are those of a 2.426 server. Unknown fields and classes of objects are ignored.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pydantic import Field, ValidationError

from bridge.builders.base import RemoteStep, Status
from bridge.builders.jenkins.items import BUILD_ID, Document, job_path
from bridge.config.types import Strict
from bridge.errors import Permanent
from bridge.model.build import BuildState

_MAX_WORDS: Final = 300
_MAX_STAGE_NAME: Final = 100
_MAX_URL: Final = 4096
_BUILD_TREE: Final = (
    "number,queueId,building,inProgress,result,timestamp,duration,actions[parameters[name,value]]"
)
_ITEM_TREE: Final = "id,why,blocked,buildable,stuck,task[url],actions[parameters[name,value]]"
ROOT: Final = "api/json?tree=mode,quietingDown"
WHOAMI: Final = "me/api/json"
WHO_WE_ARE: Final = "whoAmI/api/json"
"""A POST here is denied to a password, and changes nothing."""
QUEUE: Final = f"queue/api/json?tree=items[{_ITEM_TREE}]"


def builds_tree(job: str, count: int) -> str:
    """The newest `count` builds; `allBuilds`, since `builds` never gives more than 100."""
    return f"{job_path(job)}api/json?tree=nextBuildNumber,allBuilds[{_BUILD_TREE}]{{0,{count}}}"


def build_tree(job: str, number: int) -> str:
    return f"{job_path(job)}{number}/api/json?tree={_BUILD_TREE}"


def stages_path(job: str, number: int) -> str:
    return f"{job_path(job)}{number}/wfapi/describe"


def item_tree(item: int) -> str:
    return f"queue/item/{item}/api/json?tree={_ITEM_TREE},cancelled,executable[number]"


def queue_number(location: str | None) -> int | None:
    """The number in a Location; only that, since the host in it may be an internal one."""
    found = re.search(r"/queue/item/(\d{1,18})/?$", location or "")
    return int(found[1]) if found else None


class _Parameter(Document):
    name: str
    value: Any = None


class _Action(Document):
    parameters: list[_Parameter] | None = None


class _Triggered(Document):
    actions: list[_Action | None] | None = None

    @property
    def build_id(self) -> str | None:
        """Our build id, where the job kept it; None also for the empty text of a build by hand."""
        parameters = (p for action in self.actions or [] if action for p in action.parameters or [])
        return next((str(p.value) for p in parameters if p.name == BUILD_ID and p.value), None)


class JenkinsBuild(_Triggered):
    """Times in milliseconds."""

    number: int
    queue: int | None = Field(default=None, alias="queueId")
    building: bool = False
    in_progress: bool | None = Field(default=None, alias="inProgress")
    result: str | None = None
    timestamp: int = 0
    duration: int = 0


class BuildList(Document):
    """Newest first; `kind` is the class of the job."""

    kind: str = Field(default="", alias="_class")
    next_number: int = Field(default=0, alias="nextBuildNumber")
    builds: list[JenkinsBuild] = Field(default=[], alias="allBuilds")


class _Task(Document):
    url: str = ""


class _Executable(Document):
    number: int | None = None


class QueueItem(_Triggered):
    kind: str = Field(default="", alias="_class")
    id: int
    why: str | None = None
    stuck: bool = False
    task: _Task = _Task()
    cancelled: bool = False
    executable: _Executable | None = None

    @property
    def job(self) -> str | None:
        """The full name of the job; None for what is not a job, such as a step of a Pipeline."""
        path = urlsplit(self.task.url[:_MAX_URL]).path.strip("/") + "/"
        found = re.search(r"(?:^|/)((?:job/[^/]+/)+)$", path)
        return "/".join(unquote(name) for name in found[1].split("/")[1::2]) if found else None


class JenkinsQueue(Document):
    items: list[QueueItem] = Field(default=[])


_STAGE_STATES: Final[Mapping[str, tuple[BuildState, str]]] = {
    "SUCCESS": (BuildState.SUCCEEDED, ""),
    "FAILED": (BuildState.FAILED, ""),
    "UNSTABLE": (BuildState.FAILED, "unstable"),
    "ABORTED": (BuildState.CANCELLED, ""),
    "IN_PROGRESS": (BuildState.RUNNING, ""),
    "PAUSED_PENDING_INPUT": (BuildState.RUNNING, "waits for an input in Jenkins"),
}


class Stage(Document):
    """A stage of a Pipeline run; `known` is False for one that was not run, or of which nothing is known."""

    name: str
    status: str
    milliseconds: int = Field(default=0, alias="durationMillis")

    @property
    def known(self) -> bool:
        return self.status in _STAGE_STATES

    @property
    def step(self) -> RemoteStep:
        state, detail = _STAGE_STATES[self.status]
        seconds = self.milliseconds / 1000 if state.terminal else None
        return RemoteStep(" ".join(self.name.split())[:_MAX_STAGE_NAME], state, seconds, detail)


class StagesDocument(Document):
    """The stages that have begun, in the order of their beginning."""

    stages: list[Stage]


class JenkinsRoot(Document):
    mode: str = ""


class JenkinsUser(Document):
    name: str = Field(default="", alias="fullName")


class JenkinsCrumb(Document):
    """What a POST with a password needs, besides the cookie that came with it."""

    field: str = Field(alias="crumbRequestField")
    crumb: str


class JenkinsRef(Strict):
    """What identifies a build in Jenkins; the handle is this as JSON.

    `id` is our build id if the job declared it at the trigger. `session` is the run of Jenkins that gave the
    queue number: after a crash Jenkins counts from 1 again, and the number belongs to another. The build
    with our number began at `started` (milliseconds): when a job is lost, its numbers begin again, too.
    """

    job: str
    queue: int | None = None
    build: int | None = None
    session: str | None = None
    id: str | None = None
    started: int | None = None

    @classmethod
    def parse(cls, handle: str) -> "JenkinsRef":
        try:
            return cls.model_validate_json(handle)
        except ValidationError:
            raise Permanent("the handle is not one of a Jenkins builder") from None

    @property
    def handle(self) -> str:
        return self.model_dump_json(exclude_none=True)

    def started_as(self, build: JenkinsBuild) -> "JenkinsRef":
        known = {"build": build.number, "queue": build.queue or self.queue}
        return self.model_copy(update=known | {"started": build.timestamp or self.started})

    def owns_build(self, build: JenkinsBuild, session: str | None) -> bool:
        """Whether the build with our number is ours: by our build id, else by its queue number and start."""
        if self.id or build.build_id:
            return build.build_id == self.id
        if self.started and build.timestamp:
            return (build.queue, build.timestamp) == (self.queue, self.started)
        return build.queue == self.queue and self.session in {None, session}

    def owns_item(self, item: QueueItem, session: str | None) -> bool:
        """Whether a queue item is ours: by our build id, else by its number in the run that gave it."""
        if item.job != self.job:
            return False
        if item.build_id:
            return item.build_id == self.id
        return item.id == self.queue and self.session in {None, session}


class BuildIndex:
    """The builds of one job by number, by our build id and by queue number."""

    def __init__(self, builds: Sequence[JenkinsBuild]) -> None:
        self._numbers = {build.number: build for build in builds}
        self._queues: dict[int | None, JenkinsBuild] = {}
        self._ids: dict[str, list[JenkinsBuild]] = {}
        for build in builds:
            if build.build_id:
                self._ids.setdefault(build.build_id, []).append(build)
            else:
                # The newest wins: older runs of Jenkins gave the same queue numbers.
                self._queues.setdefault(build.queue, build)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def starts(self) -> Iterator[float]:
        """When they began, in Unix seconds."""
        return (build.timestamp / 1000 for build in self._numbers.values())

    @property
    def oldest(self) -> int:
        return min(self._numbers, default=0)

    def match(self, ref: JenkinsRef, session: str | None) -> JenkinsBuild | None:
        """The build of `ref`: by its number, by our build id, or by the queue number of the same run.

        A person can repeat a build with all its parameters: of several with our id, ours is the one that
        came from our queue item, else the oldest.
        """
        if ref.build is not None:
            build = self._numbers.get(ref.build)
            return build if build and ref.owns_build(build, session) else None
        if ours := self._ids.get(ref.id or ""):
            return next((build for build in ours if build.queue == ref.queue), ours[-1])
        if ref.queue is None or ref.session not in {None, session}:
            return None
        return self._queues.get(ref.queue)


_ENDS: Final[Mapping[str, tuple[BuildState, str]]] = {
    "SUCCESS": (BuildState.SUCCEEDED, ""),
    "FAILURE": (BuildState.FAILED, ""),
    "UNSTABLE": (BuildState.FAILED, "unstable"),
    "ABORTED": (BuildState.CANCELLED, "aborted in Jenkins"),
    "NOT_BUILT": (BuildState.CANCELLED, "not built"),
}


def build_status(ref: JenkinsRef, build: JenkinsBuild, root: str) -> Status:
    """The state of a build; `root` is the server's address for people.

    Without a result the build runs, whatever `building` says.
    """
    running = build.building or build.in_progress or build.result is None
    unknown = (BuildState.RUNNING, "")
    state, detail = unknown if running else _ENDS.get(build.result or "", unknown)
    ended = (build.timestamp + build.duration) / 1000 if state.terminal else None
    return Status(
        state=state,
        raw="building" if running else (build.result or "")[:64],
        detail=detail,
        recognised=running or build.result in _ENDS,
        handle=ref.started_as(build).handle,
        url=f"{root}{job_path(ref.job)}{build.number}/",
        started_at=build.timestamp / 1000 if build.timestamp else None,
        ended_at=ended,
    )


def item_status(item: QueueItem) -> Status:
    """The state of what waits in the queue, or has just left it."""
    raw = item.kind.rpartition("$")[2][:64] or "queued"
    if item.cancelled:
        return Status(state=BuildState.CANCELLED, raw="cancelled", detail="cancelled in the queue of Jenkins")
    why = " ".join((item.why or "").split())[:_MAX_WORDS]
    return Status(state=BuildState.QUEUED, raw=raw, detail=f"stuck: {why}" if item.stuck else why)
