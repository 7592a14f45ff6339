"""Drone for the contract suite of builders."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from support.builder_contract import REMOTE_CASES, Case, Failure, RemoteSite, answered, request
from support.drone_builds import make
from support.fake_drone import TOKEN, FakeDrone, fake_drone
from support.fake_http import Reply

from bridge.builders.base import Ambiguous, Builder, Rejected
from bridge.model.build import BuildRequest


def _filters(site: "DroneSite") -> None:
    site.server.filtered = True


class DroneSite(RemoteSite):
    """A fake server of one of the APIs, with one repository."""

    CASES: ClassVar[Mapping[str, Case]] = {
        **REMOTE_CASES,
        "302": answered(Rejected, 302),
        "400": answered(Rejected, 400),
        "404": answered(Rejected, 404),
        "409": answered(Rejected, 409),
        "414": answered(Rejected, 414),
        "500": answered(Ambiguous, 500),
        "filters leave nothing": Case(Rejected, _filters),
    }
    STAGES = ("503",)
    api: ClassVar[str] = "drone"

    def __init__(self, server: FakeDrone, stack: ExitStack) -> None:
        self.server = server
        self.stack = stack
        self.secret = TOKEN
        self.requests = server.requests
        self._logs: dict[str, str] = {}
        self._words: dict[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["DroneSite"]:
        with fake_drone(cls.api) as server, ExitStack() as stack:
            yield cls(server, stack)

    def make(self, **settings: Any) -> Builder:
        return make(self.server, self.api, **settings)

    def request(self, build_id: str, *, log: str = "", succeeds: bool = True, **changes: Any) -> BuildRequest:
        self._logs[build_id] = log
        self._words[build_id] = "success" if succeeds else "failure"
        return request(build_id, **changes)

    async def start(self, build_id: str) -> None:
        self.server.start(self.server.build(build_id), self._logs[build_id])

    async def finish(self, build_id: str) -> None:
        self.server.finish(self.server.build(build_id), self._words[build_id])

    def count(self, build_id: str) -> int:
        return sum(self.server.is_ours(one, build_id) for one in list(self.server.builds))

    def fail(self, failure: Failure) -> None:
        self._fail(failure, "", 1_000_000)

    def fail_trigger(self, failure: Failure) -> None:
        self._fail(failure, "POST", 1)

    def _fail(self, failure: Failure, match: str, times: int) -> None:
        reply = None
        if failure.kind == "reply":
            reply = Reply(failure.status, dict(failure.headers), failure.body)
        self.server.trouble(
            failure.kind, match, times=times, acts=failure.acts, reply=reply, seconds=failure.seconds
        )

    def restart(self, stage: str) -> None:
        self.fail(Failure(status=int(stage)))

    def take_over(self, build_id: str) -> None:
        number = self.server.build(build_id).number
        self.server.builds.clear()
        self.server.numbers = number - 1
        self.server.finish(self.server.add({}))

    def recover(self) -> None:
        self.server.troubles.clear()
        self.server.filtered = False


class WoodpeckerSite(DroneSite):
    api: ClassVar[str] = "woodpecker"


SITE = DroneSite
