"""GitLab CI for the contract suite of builders."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from support.builder_contract import REMOTE_CASES, Case, Failure, RemoteSite, answered
from support.fake_gitlab import TOKEN, FakeGitLab, fake_gitlab
from support.gitlab_builds import make

from bridge.builders.base import Ambiguous, Builder, Rejected, Retry


def _says(words: str) -> Any:
    def prepare(site: "GitLabSite") -> None:
        site.server.refusal = words

    return prepare


def _variables_for_owners(site: "GitLabSite") -> None:
    site.server.minimum_role = "owner"


class GitLabSite(RemoteSite):
    """A fake GitLab with one project."""

    CASES: ClassVar[Mapping[str, Case]] = {
        **REMOTE_CASES,
        "302": answered(Rejected, 302),
        "400": answered(Rejected, 400),
        "400 for variables": Case(Retry, _variables_for_owners, denied=True),
        "400 for the role": Case(
            Retry, _says("Insufficient permissions to create a new pipeline"), denied=True
        ),
        "400 for CI/CD that is off": Case(Retry, _says("Pipelines are disabled!"), denied=True),
        "400 for a protected branch": Case(
            Rejected, _says("You do not have sufficient permission to run a pipeline on 'master'.")
        ),
        "400 for the ref": Case(Rejected, _says("Reference not found")),
        "400 for no pipeline": Case(Rejected, _says("Missing CI config file")),
        "400 for no jobs": Case(Rejected, _says("No stages / jobs for this pipeline.")),
        "400 for its rules": Case(Rejected, _says("Pipeline will not run for the selected trigger.")),
        "400 for the workflow": Case(Rejected, _says("Pipeline filtered out by workflow rules.")),
        "400 for too many": Case(
            Retry, _says("Too many pipelines created in the last minute. Try again later."), after=60.0
        ),
        "404": answered(Retry, 404, denied=True),
        "409": answered(Rejected, 409),
        "429 with a moment": answered(
            Retry,
            429,
            45.0,
            RateLimit_Reset="1795000045",
            Date="Wed, 18 Nov 2026 11:06:40 GMT",
        ),
        "429 with a moment that is none": answered(Retry, 429, RateLimit_Reset="soon"),
        "500": answered(Ambiguous, 500),
    }
    STAGES = ("502", "503")
    ENDS = ("success", "failed")
    server: FakeGitLab

    def __init__(self, server: FakeGitLab, stack: ExitStack) -> None:
        super().__init__(server, stack)
        self.secret = TOKEN

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["GitLabSite"]:
        with fake_gitlab() as server, ExitStack() as stack:
            yield cls(server, stack)

    def make(self, **settings: Any) -> Builder:
        return make(self.server, **settings)

    async def start(self, build_id: str) -> None:
        self.server.start(self.server.pipeline(build_id), self.logs[build_id])

    async def finish(self, build_id: str) -> None:
        self.server.finish(self.server.pipeline(build_id), self.ends[build_id])

    def count(self, build_id: str) -> int:
        return sum(self.server.is_ours(one, build_id) for one in list(self.server.pipelines))

    def restart(self, stage: str) -> None:
        self.fail(Failure(status=int(stage)))

    def take_over(self, build_id: str) -> None:
        number = self.server.pipeline(build_id).id
        self.server.pipelines.clear()
        self.server.now += 60
        other = self.server.add({})
        other.id = number
        self.server.finish(other)

    def recover(self) -> None:
        super().recover()
        self.server.refusal = ""
        self.server.minimum_role = "developer"


SITE = GitLabSite
