"""Alauda builders for tests, on a fake server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha1
from pathlib import Path
from typing import Any

from support.builder_contract import request
from support.fake_alauda import REPOSITORY, TOKEN, FakeAlauda

from bridge.builders.alauda.builder import AlaudaBuilder, AlaudaSettings
from bridge.builders.base import BuilderContext, Handle, Sent, Status


def commit_of(build_id: str) -> str:
    """A commit of its own for each build: nothing else of ours is at the server."""
    return sha1(build_id.encode(), usedforsecurity=False).hexdigest()


def make(server: FakeAlauda, state: Path, **settings: Any) -> AlaudaBuilder:
    given = {"url": server.url, "token": TOKEN, "repository": REPOSITORY, "timeout": "10s"}
    return AlaudaBuilder(
        "alauda",
        AlaudaSettings.model_validate(given | settings),
        BuilderContext(state=state, clock=server.clock),
    )


@asynccontextmanager
async def builder(server: FakeAlauda, state: Path, **settings: Any) -> AsyncIterator[AlaudaBuilder]:
    made = make(server, state, **settings)
    try:
        yield made
    finally:
        await made.aclose()


async def sent(ci: AlaudaBuilder, build_id: str = "b-1", **more: Any) -> Handle:
    """The handle of a build that was triggered."""
    outcome = await ci.trigger(request(build_id, **{"commit": commit_of(build_id), **more}))
    assert isinstance(outcome, Sent), outcome
    return outcome.handle


async def status(ci: AlaudaBuilder, handle: Handle) -> Status:
    return (await ci.poll({"b-1": handle}))["b-1"]
