"""A Feishu robot on loopback that checks what the vendor documents."""

import base64
import hashlib
import hmac
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

TOKEN = "5f8c6d1e-0a4b-4c7d-9e2f-13a5b7c9d0e1"
MAX_BODY = 20_000
_TEMPLATES = {
    "blue", "wathet", "turquoise", "green", "yellow", "orange", "red", "carmine", "violet", "purple",
    "indigo", "grey",
}  # fmt: skip


@asynccontextmanager
async def feishu_robot(
    clock: Callable[[], float], *, secret: str | None = None, keyword: str | None = None
) -> AsyncIterator[FakeRobot]:
    """A Feishu robot: 5 a second and 100 a minute, bodies of at most 20 KB, its signature and its keyword."""
    listener = bound_listener()
    port = listener.getsockname()[1]
    robot = FakeRobot(f"http://127.0.0.1:{port}/open-apis/bot/v2/hook/{TOKEN}")
    taken: deque[float] = deque(maxlen=100)

    async def send(request: Request) -> Response:
        body = await request.body()
        code, words = _fault(request.path_params["token"], body, clock(), secret, keyword)
        if not code and any(_too_many(taken, clock(), *limit) for limit in ((5, 1), (100, 60))):
            code, words = 11232, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]"
        if code:
            return JSONResponse({"code": code, "data": {}, "msg": words}, 400 if code == 9499 else 200)
        taken.append(clock())
        robot.messages.append(json.loads(body))
        done = {"StatusCode": 0, "StatusMessage": "success", "Extra": None}
        return JSONResponse({"code": 0, "data": {}, "msg": "success", **done})

    app = Starlette(routes=[Route("/open-apis/bot/v2/hook/{token}", send, methods=["POST"])])
    async with served(Scripted(app, robot), listener):
        yield robot


def _too_many(taken: deque[float], now: float, count: int, seconds: float) -> bool:
    return len(taken) >= count and now - taken[-count] < seconds


def _fault(token: str, body: bytes, now: float, secret: str | None, keyword: str | None) -> tuple[int, str]:
    if token != TOKEN:
        return 19001, "param invalid: incoming webhook access token invalid"
    if len(body) > MAX_BODY:
        return 19036, "message content exceeds the limit"
    try:
        message = json.loads(body)
        text = shown(message)
    except (ValueError, KeyError, TypeError, AssertionError):
        return 9499, "Bad Request"
    if secret is not None and not _is_signed(message, secret, now):
        return 19021, "sign match fail or timestamp is not within one hour from current time"
    if keyword is not None and keyword not in text:
        return 19024, "Key Words Not Found"
    return 0, "success"


def _is_signed(message: Mapping[str, Any], secret: str, now: float) -> bool:
    timestamp = str(message.get("timestamp", "0"))
    mac = hmac.new(f"{timestamp}\n{secret}".encode(), digestmod=hashlib.sha256).digest()
    return abs(now - int(timestamp)) < 3600 and message.get("sign") == base64.b64encode(mac).decode()


def shown(message: Mapping[str, Any]) -> str:
    """What readers see, with links in Markdown. Raises KeyError, TypeError or AssertionError otherwise."""
    match message["msg_type"]:
        case "text":
            assert not message.keys() - {"timestamp", "sign", "msg_type", "content"}
            return str(message["content"]["text"])
        case "post":
            return _post(message["content"]["post"]["zh_cn"])
        case "interactive":
            return _card(message["card"])
    raise KeyError(message["msg_type"])


def _post(post: Mapping[str, Any]) -> str:
    paragraphs = ["".join(map(_tag, paragraph)) for paragraph in post["content"]]
    return "\n".join([post["title"], *paragraphs])


def _tag(tag: Mapping[str, str]) -> str:
    match tag["tag"]:
        case "text":
            return tag["text"]
        case "a":
            return f"[{tag['text']}]({tag['href']})"
        case "at":
            return f'<at user_id="{tag["user_id"]}"></at>'
    raise KeyError(tag["tag"])


def _card(card: Mapping[str, Any]) -> str:
    assert card["header"]["template"] in _TEMPLATES
    lines = [_plain(card["header"]["title"])]
    for element in card["elements"]:
        match element["tag"]:
            case "markdown":
                assert element["content"]
                lines.append(element["content"])
            case "div":
                lines.append(_plain(element["text"]))
            case "note":
                lines.extend(map(_plain, element["elements"]))
            case "action":
                assert element["actions"]
                lines.extend(f"[{_plain(one['text'])}]({one['url']})" for one in element["actions"])
            case tag:
                raise KeyError(tag)
    return "\n".join(lines)


def _plain(text: Mapping[str, Any]) -> str:
    assert text["tag"] == "plain_text"
    assert text["content"]
    return str(text["content"])
