"""A WeCom robot on loopback that checks what the vendor documents."""

import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.fake_robots import FakeRobot, Scripted, bound_listener, served

WECOM_KEY = "693a91f6-7aaa-4bc4-97a0-0ec2sifa5aaa"


@asynccontextmanager
async def wecom_robot(clock: Callable[[], float]) -> AsyncIterator[FakeRobot]:
    """A WeCom robot: its key, a POST of JSON in UTF-8, at most 4096 bytes (text: 2048), 20 a minute."""
    listener = bound_listener()
    port = listener.getsockname()[1]
    robot = FakeRobot(f"http://127.0.0.1:{port}/cgi-bin/webhook/send?key={WECOM_KEY}")
    taken: deque[float] = deque(maxlen=20)

    async def send(request: Request) -> Response:
        body = await request.body()
        code, words = _wecom_fault(request, body)
        if not code and len(taken) == 20 and clock() - taken[0] < 60:
            code, words = 45009, "api freq out of limit"
        if code:
            return JSONResponse({"errcode": code, "errmsg": f"{words}, hint: [1], from ip: 192.0.2.7"})
        taken.append(clock())
        robot.messages.append(json.loads(body))
        return JSONResponse({"errcode": 0, "errmsg": "ok"})

    app = Starlette(routes=[Route("/cgi-bin/webhook/send", send, methods=["GET", "POST"])])
    async with served(Scripted(app, robot), listener):
        yield robot


def _wecom_fault(request: Request, body: bytes) -> tuple[int, str]:
    if request.method != "POST":
        return 43002, "require POST method"
    if request.query_params.get("key") != WECOM_KEY:
        return 93000, "invalid webhook url"
    if b"\\u" in body:
        return 40033, "invalid charset: escapes are forbidden"
    message = json.loads(body)
    match message.get("msgtype"):
        case "text" | "markdown" | "markdown_v2" as form:
            return _wecom_length_fault(form, message[form]["content"])
        case "template_card":
            return _wecom_card_fault(message["template_card"])
    return 40008, "invalid message type"


def _wecom_length_fault(form: str, content: str) -> tuple[int, str]:
    if not content:
        return 44004, "content is empty"
    longest = 2048 if form == "text" else 4096
    if len(content.encode()) > longest:
        return 40058, f"{form}.content exceed max length {longest}"
    return 0, "ok"


def _wecom_card_fault(card: Mapping[str, Any]) -> tuple[int, str]:
    """A text_notice: it needs an action, and a title or a text; the recommended lengths are kept to."""
    title, text, jumps = card.get("main_title", {}), card.get("sub_title_text", ""), card.get("jump_list", [])
    if card.get("card_type") != "text_notice" or not (title or text):
        return 40058, "invalid template_card"
    if card.get("card_action", {}).get("type") != 1 or not card["card_action"].get("url"):
        return 40058, "template_card.card_action missing"
    lengths = [(title.get("title", ""), 26), (title.get("desc", ""), 30), (text, 112)]
    lengths += [(jump["title"], 13) for jump in jumps]
    if len(jumps) > 3 or any(len(part) > longest for part, longest in lengths):
        return 40058, "template_card: a part is too long"
    return 0, "ok"


def mentioned(message: Mapping[str, Any]) -> set[str]:
    """Who is mentioned: by user id in the words, or by the lists, which only a text has."""
    form = message["msgtype"]
    part = message[form]
    found = re.findall(r"<@([\w.@-]+)>", part["content"]) if form in {"text", "markdown"} else []
    lists = (part.get(name, []) for name in ("mentioned_list", "mentioned_mobile_list"))
    return {*found, *(one for each in lists for one in each if form == "text")}


def shown(message: Mapping[str, Any]) -> str:
    """What a reader sees of a message."""
    form = message["msgtype"]
    if form != "template_card":
        return str(message[form]["content"])
    card = message[form]
    title = card["main_title"]
    jumps = (f"[{jump['title']}]({jump['url']})" for jump in card["jump_list"])
    return "\n".join([title["title"], title["desc"], card["sub_title_text"], *jumps])
