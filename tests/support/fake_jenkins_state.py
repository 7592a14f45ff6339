"""The objects of a fake Jenkins, and their documents as a 2.426 server writes them."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

QUIET = 5.0
PROJECT = "hudson.model.FreeStyleProject"
BRANCH = "org.jenkinsci.plugins.workflow.multibranch.BranchJobProperty"
WORKFLOW = "org.jenkinsci.plugins.workflow.job.Workflow"
Values = dict[str, str | bool]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared parameter: a text, a choice when it has `choices`, a boolean when its default is one."""

    name: str
    default: str | bool = ""
    choices: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "Boolean" if isinstance(self.default, bool) else "Choice" if self.choices else "String"

    def value(self, text: str | None) -> str | bool:
        """The value Jenkins makes of `text`. Raises ValueError for a choice that is not offered."""
        if self.choices and text is not None and text not in self.choices:
            raise ValueError(text)
        if text is None:
            return self.default or (self.choices[0] if self.choices else "")
        return text == "true" if isinstance(self.default, bool) else text

    @property
    def document(self) -> dict[str, Any]:
        kind = "Boolean" if self.kind == "Boolean" else "String"
        document = {
            "_class": f"hudson.model.{self.kind}ParameterDefinition",
            "defaultParameterValue": {
                "_class": f"hudson.model.{kind}ParameterValue",
                "name": self.name,
                "value": self.value(None),
            },
            "description": None,
            "name": self.name,
            "type": f"{self.kind}ParameterDefinition",
        }
        return document | ({"choices": list(self.choices)} if self.choices else {})


@dataclass(slots=True, eq=False)
class Build:
    """A build; `raw` is its log with the hidden annotations, times are in seconds.

    As long as `unseen` is not zero it has left the queue but is not among the builds.
    """

    number: int
    queue: int
    values: Values
    started: float
    causes: int = 1
    duration: float = 0.0
    result: str | None = None
    stopped: bool = False
    unseen: int = 0
    raw: bytes = b""
    stages: list[tuple[str, str, float]] = field(default_factory=list)
    """Of a Pipeline, the name of each stage, its status, and how many seconds it took."""


@dataclass(slots=True, eq=False)
class Job:
    name: str
    parameters: tuple[Parameter, ...] = ()
    disabled: bool = False
    concurrent: bool = False
    next_number: int = 1
    builds: list[Build] = field(default_factory=list)
    pipeline: bool = False
    branch: bool = False
    """Whether it is one of a multibranch project."""
    declares: tuple[Parameter, ...] = ()
    """What its script says of its parameters: it has them after a run."""
    config: bytes = b""

    @property
    def path(self) -> str:
        return "".join(f"job/{quote(part, safe='')}/" for part in self.name.split("/"))

    @property
    def shown(self) -> list[Build]:
        return [build for build in self.builds if not build.unseen]

    @property
    def running(self) -> list[Build]:
        return [build for build in self.builds if build.result is None]


@dataclass(slots=True, eq=False)
class Item:
    """A queue item; it has left the queue when `left` is set."""

    id: int
    job: Job
    values: Values
    since: float
    ready: float
    causes: int = 1
    left: float | None = None
    cancelled: bool = False
    build: Build | None = None


def actions(values: Values, causes: int) -> list[dict[str, Any]]:
    cause = {
        "_class": "hudson.model.Cause$UserIdCause",
        "shortDescription": "Started by user ci",
        "userId": "ci",
        "userName": "ci",
    }
    given = [
        {
            "_class": f"hudson.model.{'Boolean' if isinstance(value, bool) else 'String'}ParameterValue",
            "name": name,
            "value": value,
        }
        for name, value in values.items()
    ]
    own = {"_class": "hudson.model.CauseAction", "causes": [cause] * causes}
    return [*([{"_class": "hudson.model.ParametersAction", "parameters": given}] if given else []), own, {}]


def build_document(root: str, job: Job, build: Build) -> dict[str, Any]:
    running = build.result is None
    return {
        "_class": f"{WORKFLOW}Run" if job.pipeline else "hudson.model.FreeStyleBuild",
        "actions": actions(build.values, build.causes),
        "artifacts": [],
        "building": running,
        "description": None,
        "displayName": f"#{build.number}",
        "duration": int(build.duration * 1000),
        "estimatedDuration": -1,
        "executor": {} if running else None,
        "fullDisplayName": f"{job.name.replace('/', ' » ')} #{build.number}",
        "id": str(build.number),
        "inProgress": running,
        "keepLog": False,
        "number": build.number,
        "queueId": build.queue,
        "result": build.result,
        "timestamp": int(build.started * 1000),
        "url": f"{root}{job.path}{build.number}/",
        "builtOn": "",
        "changeSet": {"_class": "hudson.scm.EmptyChangeLogSet", "items": [], "kind": None},
        "culprits": [],
    }


