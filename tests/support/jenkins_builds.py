"""Jenkins builders for tests, on a fake server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.builder_contract import request
from support.fake_jenkins_core import FakeJenkins
from support.fake_jenkins_state import Parameter

from bridge.builders.base import BuilderContext, Handle, Sent, Status
from bridge.builders.jenkins.builder import JenkinsBuilder
from bridge.builders.jenkins.settings import JenkinsSettings

JOB = "docker/build-image"
DECLARED = ("BRIDGE_BUILD_ID", "IMAGE", "TAGS", "REF", "COMMIT")


def declare(jenkins: FakeJenkins, *parameters: Parameter | str, **traits: bool) -> None:
    """The job of the tests, with these parameters or the usual ones."""
    jenkins.job(JOB, *(parameters or DECLARED), **traits)


def make(jenkins: FakeJenkins, **settings: Any) -> JenkinsBuilder:
    given = {"url": jenkins.url, "username": "ci", "job": JOB, "timeout": "10s"}
    if "password" not in settings:
        given["token"] = jenkins.token
    return JenkinsBuilder(
        "jenkins",
        JenkinsSettings.model_validate(given | settings),
        BuilderContext(state=Path("unused"), clock=jenkins.clock),
    )


@asynccontextmanager
async def builder(jenkins: FakeJenkins, **settings: Any) -> AsyncIterator[JenkinsBuilder]:
    made = make(jenkins, **settings)
    try:
        yield made
    finally:
        await made.aclose()


async def sent(ci: JenkinsBuilder, build_id: str = "b-1", **more: Any) -> Handle:
    """The handle of a build that was triggered."""
    outcome = await ci.trigger(request(build_id, **more))
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


async def status(ci: JenkinsBuilder, handle: Handle, build_id: str = "b-1") -> Status:
    return (await ci.poll({build_id: handle}))[build_id]
