"""Jenkins for the contract suite of builders."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.builder_contract import REMOTE_CASES, Case, RemoteSite, answered
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.fake_jenkins_state import Build, Item
from support.jenkins_builds import JOB, declare, make

from bridge.builders.base import Builder, Rejected
from bridge.builders.jenkins import search as jenkins_search


class JenkinsSite(RemoteSite):
    """A fake Jenkins with one job."""

    CASES: ClassVar[Mapping[str, Case]] = {
        **REMOTE_CASES,
        "302": answered(Rejected, 302),
        "400": answered(Rejected, 400),
        "404": answered(Rejected, 404),
        "409": answered(Rejected, 409),
        "413": answered(Rejected, 413),
        "500": answered(Rejected, 500),
    }

    STAGES = ("500", "403", "503")
    ENDS = ("SUCCESS", "FAILURE")
    server: FakeJenkins

    def __init__(self, server: FakeJenkins, stack: ExitStack) -> None:
        super().__init__(server, stack)
        self.secret = server.token

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["JenkinsSite"]:
        with fake_jenkins() as jenkins, ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
            patch.setattr(jenkins_search, "_SECOND_SEARCH", 0.01)
            declare(jenkins)
            yield cls(jenkins, stack)

    def make(self, **settings: Any) -> Builder:
        return make(self.server, **settings)

    async def start(self, build_id: str) -> None:
        build = self.server.start(JOB)
        assert build.values["BRIDGE_BUILD_ID"] == build_id
        self.server.write(build, self.logs[build_id], hidden=40)

    async def finish(self, build_id: str) -> None:
        (build,) = (one for one in self.server.jobs[JOB].builds if one.values["BRIDGE_BUILD_ID"] == build_id)
        self.server.finish(build, self.ends[build_id])

    def count(self, build_id: str) -> int:
        known: list[Item | Build] = [*self.server.waiting(JOB), *self.server.jobs[JOB].builds]
        return sum(one.causes for one in known if one.values["BRIDGE_BUILD_ID"] == build_id)

    def restart(self, stage: str) -> None:
        self.server.restart()
        self.server.starting = int(stage)

    def take_over(self, build_id: str) -> None:
        self.server.restart(crash=True)
        job = self.server.job(JOB, "TAGS")
        job.builds.append(Build(1, 1, {}, self.server.clock(), 1))
        self.server.finish(job.builds[0])

    def recover(self) -> None:
        super().recover()
        self.server.starting = 0


SITE = JenkinsSite
