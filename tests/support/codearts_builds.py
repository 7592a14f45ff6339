"""CodeArts builders for tests, on a fake server."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.builder_contract import request
from support.fake_codearts import JOB, KEYS, PASSWORD, FakeCodeArts

from bridge.builders.base import BuilderContext, Handle, Sent, Status
from bridge.builders.codearts.builder import CodeArtsBuilder
from bridge.builders.codearts.settings import CodeArtsSettings

BY_KEY: Mapping[str, Any] = {"access_key": KEYS[0], "secret_key": KEYS[1]}


def by_password(server: FakeCodeArts, **changes: str) -> Mapping[str, Any]:
    """The settings of who gets tokens by a password."""
    user = {"username": "ci", "password": PASSWORD, "domain": "acme", "region": "cn-north-4"}
    return {"access_key": None, "secret_key": None, "iam_url": server.url, **user, **changes}


def make(server: FakeCodeArts, **settings: Any) -> CodeArtsBuilder:
    given = {"url": server.url, "job_id": JOB, "timeout": "10s", **BY_KEY} | settings
    return CodeArtsBuilder(
        "codearts",
        CodeArtsSettings.model_validate(given),
        BuilderContext(state=Path("unused"), clock=server.clock),
    )


@asynccontextmanager
async def builder(server: FakeCodeArts, **settings: Any) -> AsyncIterator[CodeArtsBuilder]:
    made = make(server, **settings)
    try:
        yield made
    finally:
        await made.aclose()


async def sent(ci: CodeArtsBuilder, build_id: str = "b-1", **more: Any) -> Handle:
    """The handle of a build that was triggered."""
    outcome = await ci.trigger(request(build_id, **more))
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


async def status(ci: CodeArtsBuilder, handle: Handle, build_id: str = "b-1") -> Status:
    return (await ci.poll({build_id: handle}))[build_id]
