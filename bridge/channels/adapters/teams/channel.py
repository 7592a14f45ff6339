"""Channels of Microsoft Teams, by the webhook of a workflow that posts cards.

Source: "Microsoft Teams", https://learn.microsoft.com/connectors/teams (trigger, limits), and
"Format cards in Teams", https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

import orjson

from bridge.channels.adapters.teams.chinese import CHINESE
from bridge.channels.base import Dead, Ok, Outcome, Unknown
from bridge.channels.content import Content, Link
from bridge.channels.hook import Hook, HookSettings, TooLong
from bridge.channels.mentions import mentions
from bridge.channels.rendering import fitted
from bridge.channels.robot import markdown
from bridge.channels.text import neutral, neutral_line, unmarked
from bridge.channels.words import Tone
from bridge.config.people import ContactKey
from bridge.config.types import Shape
from bridge.model.notice import Notice
from bridge.runtime.http_client import Reply
from bridge.runtime.rate import Rate

_COLOURS: Final[dict[Tone, str]] = {"good": "Good", "bad": "Attention", "neutral": "Default"}
_ACCEPTED: Final = "the workflow accepted it: only its run history shows whether Teams took the card"
_AGAIN: Final = "copy the workflow's URL again"
_OFF: Final = "the workflow is turned off or deleted: turn it on, or copy the URL of another one"
_CURES: Final = {
    "DirectApiAuthorizationRequired": f"the workflow asks for a login: let anyone trigger it, and {_AGAIN}",
    "WorkflowTriggerIsNotEnabled": _OFF,
    "MissingApiVersionParameter": f"the URL is not whole: {_AGAIN}",
    "InvalidApiVersionParameter": f"the URL is not whole: {_AGAIN}",
}
_NO_KEY: Final = f"the workflow does not accept the key in the URL: {_AGAIN}"
_OTHER_CURES: Final = {401: _NO_KEY, 403: _NO_KEY, 404: _OFF}


class TeamsSettings(HookSettings):
    key_after = "sig="


class Teams(Hook):
    """Success is that the workflow took the card: if Teams refuses it, only the workflow hears of it."""

    kind = "TEAMS"
    chinese = CHINESE
    Settings = TeamsSettings
    peer = "the workflow"
    contact = ContactKey(
        "teams_id",
        "The user principal name or object ID by which Teams mentions this person.",
        Shape(
            r"[^\s@]+@[^\s@]+|[0-9A-Fa-f-]{36}",
            "is no user principal name and no object ID: it looks like alice@example.com",
        ),
    )
    digest_size = 90
    rate = Rate(4, 60)  # a connection posts 25 cards in 5 minutes, and drops more in silence
    limits: ClassVar = (20_000, 8_000)  # the vendor takes "about 28 KB", some have seen 21 KB

    def render(self, notice: Notice, limit: int) -> bytes:
        users = mentions(notice, self.context.contacts)
        return fitted(notice, self.context, lambda content: orjson.dumps(_message(content, users)), limit)

    def read(self, reply: Reply) -> Outcome | TooLong:
        code, words = _error(reply.data)
        said = f"the workflow answered HTTP {reply.status}"
        if code:
            said = f"{said}: {self.said(f'{code}: {words}')}"
        if reply.status == 202 and not reply.page:  # noqa: PLR2004  # HTTP's number
            return Ok(_ACCEPTED)
        if reply.status == 413:  # noqa: PLR2004  # HTTP's number
            return TooLong(said)
        if code and reply.status in {400, 401, 403, 404}:
            cure = _CURES.get(code) or _OTHER_CURES.get(reply.status)
            return Dead("config", f"{cure} ({said})") if cure else Dead("content", said)
        if reply.status in {200, 202} and not reply.sign_in:
            what = f"is {reply.page}" if reply.page else "is not 202"
            return Unknown(f"the answer {what}: it does not come from {self.peer}, check the url")
        return self.unread(reply)


def _error(data: object) -> tuple[str, str]:
    """The code and the words of a failure; "" where there are none."""
    error = data.get("error") if isinstance(data, dict) else None
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("code") or ""), str(error.get("message") or "")


def _message(content: Content, users: Sequence[str]) -> dict[str, Any]:
    """One card: the heading, the lines, the end of the log, and a button for each link of the footer."""
    note = "".join(span for span in content.footer if isinstance(span, str)).removeprefix(" · ")
    heading = content.heading(neutral)
    body = [_text([heading], weight="Bolder", size="Medium", color=_COLOURS[content.tone])]
    if content.lines:
        body.append(_text(unmarked(markdown(line)) for line in content.lines))
    if content.tail:
        body.append(_text(map(neutral_line, content.tail), fontType="Monospace", size="Small"))
    body.append(_text([neutral_line(note)], isSubtle=True, size="Small"))
    if users:
        body.append(_text([" ".join(map(_mention, users))]))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
        "actions": [
            {"type": "Action.OpenUrl", "title": span.text, "url": span.url}
            for span in content.footer
            if isinstance(span, Link)
        ],
        "msteams": {"width": "Full", "entities": [_entity(user) for user in users]},
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _text(lines: Iterable[str], **look: object) -> dict[str, object]:
    """In the Markdown of a card a line ends where a paragraph does."""
    return {"type": "TextBlock", "text": "\n\n".join(lines), "wrap": True, **look}


def _mention(user: str) -> str:
    return f"<at>{user}</at>"


def _entity(user: str) -> dict[str, object]:
    """Who is meant by the words of a mention, which have no effect without it."""
    return {"type": "mention", "text": _mention(user), "mentioned": {"id": user, "name": user}}
