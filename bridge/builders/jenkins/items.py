"""Jobs and projects of Jenkins: where they are, and what their documents say. Pure.

Source: "Remote Access API", https://www.jenkins.io/doc/book/using/remote-access-api/
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

BUILD_ID: Final = "BRIDGE_BUILD_ID"
BRANCH: Final = "{branch}"
"""In a job's name, the branch or tag that was pushed."""
NOT_EXACT: Final = (
    "`url` is not exact, it has to be the address of the start page of Jenkins, without api/json or a job"
)
_ROOTS: Final = frozenset({"", "hudson.model.Hudson", "jenkins.model.Jenkins"})
_PROJECTS: Final = ("MultiBranchProject", "OrganizationFolder")


def job_path(job: str) -> str:
    """The path of a job: a level for each folder, each name encoded once, with the closing slash."""
    return "".join(f"job/{quote(name, safe='')}/" for name in job.split("/"))


def job_tree(job: str) -> str:
    return job_path(job) + "api/json?tree=buildable,property[parameterDefinitions[name,type,choices]]"


def project_tree(project: str) -> str:
    return job_path(project) + "api/json?tree=buildable"


def branches_tree(project: str) -> str:
    return job_path(project) + "api/json?tree=buildable,jobs[name,lastBuild[timestamp]]"


def scan_path(project: str) -> str:
    return job_path(project) + "build?delay=0"


def config_path(job: str) -> str:
    return job_path(job) + "config.xml"


def create_path(job: str) -> str:
    folder, _, name = job.rpartition("/")
    return f"{job_path(folder) if folder else ''}createItem?name={quote(name, safe='')}"


class Document(BaseModel):
    """A document of Jenkins; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)


class Definition(Document):
    """A parameter that a job declares."""

    name: str
    type: str = ""
    choices: list[Any] | None = None


class _Property(Document):
    kind: str = Field(default="", alias="_class")
    definitions: list[Definition] = Field(default=[], alias="parameterDefinitions")


class _Item(Document):
    """`kind` is its class; `buildable` says whether it is enabled, where such an item can be disabled."""

    kind: str = Field(default="", alias="_class")
    buildable: bool | None = None

    @property
    def is_root(self) -> bool:
        """Whether it is the root document, which Jenkins answers for every path below /api/json."""
        return self.buildable is None and self.kind in _ROOTS

    @property
    def is_multibranch(self) -> bool:
        return self.kind.endswith("MultiBranchProject")


class _Last(Document):
    timestamp: int = 0


class BranchJob(Document):
    """A job of a multibranch project: its own name, and the last build with its time in milliseconds."""

    name: str
    last: _Last | None = Field(default=None, alias="lastBuild")


class JenkinsProject(_Item):
    """What holds jobs."""

    jobs: list[BranchJob] = []

    @property
    def newest(self) -> str | None:
        """The name of the job that ran last; None where none has."""
        ran = [(job.last.timestamp, job.name) for job in self.jobs if job.last]
        return max(ran)[1] if ran else None


class JenkinsJob(_Item):
    """A job, or what is in the place of one."""

    properties: list[_Property | None] = Field(default=[], alias="property")

    @property
    def definitions(self) -> dict[str, Definition]:
        return {d.name: d for holder in self.properties if holder for d in holder.definitions}

    @property
    def is_job(self) -> bool:
        """Projects that make jobs of their own can be disabled as well."""
        return self.buildable is not None and not self.kind.endswith(_PROJECTS)

    @property
    def searchable(self) -> bool:
        return BUILD_ID in self.definitions

    @property
    def of_branch(self) -> bool:
        """Whether it is a branch of a multibranch project, whose Jenkinsfile decides on its parameters."""
        return any(one and one.kind.endswith(".BranchJobProperty") for one in self.properties)

    def not_offered(self, values: Mapping[str, str]) -> list[str]:
        """The parameters whose value is not among the choices that the job offers."""
        return [
            name
            for name, definition in self.definitions.items()
            if definition.choices and name in values and values[name] not in map(str, definition.choices)
        ]
