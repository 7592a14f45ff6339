"""The robot of the demonstration refuses what the vendor refuses."""

import json
from typing import Any

import httpx
import pytest

from bridge.demo.robot import Message, robot_app

GOOD = json.dumps({"msgtype": "markdown", "markdown": {"title": "a deploy", "text": "b"}}).encode()
JSON = {"content-type": "application/json; charset=utf-8"}
NOW = 1_700_000_000.0
# For the secret `this is secret` at NOW.
SIGN = "sSFWELbV2YwjdDQhWZwTcWlX5BWUx5J6TPpsZmuPii0="
QUERY = {"access_token": "t0ken", "timestamp": "1700000000000", "sign": SIGN}


async def ask(taken: list[Message], method: str = "POST", **changes: Any) -> int:
    app = robot_app(
        token="t0ken",
        secret="this is secret",
        keywords=("deploy",),
        clock=lambda: NOW,
        on_message=taken.append,
    )
    request = {"params": QUERY, "headers": JSON, "content": GOOD} | changes
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://robot") as client:
        response = await client.request(method, "/robot/send", **request)
    assert response.status_code == 200
    return int(response.json()["errcode"])


async def test_a_good_message_is_taken() -> None:
    taken: list[Message] = []
    assert await ask(taken) == 0
    assert taken == [json.loads(GOOD)]


def body(kind: str, **part: Any) -> bytes:
    return json.dumps({"msgtype": kind, kind: part}).encode()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": "GET"}, 43002),
        ({"headers": {"content-type": "text/plain"}}, 43004),
        ({"params": {}}, 40035),
        ({"params": QUERY | {"access_token": "other"}}, 300005),
        ({"content": b" " * 20_001}, 460101),
        ({"content": b"{"}, 40035),
        ({"content": b"[" * 10_000}, 40035),
        ({"content": b"\xff"}, 40035),
        ({"content": b"[]"}, 400105),
        ({"content": body("video")}, 400105),
        ({"content": body("markdown", title="deploy")}, 40035),
        ({"content": body("markdown", title="deploy", text=1)}, 40035),
        ({"content": body("text", content="nothing")}, 310000),
        ({"params": QUERY | {"timestamp": "now"}}, 310000),
        ({"params": QUERY | {"timestamp": "1700003600001"}}, 310000),
        ({"params": QUERY | {"sign": "?"}}, 310000),
        ({"params": QUERY | {"sign": "AAAA"}}, 310000),
    ],
)
async def test_a_bad_message_is_rejected_with_the_vendors_code(changes: dict[str, Any], code: int) -> None:
    taken: list[Message] = []
    assert await ask(taken, **changes) == code
    assert taken == []
