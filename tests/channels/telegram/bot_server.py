"""A server of the Telegram Bot API on loopback that checks what the vendor documents."""

import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.fake_robots import FakeRobot, Script, Scripted, answer, bound_listener, served

TOKEN = "987654321:AAE-t0kenOfTheTests_0123456789abcdef"
CHAT = -1001234567890
THREAD = 7
MAX_UNITS = 4096
_MAX_ENTITIES = 100
_A_MINUTE = 20
_TAGS = {"b", "pre", "a"}


class _Shown(HTMLParser):
    """What is shown of a message, and its tags. Raises ValueError where the vendor's parser refuses it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags = "", list[str]()
        self._open: list[str] = []
        if re.search(r"&(?!(?:amp|lt|gt|quot|#\d+|#x[0-9a-f]+);)", text):
            raise ValueError("bare ampersand")
        self.feed(text)
        self.close()
        if self._open:
            raise ValueError("can't find end tag")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS or [name for name, _ in attrs] != (["href"] if tag == "a" else []):
            raise ValueError(f"unsupported start tag {tag}")
        self.tags.append(tag)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            raise ValueError("unexpected end tag")

    def handle_data(self, data: str) -> None:
        if "<" in data and not self.rawdata.count("&lt;"):
            raise ValueError("unescaped character")
        self.text += data


def units(text: str) -> int:
    """The UTF-16 code units of what is shown of a text in HTML."""
    return len(_Shown(text).text.encode("utf-16-le")) // 2


def refusal(code: int, description: str, **parameters: int) -> dict[str, Any]:
    told = {"ok": False, "error_code": code, "description": description}
    return told | ({"parameters": parameters} if parameters else {})


def refuses(code: int, description: str, **parameters: int) -> Script:
    """The script of this refusal."""
    return answer(code, json.dumps(refusal(code, description, **parameters)).encode())


@asynccontextmanager
async def bot_server(clock: Callable[[], float]) -> AsyncIterator[FakeRobot]:
    """One bot in one group with one topic; twenty messages a minute."""
    listener = bound_listener()
    port = listener.getsockname()[1]
    bot = FakeRobot(f"http://127.0.0.1:{port}/bot{TOKEN}/sendMessage")
    taken: deque[float] = deque(maxlen=_A_MINUTE)

    async def send(request: Request) -> Response:
        if request.path_params["token"] != TOKEN:
            return _told(refusal(401, "Unauthorized"))
        message = json.loads(await request.body())
        try:
            fault = _fault(message)
        except ValueError as error:
            fault = f"can't parse entities: {error}"
        if fault:
            return _told(refusal(400, f"Bad Request: {fault}"))
        if len(taken) == _A_MINUTE and clock() - taken[0] < 60:
            return _told(refusal(429, "Too Many Requests: retry after 33", retry_after=33))
        taken.append(clock())
        bot.messages.append(message)
        return JSONResponse({"ok": True, "result": {"message_id": len(bot.messages), "date": int(clock())}})

    app = Starlette(routes=[Route("/bot{token}/sendMessage", send, methods=["POST"])])
    async with served(Scripted(app, bot), listener):
        yield bot


def _told(body: Mapping[str, Any]) -> Response:
    return JSONResponse(body, body["error_code"])


def _fault(message: Mapping[str, Any]) -> str | None:
    if message["chat_id"] != CHAT:
        return "chat not found"
    if message.get("message_thread_id", THREAD) != THREAD:
        return "message thread not found"
    if message["parse_mode"] != "HTML" or not message["link_preview_options"]["is_disabled"]:
        return "unsupported parse_mode"
    shown = _Shown(message["text"])
    if not shown.text.strip():
        return "message text is empty"
    if len(shown.text.encode("utf-16-le")) // 2 > MAX_UNITS:
        return "message is too long"
    return "too many entities" if len(shown.tags) > _MAX_ENTITIES else None
