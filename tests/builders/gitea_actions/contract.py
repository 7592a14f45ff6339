"""Gitea Actions for the contract suite of builders."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from support.actions_site import ActionsSite
from support.builder_contract import REMOTE_CASES, Case, Failure, answered, failed
from support.fake_gitea import TOKEN, FakeGitea, fake_gitea
from support.gitea_builds import make

from bridge.builders.base import Ambiguous, Builder, Rejected


class GiteaSite(ActionsSite):
    """A fake server of one of the two kinds, with one repository."""

    CASES: ClassVar[Mapping[str, Case]] = {
        **REMOTE_CASES,
        "302": answered(Rejected, 302),
        "400": answered(Rejected, 400),
        "403 for a disabled workflow": failed(
            Rejected, Failure(status=403, body=b'{"message": "workflow is disabled"}')
        ),
        "404": answered(Rejected, 404),
        "409": answered(Rejected, 409),
        "422": answered(Rejected, 422),
        "500": answered(Ambiguous, 500),
        "200 without a number": failed(Ambiguous, Failure(body=b"{}", acts=True)),
    }
    server: FakeGitea
    fake_kind: ClassVar[str] = "gitea"

    def __init__(self, server: FakeGitea, stack: ExitStack) -> None:
        super().__init__(server, stack)
        self.secret = TOKEN

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["GiteaSite"]:
        with fake_gitea(cls.fake_kind) as server, ExitStack() as stack:
            yield cls(server, stack)

    def make(self, **settings: Any) -> Builder:
        return make(self.server, **settings)


SITE = GiteaSite
