"""A server of ntfy on loopback that checks what its documentation says."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.fake_robots import FakeRobot, Scripted, bound_listener, served

from bridge.runtime.rate import Bucket, Rate

TOPIC = "builds-c7fWq2ZpT0OfTheTests"
TOKEN = "tk_agqdq7mvbofd37zqvs4e8wf1nqu00"
MAX_MESSAGE = 4096
BURST, REPLENISH = 60, 5
_FIELDS = {"topic", "title", "message", "priority", "tags", "click"}


@asynccontextmanager
async def ntfy_server(clock: Callable[[], float], *, token: str | None = TOKEN) -> AsyncIterator[FakeRobot]:
    """60 messages at once, then one in five seconds; messages of at most 4096 bytes, and no attachments."""
    listener = bound_listener()
    port = listener.getsockname()[1]
    server = FakeRobot(f"http://127.0.0.1:{port}/{TOPIC}")
    visitor = Bucket(Rate(BURST, BURST * REPLENISH), clock())

    async def publish(request: Request) -> Response:
        if visitor.take(clock()):
            return failure(42901, "limit reached: too many requests")
        if token is not None and request.headers.get("authorization") != f"Bearer {token}":
            return failure(40101, "unauthorized")
        try:
            message = json.loads(await request.body())
            topic, text = message["topic"], message["message"]
            assert _is_known(message)
        except (ValueError, KeyError, TypeError, AssertionError):
            return failure(40017, "invalid request: request body must be message JSON")
        if topic != TOPIC:
            return failure(40301, "forbidden")
        if len(text.encode()) > MAX_MESSAGE:
            return failure(40014, "invalid request: attachments not allowed")
        server.messages.append(message)
        return JSONResponse({"id": "sPs71M8A2T", "event": "message", "time": int(clock()), **message})

    app = Starlette(routes=[Route("/", publish, methods=["POST"])])
    async with served(Scripted(app, server), listener):
        yield server


def failure(code: int, words: str) -> Response:
    return JSONResponse({"code": code, "http": code // 100, "error": words}, code // 100)


def _is_known(message: Mapping[str, Any]) -> bool:
    click = message.get("click", "https://")
    return (
        message.keys() <= _FIELDS
        and 1 <= message["priority"] <= 5
        and all(tag and "," not in tag for tag in message["tags"])
        and click.startswith(("https://", "http://"))
    )


def shown(message: Mapping[str, Any]) -> str:
    """What readers see, with what a tap opens at the end."""
    opened = [f"[tap]({message['click']})"] if "click" in message else []
    return "\n".join([message["title"], message["message"], *opened])
