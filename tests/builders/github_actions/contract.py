"""GitHub Actions for the contract suite of builders."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from support.actions_site import ActionsSite
from support.builder_contract import REMOTE_CASES, Case, Failure, answered, failed
from support.fake_github import TOKEN, FakeGitHub, fake_github
from support.github_builds import make

from bridge.builders.base import Ambiguous, Builder, Rejected, Retry


class GitHubSite(ActionsSite):
    """A fake GitHub, whose answer to a trigger has the number of the run."""

    CASES: ClassVar[Mapping[str, Case]] = {
        **REMOTE_CASES,
        "302": answered(Rejected, 302),
        "307 of a repository that moved": answered(Rejected, 307, Location="https://api.github.com/repositories/1"),
        "400": answered(Rejected, 400),
        "403 for the rate": answered(
            Retry, 403, 60.0, X_RateLimit_Remaining="0", X_RateLimit_Reset="1795000060",
            Date="Wed, 18 Nov 2026 11:06:40 GMT",
        ),
        "403 for a second rate": answered(Retry, 403, 30.0, Retry_After="30"),
        "404": answered(Rejected, 404),
        "409": answered(Rejected, 409),
        "422": answered(Rejected, 422),
        "500": answered(Ambiguous, 500),
        "200 without a number": failed(Ambiguous, Failure(body=b"{}", acts=True)),
    }  # fmt: skip
    server: FakeGitHub

    def __init__(self, server: FakeGitHub, stack: ExitStack) -> None:
        super().__init__(server, stack)
        self.secret = TOKEN

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["GitHubSite"]:
        with fake_github() as server, ExitStack() as stack:
            yield cls(server, stack)

    def count(self, build_id: str) -> int:
        """Every attempt of a run was started."""
        return sum(run.attempt for run in list(self.fake.runs) if self.fake.is_ours(run, build_id))

    def make(self, **settings: Any) -> Builder:
        return make(self.server, **settings)


SITE = GitHubSite
