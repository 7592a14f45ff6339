"""Alauda for the contract suite of builders."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from support.alauda_builds import commit_of, make
from support.builder_contract import REMOTE_CASES, Case, Failure, RemoteSite, answered, failed
from support.fake_alauda import TOKEN, FakeAlauda, fake_alauda

from bridge.builders.base import Ambiguous, Builder, Rejected, Search
from bridge.model.build import BuildRequest


def _other_tags(site: "AlaudaSite") -> None:
    site.server.tags = {"nightly": "master", "weekly": "master"}


class AlaudaSite(RemoteSite):
    """A fake service with one build repository; builds are told apart by their commits."""

    CASES: ClassVar[Mapping[str, Case]] = {
        **REMOTE_CASES,
        "302": answered(Rejected, 302),
        "400": answered(Rejected, 400),
        "404": answered(Rejected, 404),
        "409": answered(Rejected, 409),
        "500": answered(Ambiguous, 500),
        "no tag that fits": Case(Rejected, _other_tags),
        "201 without an id": failed(Ambiguous, Failure(status=201, body=b'{"status": "W"}', acts=True)),
        "a build that has ended": failed(
            Ambiguous, Failure(status=201, body=b'{"build_id": "b", "status": "S"}')
        ),
    }
    STAGES = ("503",)
    ENDS = ("S", "F")
    ABSENT = Search.UNSEARCHABLE
    server: FakeAlauda

    def __init__(self, server: FakeAlauda, stack: ExitStack, state: Path) -> None:
        super().__init__(server, stack)
        self.secret = TOKEN
        self._state = state

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["AlaudaSite"]:
        with fake_alauda() as server, ExitStack() as stack:
            yield cls(server, stack, folder / "state")

    def make(self, **settings: Any) -> Builder:
        return make(self.server, self._state, **settings)

    def request(self, build_id: str, *, log: str = "", succeeds: bool = True, **changes: Any) -> BuildRequest:
        return super().request(
            build_id, log=log, succeeds=succeeds, **{"commit": commit_of(build_id), **changes}
        )

    async def start(self, build_id: str) -> None:
        self.server.start(self.server.of_commit(commit_of(build_id)), self.logs[build_id])

    async def finish(self, build_id: str) -> None:
        self.server.finish(self.server.of_commit(commit_of(build_id)), self.ends[build_id])

    def count(self, build_id: str) -> int:
        return sum(build.commit == commit_of(build_id) for build in list(self.server.builds))

    def restart(self, stage: str) -> None:
        self.fail(Failure(status=int(stage)))

    def take_over(self, build_id: str) -> None:
        self.server.builds.clear()
        self.server.finish(self.server.add())

    def recover(self) -> None:
        super().recover()
        self.server.tags = {"latest": "master"}


SITE = AlaudaSite
