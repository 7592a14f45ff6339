"""A workflow of Teams on loopback: it accepts what has its key, and tells no one what Teams refuses."""

import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from support.fake_robots import FakeRobot, Scripted, bound_listener, served

WORKFLOW = "0ec499be4b1f4e0d8f0a5d2c7b9e6a31"
KEY = "kSig-OfTheTests_1Xq0v3ZpT0kenW8yR2n5b7d9f1g"
PATH = f"/workflows/{WORKFLOW}/triggers/manual/paths/invoke"
QUERY = f"api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={KEY}"
MAX_CARD = 28_000
MAX_CARDS, MAX_SECONDS = 25, 300
_COLOURS = {"Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"}
_LOOKS: Mapping[str, Collection[object]] = {
    "type": {"TextBlock"},
    "wrap": {True},
    "isSubtle": {True, False},
    "color": _COLOURS,
    "weight": {"Lighter", "Default", "Bolder"},
    "size": {"Small", "Default", "Medium", "Large", "ExtraLarge"},
    "fontType": {"Default", "Monospace"},
}


@dataclass
class Workflow(FakeRobot):
    """Beside what robots have, why Teams did not take what the workflow had accepted."""

    refused: list[str] = field(default_factory=list)


@asynccontextmanager
async def teams_workflow(clock: Callable[[], float]) -> AsyncIterator[Workflow]:
    """Cards of at most about 28 KB, 25 in five minutes."""
    listener = bound_listener()
    port = listener.getsockname()[1]
    workflow = Workflow(f"http://127.0.0.1:{port}{PATH}?{QUERY}")
    posted: deque[float] = deque(maxlen=MAX_CARDS)

    async def invoke(request: Request) -> Response:
        if request.path_params["workflow"] != WORKFLOW:
            return failure(404, "WorkflowNotFound", f"The workflow '{WORKFLOW}' could not be found.")
        if request.scope["query_string"].decode() != QUERY:
            words = "The request must be authenticated only by Shared Access scheme."
            return failure(401, "DirectApiInvalidAuthorizationScheme", words)
        body = await request.body()
        try:
            message = json.loads(body)
        except ValueError:
            return failure(400, "InvalidRequestContent", "The request content is not valid.")
        why = _fault(message, len(body))
        if len(posted) == MAX_CARDS and clock() - posted[0] < MAX_SECONDS:
            why = "too many cards"
        if why:
            workflow.refused.append(why)
        else:
            posted.append(clock())
            workflow.messages.append(message)
        return Response(status_code=202)

    app = Starlette(routes=[Route(PATH.replace(WORKFLOW, "{workflow}"), invoke, methods=["POST"])])
    async with served(Scripted(app, workflow), listener):
        yield workflow


def failure(status: int, code: str, words: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": words}}, status)


def _fault(message: Mapping[str, Any], size: int) -> str | None:
    if size > MAX_CARD:
        return "RequestEntityTooLarge"
    try:
        _check(message)
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _check(message: Mapping[str, Any]) -> None:
    """Raises what Teams would say of a card that it does not show."""
    assert message.keys() == {"type", "attachments"}
    assert message["type"] == "message"
    (attachment,) = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.2")
    assert card["body"]
    for block in card["body"]:
        assert block["text"].strip(), block
        assert all(block[name] in _LOOKS[name] for name in block.keys() - {"text"}), block
    for action in card["actions"]:
        assert action.keys() == {"type", "title", "url"}
        assert action["type"] == "Action.OpenUrl"
        assert action["title"]
        assert action["url"].startswith(("https://", "http://"))
    texts = "\n".join(block["text"] for block in card["body"])
    for entity in card["msteams"]["entities"]:
        assert entity["type"] == "mention"
        assert entity["text"] in texts
        assert entity["text"] == f"<at>{entity['mentioned']['name']}</at>"
        assert entity["mentioned"]["id"]


def shown(message: Mapping[str, Any]) -> str:
    """What readers see; buttons stand before the last text as links in Markdown."""
    card = message["attachments"][0]["content"]
    *texts, last = (block["text"].replace("\n\n", "\n") for block in card["body"])
    buttons = [f"[{action['title']}]({action['url']})" for action in card["actions"]]
    return "\n".join([*texts, *buttons, last])
