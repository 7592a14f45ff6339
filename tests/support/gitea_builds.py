"""Builders of Gitea and Forgejo Actions for tests, on a fake server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.fake_actions import FILE, REPOSITORY
from support.fake_gitea import TOKEN, FakeGitea

from bridge.builders.base import BuilderContext
from bridge.builders.gitea_actions.builder import GiteaActionsBuilder, GiteaActionsSettings


def make(server: FakeGitea, **settings: Any) -> GiteaActionsBuilder:
    given = {"url": server.url, "token": TOKEN, "repository": REPOSITORY, "workflow": FILE, "timeout": "10s"}
    return GiteaActionsBuilder(
        "gitea",
        GiteaActionsSettings.model_validate(given | settings),
        BuilderContext(state=Path("unused"), clock=server.clock),
    )


@asynccontextmanager
async def builder(server: FakeGitea, **settings: Any) -> AsyncIterator[GiteaActionsBuilder]:
    made = make(server, **settings)
    try:
        yield made
    finally:
        await made.aclose()
