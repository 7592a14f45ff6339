"""Services of Apprise on loopback: one that takes any JSON, and a server of Gotify."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.fake_robots import FakeRobot, Scripted, bound_listener, served

TOKEN: Final = "AAbbCCddEEffGGh1.of-the-tests"
WRONG: Final = "AAbbCCddEEffGGh2.of-the-tests"


@asynccontextmanager
async def site(kind: Literal["json", "gotify"]) -> AsyncIterator[FakeRobot]:
    """`json` knows its caller by the path and takes what Apprise documents; `gotify` by X-Gotify-Key."""
    listener = bound_listener()
    port = listener.getsockname()[1]
    path = {"json": f"/hook/{TOKEN}", "gotify": f"/{TOKEN}"}[kind]
    robot = FakeRobot(f"{kind}://127.0.0.1:{port}{path}")

    async def take(request: Request) -> Response:
        if request.path_params["token"] != TOKEN:
            return JSONResponse({"error": f"no such token: {request.path_params['token']}"}, 401)
        return _taken(
            json.loads(await request.body()), {"title", "message", "type", "version", "attachments"}
        )

    async def gotify(request: Request) -> Response:
        if request.headers.get("x-gotify-key") != TOKEN:
            return JSONResponse({"error": "Unauthorized", "errorCode": 401}, 401)
        return _taken(json.loads(await request.body()), {"title", "message", "priority", "extras"})

    def _taken(message: Mapping[str, Any], fields: set[str]) -> Response:
        if not {*message} <= fields or not message.get("message"):
            return JSONResponse({"error": "Bad Request"}, 400)
        robot.messages.append(dict(message))
        return JSONResponse({"id": len(robot.messages)})

    routes = [
        Route("/hook/{token}", take, methods=["POST"]),
        Route("/message", gotify, methods=["POST"]),
    ]
    async with served(Scripted(Starlette(routes=routes), robot), listener):
        yield robot


def shown(message: Mapping[str, Any]) -> str:
    return f"{message['title']}\n{message['message']}"
