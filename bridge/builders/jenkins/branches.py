"""The jobs of a multibranch project: one for each branch and tag, which Jenkins makes when it scans the code.

Sources: "Branch API Plugin", https://github.com/jenkinsci/branch-api-plugin (the names of the jobs), and
"Folders Plugin", https://github.com/jenkinsci/cloudbees-folder-plugin (the scan).
"""

from dataclasses import dataclass
from typing import Final

from bridge.builders.base import Outcome, Rejected, Retry, unsent
from bridge.builders.jenkins.client import JenkinsServer
from bridge.builders.jenkins.items import (
    BRANCH,
    NOT_EXACT,
    JenkinsProject,
    branches_tree,
    project_tree,
    scan_path,
)
from bridge.errors import Denied, Permanent, RemoteError
from bridge.model.build import BuildRequest
from bridge.runtime.clock import Clock

_PATIENCE: Final = 600.0
_FIRST_WAIT: Final = 2.0
_LONGEST_WAIT: Final = 60.0
_MAX_AWAITED: Final = 1000
_MAX_SHOWN: Final = 100
# What would end a part of an address, or begin an escape.
_ENCODED: Final = str.maketrans({sign: f"%{ord(sign):02X}" for sign in "#%/?[\\]"})


def job_of(job: str, request: BuildRequest) -> str:
    """The full name of the job for this build, with the branch or tag in the place of `{branch}`."""
    ref = request.branch or request.tag or request.ref
    return job.replace(BRANCH, ref.translate(_ENCODED))


@dataclass(frozen=True, slots=True)
class _Awaited:
    """Since when a build waits for its job, and what became of the scan that was asked for."""

    since: float
    scan: str


class Branches:
    """The multibranch project of a builder whose `job` ends in `{branch}`; `project` is its full name."""

    def __init__(self, job: str, server: JenkinsServer, clock: Clock) -> None:
        self.project = job.removesuffix(f"/{BRANCH}")
        self._server = server
        self._clock = clock
        self._awaited: dict[str, _Awaited] = {}

    async def read(self, *, jobs: bool = False) -> JenkinsProject:
        """The project as it is now, with all its `jobs` or none. Raises RemoteError where it is none."""
        path = branches_tree(self.project) if jobs else project_tree(self.project)
        project = await self._server.read(path, JenkinsProject)
        if project is None:
            raise Denied(
                f"Jenkins shows no multibranch project {self.project!r} to this user (404): "
                "check `job` and permissions"
            )
        if project.is_root:
            raise Permanent(f"Jenkins shows itself in place of the project {self.project!r}: {NOT_EXACT}")
        if not project.is_multibranch:
            kind = project.kind.rpartition(".")[2][:_MAX_SHOWN] or "something else"
            raise Permanent(
                f"{self.project!r} is not a multibranch project but a {kind}: "
                f"set `job` to the name of a job, without {BRANCH}"
            )
        return project

    async def awaited(self, request: BuildRequest, lack: str) -> Outcome:
        """What a trigger comes to whose job Jenkins has not made yet, or not made active again.

        `lack` says which of them, in a sentence. Each build asks for one scan, and waits for ten minutes.
        """
        try:
            await self.read()
        except RemoteError as error:
            return unsent(error)
        now = self._clock()
        awaited = self._awaited.pop(request.build_id, None) or _Awaited(now, await self._scan())
        passed = now - awaited.since
        if passed >= _PATIENCE:
            return Rejected(
                f"{lack}, {passed / 60:.0f} minutes after the first look: see the scan log of "
                f"{self.project!r}, whose filters have to let the branch or tag pass, and whether that has a "
                "Jenkinsfile"
            )
        self._awaited[request.build_id] = awaited
        if len(self._awaited) > _MAX_AWAITED:
            del self._awaited[next(iter(self._awaited))]
        wait = min(max(passed, _FIRST_WAIT), _LONGEST_WAIT)
        return Retry(f"{lack}: {awaited.scan}", wait, outdated=True)

    async def _scan(self) -> str:
        """Ask for a scan of the project; what became of that, in words."""
        asked = f"a scan of {self.project!r} makes it"
        try:
            answer = await self._server.call("POST", scan_path(self.project))
        except RemoteError as error:
            return f"{asked}, but could not be asked for: {error}"
        if answer.status == 403 and not answer.asks_for_crumb:  # noqa: PLR2004  # an HTTP status
            return f"{asked}, which this user may not ask for: give it Job/Build on the project"
        if answer.status >= 400 or answer.sign_in:  # noqa: PLR2004  # an HTTP status
            return f"{asked}, but could not be asked for: {self._server.describe(answer)}"
        return f"{asked}, and was asked for"
