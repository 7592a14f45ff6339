"""The words of CodeArts for what we call otherwise."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from bridge.model.build import MANUAL, REPAIR, Build, BuildState
from bridge.model.notice import EventName

Status = Literal["QUEUED", "RUNNING", "SUCCESS", "FAILURE", "ABORTED"]
RunningStatus = Literal["Starting", "Running", "Finished"]
Colour = Literal["blue", "red", "aborted", "building", "none"]
StepStatus = Literal["running", "success", "error", ""]
Trigger = Literal["MANUAL", "WEBHOOK", "TIMER"]

EVENTS: Final = (
    EventName.SUCCESS,
    EventName.FAIL,
    EventName.UPDATE_CONFIG,
    EventName.DELETE,
    EventName.FORBID,
)
"""The events that CodeArts knows."""
MESSAGE: Final = "MESSAGE"
NOTICE_TYPES: Final = ("DING_TALK", "FEISHU", "MAIL", MESSAGE, "WECOM")
ROBOTS: Final = ("DING_TALK", "FEISHU", "WECOM")

_STATUS: Final[Mapping[BuildState, Status]] = {
    BuildState.WAITING: "QUEUED",
    BuildState.TRIGGERING: "QUEUED",
    BuildState.QUEUED: "QUEUED",
    BuildState.RUNNING: "RUNNING",
    BuildState.SUCCEEDED: "SUCCESS",
    BuildState.FAILED: "FAILURE",
    BuildState.CANCELLED: "ABORTED",
    BuildState.SUPERSEDED: "ABORTED",
    BuildState.UNKNOWN: "FAILURE",
}
_CODES: Final[Mapping[Status, int]] = {"SUCCESS": 5, "ABORTED": 8}
"""The numbers that are known of statuses."""
_COLOURS: Final[Mapping[Status, Colour]] = {
    "QUEUED": "building",
    "RUNNING": "building",
    "SUCCESS": "blue",
    "FAILURE": "red",
    "ABORTED": "aborted",
}
_STEPS: Final[Mapping[Status, StepStatus]] = {
    "QUEUED": "",
    "RUNNING": "running",
    "SUCCESS": "success",
    "FAILURE": "error",
    "ABORTED": "error",
}
_TRIGGERS: Final[Mapping[str, Trigger]] = {MANUAL: "MANUAL", "schedule": "TIMER"}

BRANCH: Final = "codeBranch"
"""The parameter of CodeArts that chooses the branch."""
STEP: Final = "build"
"""The one step of each build: builders do not say where in a log the next one begins."""
HEALTH_BUILDS: Final = 5
"""Of so many of the newest builds the health of a job is made."""


def status_of(build: Build) -> Status:
    return _STATUS[build.state]


def status_code_of(status: Status) -> int | None:
    """The number of a status; None where the manual gives none."""
    return _CODES.get(status)


def colour_of(build: Build | None) -> Colour:
    """The colour of a job, whose newest build this is."""
    return "none" if build is None else _COLOURS[status_of(build)]


def step_status_of(build: Build) -> StepStatus:
    return _STEPS[status_of(build)]


def running_status_of(build: Build) -> RunningStatus:
    if build.state.terminal:
        return "Finished"
    return "Running" if build.state is BuildState.RUNNING else "Starting"


def trigger_of(build: Build) -> Trigger:
    """How the build came about: a push is a webhook, whatever it is that builds it once more."""
    return _TRIGGERS.get(build.origin.cause, "WEBHOOK")


def causes_of(triggers: Sequence[str]) -> list[str]:
    """Our words for how builds came about, given CodeArts' ones."""
    wanted = {one.upper() for one in triggers}
    causes = [cause for cause, trigger in _TRIGGERS.items() if trigger in wanted]
    return [*causes, *(["push", "tag", REPAIR] if "WEBHOOK" in wanted else [])]


def health_of(newest: Sequence[Build]) -> int:
    """How many percent of the newest builds that have ended were successful; 100 without any."""
    ended = [build for build in newest if build.state.terminal]
    good = sum(build.state is BuildState.SUCCEEDED for build in ended)
    return 100 if not ended else round(100 * good / len(ended))
