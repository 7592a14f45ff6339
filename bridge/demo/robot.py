"""A DingTalk group robot on this machine: it checks what the vendor's robot checks, and answers the same.

Source: "Custom robot access", https://open.dingtalk.com/document/robots/custom-robot-access, and
"Robot security settings", https://open.dingtalk.com/document/robots/customize-robot-security-settings.
Every answer is HTTP 200; only `errcode` shows an error.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bridge.runtime.clock import Clock

MAX_BODY: Final = 20_000
WINDOW: Final = 60.0
LIMIT: Final = 20
THROTTLE: Final = 600.0
SKEW: Final = 3600.0

Message = Mapping[str, Any]
"""An accepted request body."""

_REQUIRED: Final = {"text": ("content",), "markdown": ("title", "text"), "actionCard": ("title", "text")}


class RobotError(Exception):
    """A rejection: the vendor's code and words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class Throttle:
    """At most 20 messages in any minute; after one more, the robot rejects all for ten minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: deque[float] = deque(maxlen=LIMIT)
        self._until = 0.0

    def check(self) -> None:
        """Count one message. Raises RobotError."""
        now = self._clock()
        if now >= self._until and len(self._taken) == LIMIT and now - self._taken[0] < WINDOW:
            self._until = now + THROTTLE
        if now < self._until:
            raise RobotError(130101, "send too fast, exceed 20 times per minute")
        self._taken.append(now)


class Robot:
    """One robot of one group, with its security settings: `secret` signs, one of `keywords` must occur."""

    def __init__(self, *, token: str, secret: str | None, keywords: tuple[str, ...], clock: Clock) -> None:
        self._token = token
        self._secret = secret
        self._keywords = keywords
        self._clock = clock
        self._throttle = Throttle(clock)

    def accept(
        self, method: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Message:
        """The message. Raises RobotError."""
        if method != "POST":
            raise RobotError(43002, "require POST method")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RobotError(43004, "invalid content-type: application/json is required")
        if "access_token" not in query:
            raise RobotError(40035, "missing parameter access_token")
        if not hmac.compare_digest(query["access_token"].encode(), self._token.encode()):
            raise RobotError(300005, "token is not exist")
        if len(body) > MAX_BODY:
            raise RobotError(460101, "message too long, exceed 20000 bytes")
        message = _message(body)
        self._check_signature(query)
        part = message[message["msgtype"]]
        shown = "\n".join(value for value in part.values() if isinstance(value, str))
        if self._keywords and not any(word in shown for word in self._keywords):
            raise RobotError(310000, "keywords not in content, more: [https://ding-doc.dingtalk.com]")
        self._throttle.check()
        return message

    def _check_signature(self, query: Mapping[str, str]) -> None:
        if self._secret is None:
            return
        stamp = query.get("timestamp", "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):  # noqa: PLR2004  # digits of a far future
            raise RobotError(310000, "invalid timestamp")
        if abs(self._clock() - int(stamp) / 1000) > SKEW:
            raise RobotError(310000, "invalid timestamp")
        expected = hmac.digest(self._secret.encode(), f"{stamp}\n{self._secret}".encode(), hashlib.sha256)
        try:
            given = base64.b64decode(query.get("sign", ""), validate=True)
        except (binascii.Error, ValueError):
            given = b""
        if not hmac.compare_digest(given, expected):
            raise RobotError(310000, "sign not match")


def _message(body: bytes) -> Message:
    try:
        message = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise RobotError(40035, "invalid json") from None
    kind = message.get("msgtype") if isinstance(message, dict) else None
    if not isinstance(kind, str) or kind not in _REQUIRED:
        raise RobotError(400105, "unsupported msgtype")
    assert isinstance(message, dict)
    part = message.get(kind)
    if not isinstance(part, dict) or not all(
        isinstance(value, str) or name == "btns" for name, value in part.items()
    ):
        raise RobotError(40035, f"invalid parameter {kind}")
    for field in _REQUIRED[kind]:
        if not part.get(field, "").strip():
            raise RobotError(40035, f"missing parameter {field}")
    if kind == "actionCard" and not _has_buttons(part):
        raise RobotError(40035, "missing parameter btns")
    return message


def _has_buttons(card: Mapping[str, Any]) -> bool:
    """Whether a card has one button for all of it, or a list of buttons."""
    if card.get("singleTitle") and card.get("singleURL"):
        return True
    buttons = card.get("btns")
    return (
        isinstance(buttons, list)
        and bool(buttons)
        and all(
            isinstance(button, dict) and button.get("title") and button.get("actionURL") for button in buttons
        )
    )


def robot_app(
    *,
    token: str,
    secret: str | None = None,
    keywords: tuple[str, ...] = (),
    clock: Clock,
    on_message: Callable[[Message], None],
) -> Starlette:
    """The robot at `/robot/send`; `on_message` gets each accepted message."""
    robot = Robot(token=token, secret=secret, keywords=keywords, clock=clock)

    async def send(request: Request) -> JSONResponse:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                break
        try:
            message = robot.accept(request.method, request.query_params, request.headers, body)
        except RobotError as error:
            return JSONResponse({"errcode": error.code, "errmsg": str(error)})
        on_message(message)
        return JSONResponse({"errcode": 0, "errmsg": "ok"})

    return Starlette(routes=[Route("/robot/send", send, methods=["GET", "POST"])])
