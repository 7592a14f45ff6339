"""Jenkins for the contract suite of builders."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.builder_contract import REMOTE_CASES, Case, Failure, RemoteSite, answered, request
from support.fake_http import Reply
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.fake_jenkins_state import Build, Item
from support.jenkins_builds import JOB, declare, make

from bridge.builders.base import Builder, Rejected
from bridge.builders.jenkins import builder as jenkins_builder
from bridge.model.build import BuildRequest


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

    def __init__(self, jenkins: FakeJenkins, stack: ExitStack) -> None:
        self.jenkins = jenkins
        self.stack = stack
        self.secret = jenkins.token
        self.requests = jenkins.requests
        self._logs: dict[str, str] = {}
        self._results: dict[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["JenkinsSite"]:
        with fake_jenkins() as jenkins, ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
            patch.setattr(jenkins_builder, "_SECOND_SEARCH", 0.01)
            declare(jenkins)
            yield cls(jenkins, stack)

    def make(self, **settings: Any) -> Builder:
        return make(self.jenkins, **settings)

    def request(self, build_id: str, *, log: str = "", succeeds: bool = True, **changes: Any) -> BuildRequest:
        self._logs[build_id] = log
        self._results[build_id] = "SUCCESS" if succeeds else "FAILURE"
        return request(build_id, **changes)

    async def start(self, build_id: str) -> None:
        build = self.jenkins.start(JOB)
        assert build.values["BRIDGE_BUILD_ID"] == build_id
        self.jenkins.write(build, self._logs[build_id], hidden=40)

    async def finish(self, build_id: str) -> None:
        (build,) = (one for one in self.jenkins.jobs[JOB].builds if one.values["BRIDGE_BUILD_ID"] == build_id)
        self.jenkins.finish(build, self._results[build_id])

    def count(self, build_id: str) -> int:
        known: list[Item | Build] = [*self.jenkins.waiting(JOB), *self.jenkins.jobs[JOB].builds]
        return sum(one.causes for one in known if one.values["BRIDGE_BUILD_ID"] == build_id)

    def fail(self, failure: Failure) -> None:
        self._fail(failure, "", 1_000_000)

    def fail_trigger(self, failure: Failure) -> None:
        self._fail(failure, "POST", 1)

    def _fail(self, failure: Failure, match: str, times: int) -> None:
        reply = None
        if failure.kind == "reply":
            reply = Reply(failure.status, dict(failure.headers), failure.body)
        self.jenkins.trouble(
            failure.kind, match, times=times, acts=failure.acts, reply=reply, seconds=failure.seconds
        )

    def restart(self, stage: str) -> None:
        self.jenkins.restart()
        self.jenkins.starting = int(stage)

    def take_over(self, build_id: str) -> None:
        self.jenkins.restart(crash=True)
        job = self.jenkins.job(JOB, "TAGS")
        job.builds.append(Build(1, 1, {}, self.jenkins.clock(), 1))
        self.jenkins.finish(job.builds[0])

    def recover(self) -> None:
        self.jenkins.troubles.clear()
        self.jenkins.starting = 0


SITE = JenkinsSite
