"""CodeArts Build for the contract suite of builders."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from support.builder_contract import REMOTE_CASES, Case, Failure, RemoteSite, answered, failed
from support.codearts_builds import make
from support.fake_codearts import KEYS, FakeCodeArts, fake_codearts

from bridge.builders.base import Ambiguous, Builder, Rejected, Retry


def _coded(status: int, code: str, **headers: str) -> Failure:
    return Failure(status=status, headers=headers, body=f'{{"error_code": "{code}"}}'.encode())


class CodeArtsSite(RemoteSite):
    """A fake CodeArts with one job."""

    CASES: ClassVar[Mapping[str, Case]] = {
        **REMOTE_CASES,
        "302": answered(Rejected, 302),
        "400": answered(Rejected, 400),
        "400 for its values": failed(Rejected, _coded(400, "CB.00060200")),
        "400 for its rate": failed(Retry, _coded(400, "CB.00060211")),
        "404": answered(Rejected, 404),
        "409": answered(Rejected, 409),
        "500": answered(Ambiguous, 500),
        "500 for a busy network": failed(Ambiguous, _coded(500, "CB.00060100")),
        "200 without a number": failed(Ambiguous, Failure(body=b'{"octopus_job_name": "j_1"}', acts=True)),
    }
    STAGES = ("500", "503")
    ENDS = ("SUCCESS", "FAILURE")
    TRIGGER = "POST /v3/jobs/build"
    server: FakeCodeArts

    def __init__(self, server: FakeCodeArts, stack: ExitStack) -> None:
        super().__init__(server, stack)
        self.secret = KEYS[1]

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["CodeArtsSite"]:
        with fake_codearts() as server, ExitStack() as stack:
            yield cls(server, stack)

    def make(self, **settings: Any) -> Builder:
        return make(self.server, **settings)

    async def start(self, build_id: str) -> None:
        run = self.server.run(build_id)
        self.server.start(run)
        run.log = self.logs[build_id].encode()

    async def finish(self, build_id: str) -> None:
        self.server.finish(self.server.run(build_id), self.ends[build_id])

    def count(self, build_id: str) -> int:
        return sum(run.parameters.get("BRIDGE_BUILD_ID") == build_id for run in self.server.runs)

    def restart(self, stage: str) -> None:
        self.server.starting = int(stage)

    def take_over(self, build_id: str) -> None:
        self.server.runs.clear()
        other = self.server.made({"TAGS": "theirs"}, {}, day="20261127")
        self.server.start(other)
        self.server.finish(other)

    def recover(self) -> None:
        super().recover()
        self.server.starting = 0


SITE = CodeArtsSite
