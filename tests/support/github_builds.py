"""Builders of GitHub Actions for tests, on a fake server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.fake_actions import FILE, REPOSITORY
from support.fake_github import TOKEN, FakeGitHub

from bridge.builders.base import BuilderContext
from bridge.builders.github_actions.builder import GitHubActionsBuilder
from bridge.builders.github_actions.settings import GitHubActionsSettings


def make(server: FakeGitHub, **settings: Any) -> GitHubActionsBuilder:
    given = {"url": server.url, "token": TOKEN, "repository": REPOSITORY, "workflow": FILE, "timeout": "10s"}
    return GitHubActionsBuilder(
        "github",
        GitHubActionsSettings.model_validate(given | settings),
        BuilderContext(state=Path("unused"), clock=server.clock),
    )


@asynccontextmanager
async def builder(server: FakeGitHub, **settings: Any) -> AsyncIterator[GitHubActionsBuilder]:
    made = make(server, **settings)
    try:
        yield made
    finally:
        await made.aclose()
