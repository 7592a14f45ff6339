"""DingTalk group robots.

Source: "Custom robot access", https://open.dingtalk.com/document/robots/custom-robot-access, and
"Custom robot security settings",
https://open.dingtalk.com/document/robots/customize-robot-security-settings.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal

import httpx
import orjson
from pydantic import Field

from bridge.channels.adapters.dingtalk.chinese import CHINESE
from bridge.channels.base import ChannelContext, Dead, Ok, Outcome, RateLimited, Retry
from bridge.channels.content import Content, Link
from bridge.channels.hook import HookSettings, TooLong
from bridge.channels.mentions import mentions
from bridge.channels.rendering import fitted
from bridge.channels.robot import Robot, markdown
from bridge.channels.text import neutral, neutral_line
from bridge.config.people import ContactKey
from bridge.config.types import Secret, Shape
from bridge.model.notice import Notice

THROTTLE: Final = 600.0

_NO_ROBOT: Final = {
    300001: "the token does not exist: copy the robot's address again",
    300005: "the token does not exist: copy the robot's address again",
    400101: "the token does not exist: copy the robot's address again",
    400013: "the group was dissolved",
    400102: "the robot was stopped in the group's settings",
    400106: "the robot was removed from the group",
}
_RATE_LIMITED: Final = {130101, 410100}
_TOO_LONG: Final = {460101, 101002}
_SECURITY_CODE: Final = 310000
_CONTENT_REJECTED: Final = {40035, 43002, 43004, 400105, 430101, 430102, 430103, 430104}
_SECURITY: Final = (
    (("keyword", "关键词"), "the robot asks for a keyword: set `keyword` to one of its keywords"),
    # Before the signature: the Chinese text calls an old one a signature that has expired.
    (("invalid timestamp", "签名过期"), "the robot does not accept our time: set this machine's clock"),
    (("sign", "签名"), "the signature does not match: check `secret` against the robot's settings"),
    (("whitelist", "白名单"), "the robot does not accept our address: add it to the robot's IP ranges"),
)
"""The vendor answers in English or in Chinese."""
_UNSIGNED: Final = "the robot asks for a signature: set `secret` to the text of its security setting"
_ASKS_FOR_SIGNATURE: Final = frozenset({_SECURITY[1], _SECURITY[2]})


class DingTalkSettings(HookSettings):
    """The robot's security setting decides whether `secret` or `keyword` is needed."""

    key_after = "access_token="

    secret: Secret | None = None
    """The secret of the robot, if its security setting is "sign"."""
    keyword: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\r\n]+$")] | None = None
    """One of the keywords of the robot, if its security setting is "keywords"."""
    form: Literal["markdown", "card"] = "markdown"
    """How a notice looks: markdown, or a card with buttons for its links."""


class DingTalk(Robot):
    kind = "DING_TALK"
    chinese = CHINESE
    Settings = DingTalkSettings
    contact = ContactKey(
        "dingtalk_mobile",
        "The mobile number by which DingTalk mentions this person.",
        Shape(r"\+?[0-9][0-9-]{4,19}", 'is no mobile number: write its digits, such as "13800000000"'),
    )
    digest_size = 100
    limits: ClassVar = (18_000, 4_000)  # the vendor's limit: 20 000 bytes of request body

    def __init__(self, name: str, settings: DingTalkSettings, context: ChannelContext) -> None:
        super().__init__(name, settings, context, secrets=(settings.secret,) if settings.secret else ())
        self._secret = settings.secret
        self._keyword = settings.keyword
        self._form = settings.form

    def render(self, notice: Notice, limit: int) -> bytes:
        mobiles = mentions(notice, self.context.contacts)

        def body(content: Content) -> bytes:
            return orjson.dumps(self._message(content, mobiles))

        return fitted(notice, self.context, body, limit)

    def _message(self, content: Content, mobiles: Sequence[str]) -> dict[str, object]:
        """A card needs a button: what has no link is markdown."""
        links = [span for span in content.footer if isinstance(span, Link)] if self._form == "card" else []
        footer = content.footer
        if links:
            footer = tuple(span for span in footer if span not in links)
        title = content.title
        blocks = [f"### {content.heading(neutral)}"]
        blocks.append("\n".join(f"- {markdown(line)}" for line in content.lines))
        blocks.append("  \n".join(f"> {neutral_line(line)}" for line in content.tail))
        blocks.append(markdown(footer).removeprefix(" · "))
        if self._keyword and self._keyword not in title:
            title = f"{title} {self._keyword}"
        if self._keyword and not any(self._keyword in block for block in blocks):
            blocks.append(self._keyword)
        if mobiles:  # a mention needs both the token in the text and the number in `at`
            blocks.append(" ".join(f"@{mobile}" for mobile in mobiles))
        shown: dict[str, object] = {"title": title, "text": "\n\n".join(filter(None, blocks))}
        message: dict[str, object] = {"msgtype": "markdown", "markdown": shown}
        if links:
            buttons = [{"title": neutral(link.text), "actionURL": link.url} for link in links]
            card = shown | {"btnOrientation": "1", "btns": buttons}
            message = {"msgtype": "actionCard", "actionCard": card}
        return message | ({"at": {"atMobiles": [*mobiles], "isAtAll": False}} if mobiles else {})

    def address(self) -> httpx.URL:
        if self._secret is None:
            return self._url
        now = int(self.context.clock() * 1000)
        sign = signature(self._secret.reveal(), now)
        return self._url.copy_merge_params({"timestamp": str(now), "sign": sign})

    def classify(self, code: int, message: str) -> Outcome | TooLong:
        said = f"DingTalk answered {code}: {message}"
        if code == 0:
            return Ok()
        if code in _TOO_LONG:
            return TooLong(said)
        if _rate_limited(code, message.lower()):
            return RateLimited(said, THROTTLE)
        if code == _SECURITY_CODE:
            return Dead("config", f"{self._cure(message.lower())} ({said})")
        return _rejected(code, said) or Retry(said, 30 if code == -1 else None)

    def _cure(self, message: str) -> str:
        """One code stands for all security settings; the text names which."""
        found = next((one for one in _SECURITY if any(word in message for word in one[0])), None)
        if found is None:
            return "a security setting of the robot rejects us"
        return _UNSIGNED if self._secret is None and found in _ASKS_FOR_SIGNATURE else found[1]


def _rejected(code: int, said: str) -> Dead | None:
    if code in _CONTENT_REJECTED:
        return Dead("content", said)
    return Dead("config", f"{_NO_ROBOT[code]} ({said})") if code in _NO_ROBOT else None


def _rate_limited(code: int, message: str) -> bool:
    """The vendor has used several codes for its limit of 20 a minute; the text names the limit."""
    return (
        code in _RATE_LIMITED
        or "too fast" in message
        or "限流" in message
        or ("exceed" in message and "per minute" in message)
    )


def signature(secret: str, timestamp: int) -> str:
    """The robot's "sign" for a time in Unix milliseconds: base64, not yet percent-encoded."""
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
