"""A receiver of Standard Webhooks on loopback that verifies as the specification says."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from support.fake_robots import FakeRobot, Scripted, bound_listener, served

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "receiver-path-of-the-tests"
MAX_BODY = 20_000
_TOLERANCE = 300
_TYPE = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*")


@dataclass
class Receiver(FakeRobot):
    """Beside what robots have, the ids and times of what it took."""

    ids: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)


@asynccontextmanager
async def webhook_receiver(clock: Callable[[], float], *, secret: str = SECRET) -> AsyncIterator[Receiver]:
    """It takes what one of the signatures proves, of the last five minutes, of less than 20 KB."""
    listener = bound_listener()
    port = listener.getsockname()[1]
    receiver = Receiver(f"http://127.0.0.1:{port}/hooks/{TOKEN}")

    async def take(request: Request) -> Response:
        body = await request.body()
        status = _refusal(request, body, secret, clock())
        if status is None:
            receiver.messages.append(json.loads(body))
            receiver.ids.append(request.headers["webhook-id"])
            receiver.times.append(int(request.headers["webhook-timestamp"]))
        return Response(status_code=status or 204)

    app = Starlette(routes=[Route("/hooks/{token}", take, methods=["POST"])])
    async with served(Scripted(app, receiver), listener):
        yield receiver


def _refusal(request: Request, body: bytes, secret: str, now: float) -> int | None:
    if request.path_params["token"] != TOKEN:
        return 404
    if len(body) >= MAX_BODY:
        return 413
    id_, at, given = (request.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    signed = b".".join([id_.encode(), at.encode(), body])
    mac = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
    if "." in id_ or abs(now - int(at)) > _TOLERANCE:
        return 401
    if f"v1,{base64.b64encode(mac).decode()}" not in given.split(" "):
        return 401
    document = json.loads(body)
    is_whole = _TYPE.fullmatch(document["type"]) and document.keys() == {"type", "timestamp", "data"}
    return None if is_whole else 422
