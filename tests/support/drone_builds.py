"""Drone builders for tests, on a fake server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from support.fake_drone import REPOSITORY, TOKEN

from bridge.builders.base import BuilderContext
from bridge.builders.drone.builder import DroneBuilder
from bridge.builders.drone.settings import DroneSettings


class Answering(Protocol):
    """A server with a clock of its own."""

    url: str

    def clock(self) -> float: ...


def make(server: Answering, api: str = "drone", **settings: Any) -> DroneBuilder:
    """With `api` "" it is to be found out."""
    given = {"url": server.url, "token": TOKEN, "repository": REPOSITORY, "timeout": "10s"}
    return DroneBuilder(
        "drone",
        DroneSettings.model_validate(given | ({"api": api} if api else {}) | settings),
        BuilderContext(state=Path("unused"), clock=server.clock),
    )


@asynccontextmanager
async def builder(server: Answering, api: str = "drone", **settings: Any) -> AsyncIterator[DroneBuilder]:
    made = make(server, api, **settings)
    try:
        yield made
    finally:
        await made.aclose()
