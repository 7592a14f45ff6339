"""Drone for the contract suite of builders."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from support.builder_contract import REMOTE_CASES, Case, Failure, RemoteSite, answered
from support.drone_builds import make
from support.fake_drone import TOKEN, FakeDrone, fake_drone

from bridge.builders.base import Ambiguous, Builder, Rejected


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
    ENDS = ("success", "failure")
    server: FakeDrone
    api: ClassVar[str] = "drone"

    def __init__(self, server: FakeDrone, stack: ExitStack) -> None:
        super().__init__(server, stack)
        self.secret = TOKEN

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["DroneSite"]:
        with fake_drone(cls.api) as server, ExitStack() as stack:
            yield cls(server, stack)

    def make(self, **settings: Any) -> Builder:
        return make(self.server, **{"api": self.api, **settings})

    async def start(self, build_id: str) -> None:
        self.server.start(self.server.build(build_id), self.logs[build_id])

    async def finish(self, build_id: str) -> None:
        self.server.finish(self.server.build(build_id), self.ends[build_id])

    def count(self, build_id: str) -> int:
        return sum(self.server.is_ours(one, build_id) for one in list(self.server.builds))

    def restart(self, stage: str) -> None:
        self.fail(Failure(status=int(stage)))

    def take_over(self, build_id: str) -> None:
        number = self.server.build(build_id).number
        self.server.builds.clear()
        self.server.numbers = number - 1
        self.server.finish(self.server.add({}))

    def recover(self) -> None:
        super().recover()
        self.server.filtered = False


class WoodpeckerSite(DroneSite):
    api: ClassVar[str] = "woodpecker"


SITE = DroneSite