def stages_document(job: Job, build: Build) -> dict[str, Any]:
    """As the plugin Pipeline: Stage View shows a run."""
    started = int(build.started * 1000)
    stages = [
        {
            "_links": {"self": {"href": f"/{job.path}{build.number}/execution/node/{at}/wfapi/describe"}},
            "id": str(at),
            "name": name,
            "execNode": "",
            "status": status,
            "startTimeMillis": started,
            "durationMillis": int(seconds * 1000),
            "pauseDurationMillis": 0,
        }
        for at, (name, status, seconds) in enumerate(build.stages, 5)
    ]
    return {
        "_links": {"self": {"href": f"/{job.path}{build.number}/wfapi/describe"}},
        "id": str(build.number),
        "name": f"#{build.number}",
        "status": build.result or "IN_PROGRESS",
        "startTimeMillis": started,
        "stages": stages,
    }


def item_document(root: str, item: Item, now: float) -> dict[str, Any]:
    words = {
        name: str(value).lower() if isinstance(value, bool) else value for name, value in item.values.items()
    }
    document: dict[str, Any] = {
        "actions": actions(item.values, item.causes),
        "blocked": False,
        "buildable": False,
        "id": item.id,
        "inQueueSince": int(item.since * 1000),
        "params": "".join(f"\n{name}={word}" for name, word in words.items()),
        "stuck": False,
        "task": {
            "_class": PROJECT,
            "name": item.job.name.rpartition("/")[2],
            "fullName": item.job.name,
            "url": root + item.job.path,
            "color": "blue",
        },
        "url": f"queue/item/{item.id}/",
        "why": None,
    }
    return document | _state(root, item, now)


def _state(root: str, item: Item, now: float) -> dict[str, Any]:
    kind = "hudson.model.Queue$"
    if item.left is not None:
        build = item.build if item.build in item.job.shown else None
        executable = build and {
            "_class": "hudson.model.FreeStyleBuild",
            "number": build.number,
            "url": f"{root}{item.job.path}{build.number}/",
        }
        return {"_class": f"{kind}LeftItem", "cancelled": item.cancelled, "executable": executable}
    if now < item.ready:
        why = f"In the quiet period. Expires in {item.ready - now:.1f} sec"
        return {"_class": f"{kind}WaitingItem", "why": why, "timestamp": int(item.ready * 1000)}
    began = {"buildableStartMilliseconds": int(item.ready * 1000)}
    if item.job.running and not item.job.concurrent:
        why = f"Build #{item.job.running[0].number} is already in progress (ETA: N/A)"
        return {"_class": f"{kind}BlockedItem", "blocked": True, "why": why, **began}
    why = "Waiting for next available executor"
    return {"_class": f"{kind}BuildableItem", "buildable": True, "why": why, "pending": False, **began}


def _nameless(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "name"}


def job_document(root: str, job: Job, items: list[dict[str, Any]]) -> dict[str, Any]:
    """`builds` is cut at 100, as Jenkins cuts it whatever range is asked for; `allBuilds` only in a tree."""
    newest = [build_document(root, job, build) for build in reversed(job.shown)]
    brief = [{key: build[key] for key in ("_class", "number", "url")} for build in newest]
    name = job.name.rpartition("/")[2]
    definitions = [parameter.document for parameter in job.parameters]
    holder = {"_class": "hudson.model.ParametersDefinitionProperty", "parameterDefinitions": definitions}
    of_branch = [{"_class": BRANCH, "branch": {}}] if job.branch else []
    shown = [{**d, "defaultParameterValue": _nameless(d["defaultParameterValue"])} for d in definitions]
    last = ("Build", "CompletedBuild", "FailedBuild", "StableBuild", "SuccessfulBuild", "UnstableBuild")
    return {
        "_class": f"{WORKFLOW}Job" if job.pipeline else PROJECT,
        "actions": [*([{**holder, "parameterDefinitions": shown}] if definitions else []), {}, {}],
        "description": "",
        "displayName": name,
        "displayNameOrNull": None,
        "fullDisplayName": job.name.replace("/", " » "),
        "fullName": job.name,
        "name": name,
        "url": root + job.path,
        "buildable": not job.disabled,
        "builds": newest[:100],
        "allBuilds": newest,
        "color": "disabled" if job.disabled else "blue",
        "firstBuild": brief[-1] if brief else None,
        "healthReport": [],
        "inQueue": bool(items),
        "keepDependencies": False,
        **{f"last{kind}": None for kind in (*last, "UnsuccessfulBuild")},
        "lastBuild": brief[0] if brief else None,
        "nextBuildNumber": job.next_number,
        "property": [*([holder] if definitions else []), *of_branch],
        "queueItem": items[0] if items else None,
        "concurrentBuild": job.concurrent,
        "disabled": job.disabled,
        "downstreamProjects": [],
        "labelExpression": None,
        "scm": {"_class": "hudson.scm.NullSCM"},
        "upstreamProjects": [],
    }


