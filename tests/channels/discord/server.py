"""A webhook of Discord on loopback that checks what the vendor documents."""

import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.fake_robots import FakeRobot, Scripted, bound_listener, served

WEBHOOK = "223704706495545344"
TOKEN = "3d89bb7572e0fb30d8128367b3b1b44fecd1726de135cbe28a41f8b2f777c372ba"
MAX_TITLE, MAX_TEXT, MAX_EMBED, MAX_CONTENT = 256, 4096, 6000, 2000
LIMITS = ((5, 2), (30, 60))
"""How many messages in how many seconds."""


@asynccontextmanager
async def discord_server(clock: Callable[[], float]) -> AsyncIterator[FakeRobot]:
    """Takes the address as people copy it, without a version, and is called with one."""
    listener = bound_listener()
    port = listener.getsockname()[1]
    hook = FakeRobot(f"http://127.0.0.1:{port}/api/webhooks/{WEBHOOK}/{TOKEN}")
    taken: deque[float] = deque(maxlen=30)

    async def execute(request: Request) -> Response:
        if request.path_params["webhook"] != WEBHOOK:
            return failure(404, 10015, "Unknown Webhook")
        if request.path_params["token"] != TOKEN:
            return failure(401, 50027, "Invalid Webhook Token")
        pause = max(_wait(taken, clock(), *limit) for limit in LIMITS)
        if pause > 0:
            told = {"message": "You are being rate limited.", "retry_after": pause, "global": False}
            return JSONResponse(told, 429, {"retry-after": str(int(pause) + 1)})
        message = json.loads(await request.body())
        if fault := _fault(message):
            return failure(400, 50035, "Invalid Form Body", errors=fault)
        taken.append(clock())
        hook.messages.append(message)
        if request.query_params.get("wait") != "true":
            return Response(status_code=204)
        return JSONResponse({"id": "1234567890123456789", "type": 0, "content": message.get("content", "")})

    route = Route("/api/v10/webhooks/{webhook}/{token}", execute, methods=["POST"])
    async with served(Scripted(Starlette(routes=[route]), hook), listener):
        yield hook


def failure(status: int, code: int, words: str, **more: Any) -> Response:
    return JSONResponse({"message": words, "code": code, **more}, status)


def _wait(taken: deque[float], now: float, count: int, seconds: float) -> float:
    return taken[-count] + seconds - now if len(taken) >= count else 0.0


def _fault(message: Mapping[str, Any]) -> Mapping[str, str] | None:
    """What is wrong, by its place."""
    (embed,) = message["embeds"]
    sizes = {
        "content": (message.get("content", ""), MAX_CONTENT),
        "title": (embed["title"], MAX_TITLE),
        "description": (embed["description"], MAX_TEXT),
        "embeds": (embed["title"] + embed["description"], MAX_EMBED),
    }
    for place, (text, limit) in sizes.items():
        if units(text) > limit:
            return {place: "BASE_TYPE_MAX_LENGTH"}
    allowed = message["allowed_mentions"]
    if allowed.keys() != {"parse", "users"} or any(not user.isdecimal() for user in allowed["users"]):
        return {"allowed_mentions": "NUMBER_TYPE_COERCE"}
    if not embed["description"].strip() or not 0 <= embed["color"] <= 0xFFFFFF:
        return {"embeds": "BASE_TYPE_REQUIRED"}
    return None


def units(text: str) -> int:
    """Characters as the strictest reader counts them: an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def shown(message: Mapping[str, Any]) -> str:
    """What readers see, with the mentions at the end."""
    (embed,) = message["embeds"]
    parts = [embed["title"], embed["description"], message.get("content", "")]
    return "\n".join(filter(None, parts))
