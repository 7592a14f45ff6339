"""The job of a builder: its definition as Jenkins shows it, and a definition that lacks nothing."""

from collections.abc import Sequence
from typing import Final

from bridge.builders.base import Setup
from bridge.builders.jenkins import config_xml
from bridge.builders.jenkins.answer import Answer
from bridge.builders.jenkins.branches import Branches
from bridge.builders.jenkins.client import Body, JenkinsServer
from bridge.builders.jenkins.items import (
    BRANCH,
    NOT_EXACT,
    JenkinsJob,
    config_path,
    create_path,
    job_tree,
)
from bridge.builders.jenkins.job import undeclared
from bridge.errors import Denied, Permanent, RemoteError
from bridge.model.build import SeenJob
from bridge.runtime.clock import Clock
from bridge.runtime.shipped import shipped

# Seconds for which a job's definition is used again: after a change, rejected triggers show it anyway.
_JOB_MAX_AGE: Final = 600.0
_MAX_JOBS: Final = 256
_MAX_SHOWN: Final = 100
# Without the charset, Jenkins reads another one.
_XML: Final = "application/xml; charset=utf-8"


class NoJob(Denied):
    """Jenkins shows no such job; it says the same of one that this user may not see."""


class JobCache:
    """The definition of the job of this full `name`, cached while it can be trusted.

    What is seen of it counts for the job that the settings name, which may have `{branch}`.
    """

    def __init__(self, name: str, setting: str, server: JenkinsServer, clock: Clock) -> None:
        self.name = name
        self._setting = setting
        self._server = server
        self._clock = clock
        self._kept: tuple[JenkinsJob, str | None, float] | None = None
        self.seen: SeenJob | None = None

    async def get(self) -> JenkinsJob:
        """Raises RemoteError."""
        if self._kept:
            job, session, read_at = self._kept
            # Without our id, only the session proves that a queue number is ours: it must be fresh.
            if job.searchable and session == self._server.session and self._clock() - read_at < _JOB_MAX_AGE:
                return job
        return await self.read()

    async def read(self) -> JenkinsJob:
        """The definition as it is now. Raises RemoteError, NoJob where Jenkins shows none."""
        job = await self.look()
        if job is None:
            raise NoJob(f"Jenkins shows no job {self.name!r} to this user (404): check `job` and permissions")
        return job

    async def look(self) -> JenkinsJob | None:
        """The definition as it is now; None where Jenkins shows none. Raises RemoteError."""
        self._kept = None
        job = await self._server.read(job_tree(self.name), JenkinsJob)
        if job is None:
            return None
        if job.is_root:
            raise Permanent(f"Jenkins shows itself in place of the job {self.name!r}: {NOT_EXACT}")
        if not job.is_job:
            kind = job.kind.rpartition(".")[2][:_MAX_SHOWN] or "something else"
            which = f"{self.name}/{BRANCH}, for the pushed branch" if job.is_multibranch else "a job in it"
            raise Permanent(f"{self.name!r} is not a job but a {kind}: set `job` to {which}")
        self._kept = job, self._server.session, self._clock()
        self.seen = SeenJob(job=self._setting, parameters=tuple(job.definitions), seen_at=self._clock())
        return job

    def forget(self) -> None:
        self._kept = None


class Jobs:
    """The jobs of a builder whose settings name this one: with `{branch}`, those that were used last."""

    def __init__(self, setting: str, server: JenkinsServer, clock: Clock) -> None:
        self._setting = setting
        self._server = server
        self._clock = clock
        self._caches: dict[str, JobCache] = {}

    def of(self, name: str) -> JobCache:
        cache = self._caches.pop(name, None) or JobCache(name, self._setting, self._server, self._clock)
        self._caches[name] = cache
        if len(self._caches) > _MAX_JOBS:
            del self._caches[next(iter(self._caches))]
        return cache

    @property
    def seen(self) -> SeenJob | None:
        """What was seen last."""
        seen = (cache.seen for cache in self._caches.values() if cache.seen)
        return max(seen, key=lambda one: one.seen_at, default=None)