def folder_document(root: str, name: str, jobs: dict[str, Job]) -> dict[str, Any]:
    path = "".join(f"job/{quote(part, safe='')}/" for part in name.split("/"))
    inside = [job for job in jobs.values() if job.name.startswith(f"{name}/")]
    shown = [
        {
            "_class": PROJECT,
            "name": job.name.rpartition("/")[2],
            "url": root + job.path,
            "lastBuild": build_document(root, job, job.shown[-1]) if job.shown else None,
        }
        for job in inside
    ]
    last = name.rpartition("/")[2]
    return {
        "_class": "com.cloudbees.hudson.plugins.folder.Folder",
        "actions": [{}],
        "description": None,
        "displayName": last,
        "displayNameOrNull": None,
        "fullDisplayName": name.replace("/", " » "),
        "fullName": name,
        "name": last,
        "url": root + path,
        "healthReport": [],
        "jobs": shown,
        "primaryView": {"_class": "hudson.model.AllView", "name": "All", "url": root + path},
        "views": [{"_class": "hudson.model.AllView", "name": "All", "url": root + path}],
    }


def credentials_document(ids: list[str] | None) -> dict[str, Any] | None:
    """The global domain of a store; none where the user may not see it."""
    kind = "com.cloudbees.plugins.credentials.CredentialsStoreAction$"
    shown = [{"_class": f"{kind}CredentialsWrapper", "id": name, "description": ""} for name in ids or ()]
    return None if ids is None else {"_class": f"{kind}DomainWrapper", "credentials": shown}


USER: dict[str, Any] = {
    "_class": "hudson.model.User",
    "absoluteUrl": "http://127.0.0.1:18080/user/ci",
    "description": None,
    "fullName": "ci",
    "id": "ci",
    "property": [{"_class": "jenkins.security.ApiTokenProperty"}],
}
WHO_AM_I: dict[str, Any] = {
    "_class": "hudson.security.WhoAmI",
    "anonymous": False,
    "authenticated": True,
    "name": "ci",
}
ROOT: dict[str, Any] = {"_class": "hudson.model.Hudson", "mode": "NORMAL", "nodeName": "", "numExecutors": 2}
ROOT |= {"quietingDown": False, "useCrumbs": True, "useSecurity": True}


def shallow(document: dict[str, Any]) -> dict[str, Any]:
    """What is shown without a `tree`: no `allBuilds`, of a build its number, of a task not the full name.

    The queue item of a job is shown without its parameters.
    """
    document = {key: value for key, value in document.items() if key != "allBuilds"}
    if "builds" in document:
        document["builds"] = pruned(document["builds"], "number,url")
    for item in [document, *document.get("items", [])]:
        if "task" in item:
            item["task"].pop("fullName", None)
    if item := document.get("queueItem"):
        task = {key: item["task"][key] for key in ("_class", "name", "url")}
        document["queueItem"] = {key: value for key, value in item.items() if key != "actions"} | {
            "task": task
        }
    return document


def pruned(document: Any, tree: str) -> Any:
    """The part of a document that a `tree` asks for; every object keeps its `_class`."""
    parts = re.findall(r"[A-Za-z_]+|\[|\]|\{\d+,\d+\}|,", tree)
    return _prune(document, _branches(parts))


_Branches = dict[str, tuple[Any, tuple[int, int] | None]]


def _branches(parts: list[str]) -> _Branches:
    branches: _Branches = {}
    name = ""
    while parts and (part := parts.pop(0)) != "]":
        if part == "[":
            branches[name] = (_branches(parts), None)
        elif part.startswith("{"):
            first, last = map(int, part[1:-1].split(","))
            branches[name] = (branches[name][0], (first, last))
        elif part != ",":
            name = part
            branches[name] = (None, None)
    return branches


def _prune(document: Any, branches: _Branches) -> Any:
    if isinstance(document, list):
        return [_prune(part, branches) for part in document]
    if not isinstance(document, dict):
        return document
    kept = {"_class": document["_class"]} if "_class" in document else {}
    for name, (below, span) in branches.items():
        if name in document:
            value = document[name][slice(*span)] if span else document[name]
            kept[name] = value if below is None else _prune(value, below)
    return kept
