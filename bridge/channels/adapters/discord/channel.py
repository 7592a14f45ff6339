"""Webhooks of Discord.

Source: "Webhook Resource", https://discord.com/developers/docs/resources/webhook,
"Message Resource", https://discord.com/developers/docs/resources/message (embeds, allowed mentions), and
"Rate Limits", https://discord.com/developers/docs/topics/rate-limits.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import httpx
import orjson

from bridge.channels.adapters.discord.chinese import CHINESE
from bridge.channels.base import Dead, Ok, Outcome, RateLimited, Unknown
from bridge.channels.content import Content
from bridge.channels.hook import PAUSE, Hook, HookSettings, TooLong
from bridge.channels.mentions import mentions
from bridge.channels.rendering import fitted
from bridge.channels.robot import markdown
from bridge.channels.text import neutral, unmarked
from bridge.channels.words import Tone
from bridge.config.people import ContactKey
from bridge.config.types import Shape
from bridge.model.notice import Notice
from bridge.runtime.http_client import Reply
from bridge.runtime.rate import Rate

_COLOURS: Final[dict[Tone, int]] = {"good": 0x2ECC71, "bad": 0xE74C3C, "neutral": 0x95A5A6}
# Without a version the vendor speaks an old one, in which times are in milliseconds.
_VERSIONED: Final = re.compile(r"/api/(?:v\d+/)?webhooks/")
_VERSION: Final = "/api/v10/webhooks/"
_INVALID_FORM: Final = 50035
_TOO_LARGE: Final = 40005
_TOO_LONG: Final = re.compile(r"MAX_LENGTH|MAX_EMBED_SIZE_EXCEEDED|or fewer in length")
_AGAIN: Final = "copy the webhook URL again, or make a new one"
_CLOSED: Final = "the thread is closed: open it, or take its thread_id out of the url"
_FORUM: Final = (
    "the channel is a forum: put the thread_id of one of its posts into the url, or choose a text channel"
)
_CURES: Final = {
    10003: f"the channel of the webhook was deleted: {_AGAIN}",
    10015: f"there is no such webhook: {_AGAIN}",
    50013: "the webhook may not post there: look at the permissions of the channel",
    50027: f"the URL is not valid: {_AGAIN}",
    50083: _CLOSED,
    160005: _CLOSED,
    220001: _FORUM,
}


class DiscordSettings(HookSettings):
    key_after = "/webhooks/"

    @classmethod
    def key(cls, url: httpx.URL) -> str:
        """What follows the ID of the webhook."""
        identity, _, rest = super().key(url).partition("/")
        return rest.partition("/")[0] if rest or identity.isdecimal() else identity


class Discord(Hook):
    """A message has one embed; mentions stand before it, since those in an embed notify no one."""

    kind = "DISCORD"
    chinese = CHINESE
    Settings = DiscordSettings
    peer = "Discord"
    contact = ContactKey(
        "discord_id",
        "The user ID (digits) by which Discord mentions this person.",
        Shape(r"[0-9]{15,20}", "is no user ID, which is of digits: copy it in developer mode"),
    )
    digest_size = 30
    rate = Rate(4, 10)  # the vendor's limits: 5 in two seconds and 30 a minute
    limits: ClassVar = (4_000, 2_800)  # in bytes; the vendor takes 4096 characters in the text of an embed

    def render(self, notice: Notice, limit: int) -> bytes:
        users = mentions(notice, self.context.contacts)
        return fitted(notice, self.context, lambda content: orjson.dumps(_message(content, users)), limit)

    def address(self) -> httpx.URL:
        """Discord is to wait until the message is there: otherwise its answer hides failures."""
        path = _VERSIONED.sub(_VERSION, self._url.path)
        return self._url.copy_with(path=path).copy_merge_params({"wait": "true"})

    def read(self, reply: Reply) -> Outcome | TooLong:
        data = reply.data if isinstance(reply.data, dict) else {}
        code = data.get("code")
        said = self.said(f"Discord answered {code}: {data.get('message', '')}")
        match reply.status:
            case 200 | 204 as status if status != 200 or isinstance(data.get("id"), str):  # noqa: PLR2004  # HTTP's number
                return Ok()
            case 429:
                return RateLimited(
                    "the server asks for fewer requests (HTTP 429)", _pause(data, reply.retry_after)
                )
            case 413:
                return TooLong(f"the server answered HTTP {reply.status}")
            case 400 | 401 | 403 | 404 if type(code) is int and code:
                return _failure(code, said, reply.text)
            case 200 if not reply.sign_in:
                what = f"is {reply.page}" if reply.page else "has no message in it"
                return Unknown(f"the answer {what}: it does not come from {self.peer}, check the url")
            case _:
                return self.unread(reply)


def _pause(data: dict[str, Any], header: float | None) -> float:
    """The seconds that Discord names in the body; the header rounds them up."""
    named = data.get("retry_after")
    in_body = float(named) if isinstance(named, int | float) else 0.0
    return max(in_body, header or 0.0) or PAUSE


def _failure(code: int, said: str, text: str) -> Outcome | TooLong:
    if code in _CURES:
        return Dead("config", f"{_CURES[code]} ({said})")
    if code == _TOO_LARGE or (code == _INVALID_FORM and _TOO_LONG.search(text)):
        return TooLong(said)
    return Dead("content", said)


def _message(content: Content, users: Sequence[str]) -> dict[str, Any]:
    lines = [unmarked(markdown(line)) for line in content.lines]
    if content.tail:
        lines += ["```", *map(neutral, content.tail), "```"]
    lines.append(markdown(content.footer))
    embed = {
        "title": content.heading(neutral),
        "description": "\n".join(lines),
        "color": _COLOURS[content.tone],
    }
    # An ID that cannot be one would have the whole message rejected.
    named = [user for user in users if user.isascii() and user.isdecimal()]
    message: dict[str, Any] = {"embeds": [embed], "allowed_mentions": {"parse": [], "users": named}}
    if users:
        message["content"] = " ".join(f"<@{user}>" for user in users)
    return message
