"""What the job of a builder lacks, and how it gets that."""

from collections.abc import Sequence
from typing import Final

from bridge.builders.base import Setup
from bridge.builders.jenkins import config_xml
from bridge.builders.jenkins.answer import Answer
from bridge.builders.jenkins.branches import Branches
from bridge.builders.jenkins.client import JenkinsServer
from bridge.builders.jenkins.credentials import JobCredentials
from bridge.builders.jenkins.items import config_path, create_path
from bridge.builders.jenkins.job import undeclared
from bridge.builders.jenkins.jobs import JobCache
from bridge.builders.jenkins.request import Body
from bridge.errors import Denied, Permanent, RemoteError
from bridge.runtime.shipped import shipped

# Without the charset, Jenkins reads another one.
_XML: Final = "application/xml; charset=utf-8"


class JobSetup:
    """Shows what a job lacks, makes it, or adds that and leaves all else of it as it is."""

    def __init__(
        self, job: JobCache, server: JenkinsServer, branches: Branches | None, credentials: JobCredentials
    ) -> None:
        self._name = job.name
        self._server = server
        self._job = job
        self._branches = branches
        self._credentials = credentials

    async def run(self, parameters: Sequence[str], *, apply: bool) -> Setup:
        """As `Builder.setup` says. Raises RemoteError."""
        done = await self._run(parameters, apply=apply)
        notes = [*await self._credentials.faults(), *await self._credentials.unbound()]
        return Setup("; ".join([done.said, *notes]), done.document)

    async def _run(self, parameters: Sequence[str], *, apply: bool) -> Setup:
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
            config = config_xml.complete(template, names[len(standard) :])
            return await self._create(self._credentials.bind(config), apply=apply)
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
