"""Builds of Drone 0.5 by the hook that it would have got from the Git host.

Source: Drone, "drone/drone" (https://github.com/drone/drone): what its remotes read of hooks

One body has what both remotes read. Our build id is at the end of the link of the push, which lists of builds
show; the variables of a build are none of the hook.
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import quote

from bridge.builders.base import Search
from bridge.builders.drone.dialect import Dialect
from bridge.builders.drone.drone_0_5 import Drone05
from bridge.builders.drone.model import BUILD_ID, RemoteBuild
from bridge.builders.server import Answer, BuildServer
from bridge.errors import Permanent, Transient
from bridge.model.build import BuildRequest

_LEFT_OUT: Final = b"Branch does not match"
"""What Drone answers, with 200, where the pipeline leaves out the branch."""


class Drone05Hook(Drone05):
    """Builds are of the pushed ref and commit, by the pipeline of the repository as it is there."""

    reserved: ClassVar[frozenset[str]] = frozenset()
    passes_variables: ClassVar[bool] = False
    unmade: ClassVar[str] = (
        "its pipeline leaves out this branch, or builds of pushes or of tags are off in the settings of the "
        "repository"
    )
    rejections: ClassVar[Mapping[int, str]] = {
        **Dialect.rejections,
        400: "{0} does not take the hook ({1}): check `hook_token`",
        403: "{0} has the `hook_token` of another repository ({1}): check it",
        404: "{0} has no such repository, or no .drone.yml in this commit ({1})",
    }

    def __init__(self, server: BuildServer, hook_token: str) -> None:
        super().__init__(server)
        self._headers = {
            "Authorization": f"Bearer {hook_token}",
            "Content-Type": "application/json",
            "X-Gogs-Event": "push",
            "X-GitHub-Event": "push",
        }

    async def prepare(self, repository: str, request: BuildRequest, branch: str | None) -> int:  # noqa: ARG002  # what was pushed
        """0; Drone learns what to build by the hook. Raises Permanent without a commit."""
        if not request.commit:
            raise Permanent(f"the commit of {request.ref} is not known, and a hook needs it")
        self.note(request.build_id, await self.newest(repository))
        return 0

    async def start(self, repository: str, request: BuildRequest, branch: str | None, number: int) -> Answer:  # noqa: ARG002  # of other modes
        content = json.dumps(_hook(repository, request)).encode()
        return await self.server.call("POST", "hook", headers=self._headers, content=content)

    def started(self, answer: Answer, request: BuildRequest) -> RemoteBuild | None:
        text = answer.body.strip()
        if not text or text.startswith(_LEFT_OUT):
            return None
        build = self.read_build(answer)
        if not build.link_url.endswith(_mark(request.build_id)):
            raise Transient(f"{self.title} answered with a build that has another {BUILD_ID}")
        return build.remote()

    async def search(self, repository: str, build_id: str) -> RemoteBuild | Search | None:
        """The build with our id, of which a person may have made forks."""
        await self.check(repository)
        builds = await self.newest(repository)
        found = [build for build in builds if build.link_url.endswith(_mark(build_id)) and not build.parent]
        return found[-1].remote() if found else self.absent(build_id, builds)


def _mark(build_id: str) -> str:
    return f"#{BUILD_ID}={quote(build_id, safe='')}"


def _hook(repository: str, request: BuildRequest) -> Mapping[str, Any]:
    owner, _, name = repository.rpartition("/")
    page = request.repo_url.removesuffix(".git")
    link = f"{page}{_mark(request.build_id)}"
    message = f"build {request.number} of {request.namespace}/{request.repo_name}"
    person = {"name": "Buildbridge", "email": "", "username": "buildbridge", "login": "buildbridge"}
    commit = {"id": request.commit, "message": message, "url": link, "author": person, "committer": person}
    return {
        "ref": request.ref,
        "ref_type": "tag" if request.tag else "branch",
        "before": "0" * len(request.commit),
        "after": request.commit,
        "compare_url": link,
        "commits": [commit],
        "head_commit": commit,
        "repository": {
            "owner": {"username": owner, "login": owner, "name": owner},
            "name": name,
            "full_name": repository,
            "html_url": page,
            "clone_url": request.repo_url,
        },
        "pusher": person,
        "sender": person,
    }
