"""GitLab builders for tests, on a fake server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.fake_gitlab import PROJECT, TOKEN, FakeGitLab

from bridge.builders.base import BuilderContext
from bridge.builders.gitlab_ci.builder import GitLabBuilder
from bridge.builders.gitlab_ci.settings import GitLabSettings


def make(server: FakeGitLab, **settings: Any) -> GitLabBuilder:
    given = {"url": server.url, "token": TOKEN, "project": PROJECT, "timeout": "10s"}
    return GitLabBuilder(
        "gitlab",
        GitLabSettings.model_validate(given | settings),
        BuilderContext(state=Path("unused"), clock=server.clock),
    )


@asynccontextmanager
async def builder(server: FakeGitLab, **settings: Any) -> AsyncIterator[GitLabBuilder]:
    made = make(server, **settings)
    try:
        yield made
    finally:
        await made.aclose()