class JobSetup:
    """Shows what a job lacks, makes it, or adds that and leaves all else of it as it is."""

    def __init__(self, job: JobCache, server: JenkinsServer, branches: Branches | None) -> None:
        self._name = job.name
        self._server = server
        self._job = job
        self._branches = branches

    async def run(self, parameters: Sequence[str], *, apply: bool) -> Setup:
        """As `Builder.setup` says. Raises RemoteError."""
        template = shipped("jenkins/config.xml")
        standard = config_xml.declared(template)
        names = [*standard, *undeclared(standard, parameters)]
        if self._branches:
            await self._branches.read()
            project = self._branches.project
            return _in_jenkinsfile(
                f"each branch of {project!r} declares its own parameters, and Jenkins knows them after a run",
                names,
                apply=apply,
            )
        job = await self._job.look()
        if job is None:
            return await self._create(config_xml.complete(template, names[len(standard) :]), apply=apply)
        missing = undeclared(job.definitions, names)
        if not missing:
            return Setup(f"the job {self._name!r} declares all {len(names)} parameters")
        lacks = f"the job {self._name!r} does not declare {', '.join(missing)}"
        if job.of_branch:
            return _in_jenkinsfile(lacks, missing, apply=apply)
        if not apply:
            document = "".join(f"        {config_xml.definition(name)}\n" for name in missing)
            return Setup(f"{lacks}; with --apply they are added to it", document)
        await self._add(missing)
        return Setup(f"the job {self._name!r} now declares {', '.join(missing)}, too")

    async def _create(self, config: bytes, *, apply: bool) -> Setup:
        if not apply:
            said = f"there is no job {self._name!r} that this user may see; with --apply it is created"
            return Setup(said, config.decode())
        folder = self._name.rpartition("/")[0]
        await self._post(
            create_path(self._name),
            config,
            {
                400: f"the job {self._name!r} was not created: Jenkins does not take its name, "
                "or there is one that this user may not see (400)",
                404: f"there is no folder {folder!r} that this user may see: create it first (404)",
            },
        )
        job = await self._job.read()
        return Setup(f"the job {self._name!r} was created with {len(job.definitions)} parameters")

    async def _add(self, missing: Sequence[str]) -> None:
        answer = await self._server.call("GET", config_path(self._name))
        if answer.status != 200 or answer.sign_in:  # noqa: PLR2004  # an HTTP status
            raise self._error_of(answer)
        await self._post(config_path(self._name), config_xml.complete(answer.body, missing), {})
        job = await self._job.read()
        if left := undeclared(job.definitions, missing):
            raise Permanent(
                f"Jenkins has taken the configuration, and the job still does not declare {', '.join(left)}: "
                "if it is a Pipeline, declare them in its script"
            )

    async def _post(self, path: str, config: bytes, reasons: dict[int, str]) -> None:
        answer = await self._server.call("POST", path, body=Body(config, _XML))
        if answer.status in reasons:
            raise Permanent(reasons[answer.status])
        if answer.status >= 300 or answer.sign_in:  # noqa: PLR2004  # an HTTP status
            raise self._error_of(answer)

    def _error_of(self, answer: Answer) -> RemoteError:
        if answer.status != 403 or answer.asks_for_crumb:  # noqa: PLR2004  # an HTTP status
            return self._server.error_of(answer)
        return Denied(
            "the user may not do this in Jenkins (403): it needs Job/Create, "
            "or Job/Configure for a job that is there"
        )


def _in_jenkinsfile(said: str, names: Sequence[str], *, apply: bool) -> Setup:
    """What a Jenkinsfile has to declare. Raises Permanent for `apply`."""
    why = f"{said}: add them to the Jenkinsfile of the branch, which decides on it"
    if apply:
        raise Permanent(why)
    lines = "".join(f"    string(name: '{name}')\n" for name in names)
    return Setup(why, f"  parameters {{\n{lines}  }}\n")
