"""The API of WeCom applications on loopback, which checks what the vendor documents."""

import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.fake_robots import FakeRobot, Script, bound_listener, served

CORPID = "ww693a91f67aaa4bc4"
SECRET = "HGq8Wm-secret_of_the_tests_0123456789abcdefg"
AGENTID = 1000002
TOKEN = "accesstoken-of-the-tests-"
"""Followed by the number of the renewal."""
LASTS = 7200
MEMBERS = {"alice", "bob"}
MAX_BYTES = 2048
SEND = "/cgi-bin/message/send"


@dataclass
class FakeApi(FakeRobot):
    """A running API; the scripts are answers to messages, `token_scripts` those to gettoken."""

    trusted: bool = True
    renewals: list[float] = field(default_factory=list)
    """When an access token was given."""
    ended: bool = False
    """Whether the vendor has ended the newest access token before its time."""
    bodies: list[bytes] = field(default_factory=list)
    """Of messages, as they came."""
    token_scripts: deque[Script] = field(default_factory=deque)
    delivered: dict[str, float] = field(default_factory=dict)

    def token_fault(self, token: str | None, now: float) -> tuple[int, str]:
        if not token:
            return 41001, "access_token missing"
        if token != f"{TOKEN}{len(self.renewals)}":
            return 40014, f"invalid access_token {token}"
        over = self.ended or now >= self.renewals[-1] + LASTS
        return (42001, "access_token expired") if over else (0, "ok")


@asynccontextmanager
async def wecom_api(clock: Callable[[], float]) -> AsyncIterator[FakeApi]:
    """One application of one company with two members, who get 30 messages a minute.

    What is more, and what repeats a message within the interval, is answered with 0 and dropped.
    """
    listener = bound_listener()
    api = FakeApi(f"http://127.0.0.1:{listener.getsockname()[1]}{SEND}")
    taken: deque[float] = deque(maxlen=30)

    async def gettoken(request: Request) -> Response:
        if api.token_scripts:
            return await api.token_scripts.popleft()(request)
        asked = request.query_params
        code, words = _credentials_fault(asked.get("corpid"), asked.get("corpsecret"), trusted=api.trusted)
        if code:
            return _told(code, words)
        api.renewals.append(clock())
        api.ended = False
        return _told(0, "ok", access_token=f"{TOKEN}{len(api.renewals)}", expires_in=LASTS)

    async def send(request: Request) -> Response:
        body = await request.body()
        api.requests.append(str(request.url))
        api.bodies.append(body)
        if api.scripted:
            return await api.scripted.popleft()(request)
        code, words = api.token_fault(request.query_params.get("access_token"), clock())
        message = json.loads(body)
        if not code:
            code, words = _fault(message)
        if code:
            return _told(code, words)
        known, unknown = _recipients(message)
        if not known:
            return _told(81013, "user & party & tag all invalid")
        repeated = clock() - api.delivered.get(body.decode(), -1e9) < message["duplicate_check_interval"]
        over = len(taken) == 30 and clock() - taken[0] < 60
        if not (repeated or over):
            taken.append(clock())
            api.delivered[body.decode()] = clock()
            api.messages.append(message)
        return _told(0, "ok", invaliduser="|".join(unknown), msgid=f"msg{len(api.messages)}")

    app = Starlette(
        routes=[
            Route("/cgi-bin/gettoken", gettoken, methods=["GET"]),
            Route(SEND, send, methods=["POST"]),
        ]
    )
    async with served(app, listener):
        yield api


def _told(code: int, words: str, **more: Any) -> Response:
    hint = ", hint: [1], from ip: 192.0.2.7, more info at https://open.work.weixin.qq.com" if code else ""
    return JSONResponse({"errcode": code, "errmsg": f"{words}{hint}", **more})


def _credentials_fault(corpid: str | None, secret: str | None, *, trusted: bool) -> tuple[int, str]:
    if corpid != CORPID:
        return 40013, "invalid corpid"
    if secret != SECRET:
        return 40001, "invalid credential"
    return (0, "ok") if trusted else (60020, "not allow to access from your ip")


def _recipients(message: Mapping[str, Any]) -> tuple[set[str], list[str]]:
    named = [name for name in message["touser"].split("|") if name]
    if named == ["@all"]:
        return MEMBERS, []
    known = {*named} & MEMBERS | {name for name in (message["toparty"], message["totag"]) if name == "2"}
    return known, [name for name in named if name not in MEMBERS]


def _fault(message: Mapping[str, Any]) -> tuple[int, str]:
    if message["agentid"] != AGENTID:
        return 40056, "invalid agentid"
    if message["enable_duplicate_check"] != 1 or not 0 < message["duplicate_check_interval"] <= 4 * 3600:
        return 40035, "invalid parameter"
    if message["msgtype"] not in {"markdown", "text"}:
        return 40008, "invalid message type"
    content = message[message["msgtype"]]["content"]
    if not content:
        return 44004, "content is empty"
    if len(content.encode()) > MAX_BYTES:
        return 40058, f"{message['msgtype']}.content exceed max length {MAX_BYTES}"
    return 0, "ok"
