"""An incoming webhook of Slack on loopback that checks what the vendor documents."""

import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from support.fake_robots import FakeRobot, Scripted, bound_listener, served

TOKEN = "T0001ACME/B0001TEAM/c7fWq2ZpT0kenOfTheTests"
MAX_SECTION = 3000
MAX_ALL = 13_000
_BURST = 10


@asynccontextmanager
async def slack_workspace(clock: Callable[[], float]) -> AsyncIterator[FakeRobot]:
    """Answers in single words: sections of 3000 characters, 50 blocks, ten messages in ten seconds."""
    listener = bound_listener()
    port = listener.getsockname()[1]
    hook = FakeRobot(f"http://127.0.0.1:{port}/services/{TOKEN}")
    taken: deque[float] = deque(maxlen=_BURST)

    async def send(request: Request) -> Response:
        if request.path_params["token"] != TOKEN:
            return PlainTextResponse("no_service", 404)
        body = await request.body()
        try:
            fault = _fault(json.loads(body))
        except (ValueError, KeyError, TypeError):
            fault = "invalid_payload"
        if fault:
            return PlainTextResponse(fault, 400)
        if len(taken) == _BURST and clock() - taken[0] < _BURST:
            return PlainTextResponse("rate_limited", 429, {"retry-after": "30"})
        taken.append(clock())
        hook.messages.append(json.loads(body))
        return PlainTextResponse("ok")

    app = Starlette(routes=[Route("/services/{token:path}", send, methods=["POST"])])
    async with served(Scripted(app, hook), listener):
        yield hook


def _fault(message: Mapping[str, Any]) -> str | None:
    texts = [block["text"]["text"] for block in message["blocks"]]
    if not message["text"]:
        return "no_text"
    if len(texts) > 50 or any(not text or len(text) > MAX_SECTION for text in texts):
        return "invalid_blocks"
    if any((block["type"], block["text"]["type"]) != ("section", "mrkdwn") for block in message["blocks"]):
        return "invalid_blocks"
    return "msg_blocks_too_long" if sum(map(len, texts)) > MAX_ALL else None


def shown(message: Mapping[str, Any]) -> str:
    return "\n".join(_linked(block["text"]) for block in message["blocks"])


def _linked(part: Mapping[str, Any]) -> str:
    """A text in which the vendor has made a link of what looks like one, unless it is to leave it alone."""
    if part.get("verbatim"):
        return str(part["text"])
    words = re.split(r"(<[^>]*>)", part["text"])
    words[::2] = [re.sub(r"[\w-]+(?:\.[\w-]+)*\.com\b", r"<http://\g<0>|\g<0>>", word) for word in words[::2]]
    return "".join(words)
