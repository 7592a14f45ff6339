"""Feishu (Lark) group robots.

Source: "Custom bot usage guide",
https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import orjson
from pydantic import Field

from bridge.channels.adapters.feishu.chinese import CHINESE
from bridge.channels.base import ChannelContext, Dead, Ok, Outcome, RateLimited, Retry
from bridge.channels.content import Content, Link, Span
from bridge.channels.hook import HookSettings, TooLong
from bridge.channels.mentions import mentions
from bridge.channels.rendering import fitted
from bridge.channels.robot import Robot, markdown
from bridge.channels.text import neutral, unmarked
from bridge.channels.words import Tone
from bridge.config.people import ContactKey
from bridge.config.types import Secret, Shape
from bridge.model.notice import Notice
from bridge.runtime.rate import Rate

_COLOURS: Final[dict[Tone, str]] = {"good": "green", "bad": "red", "neutral": "grey"}
_RATE_LIMITED: Final = 11232
_TOO_LONG: Final = 19036
_CONTENT_REJECTED: Final = {9499, 19002}
_SIGNATURE: Final = 19021
_UNSIGNED: Final = "the robot asks for a signature: set `secret` to the key of its security setting"
_CURES: Final = {
    19001: "there is no such robot: copy the robot's address again",
    _SIGNATURE: "the signature does not match: check `secret`, and this machine's clock",
    19022: "the robot does not accept our address: add it to the robot's IP whitelist",
    19024: "the robot asks for a keyword: set `keyword` to one of its keywords",
}


class FeishuSettings(HookSettings):
    """The robot's security settings decide whether `secret` or `keyword` is needed."""

    key_after = "/bot/v2/hook/"

    secret: Secret | None = None
    """The key of the robot, if its security setting is the signature."""
    keyword: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\r\n]+$")] | None = None
    """One of the keywords of the robot, if its security setting is "custom keywords"."""
    form: Literal["card", "post", "text"] = "card"
    """How a notice looks: a card with a coloured header and a button, rich text, or plain text."""


class Feishu(Robot):
    kind = "FEISHU"
    chinese = CHINESE
    Settings = FeishuSettings
    contact = ContactKey(
        "feishu_open_id",
        "The open_id (ou_…) by which Feishu mentions this person.",
        Shape(r"(?!all$)[A-Za-z0-9_-]{1,64}", "is no open_id of a person: it looks like ou_7d8a6e6df7621556"),
    )
    digest_size = 90
    rate = Rate(4, 2.5)  # the vendor's limits: 5 a second and 100 a minute
    limits: ClassVar = (18_000, 4_000)  # the vendor's limit: 20 KB of request body
    fields = ("code", "msg")
    proofs = frozenset({"timestamp", "sign"})

    def __init__(self, name: str, settings: FeishuSettings, context: ChannelContext) -> None:
        super().__init__(name, settings, context, secrets=(settings.secret,) if settings.secret else ())
        self._secret = settings.secret
        self._keyword = settings.keyword
        self._form = _FORMS[settings.form]

    def render(self, notice: Notice, limit: int) -> bytes:
        open_ids = mentions(notice, self.context.contacts)

        def body(content: Content) -> bytes:
            return orjson.dumps(self._signed(self._form(content, self._missing(content), open_ids)))

        return fitted(notice, self.context, body, limit)

    def classify(self, code: int, message: str) -> Outcome | TooLong:
        said = f"Feishu answered {code}: {message}"
        if code == 0:
            return Ok()
        if code == _TOO_LONG:
            return TooLong(said)
        if code == _RATE_LIMITED:
            return RateLimited(said, 60)
        if cure := _UNSIGNED if code == _SIGNATURE and self._secret is None else _CURES.get(code):
            return Dead("config", f"{cure} ({said})")
        return Dead("content", said) if code in _CONTENT_REJECTED else Retry(said)

    def _signed(self, message: dict[str, Any]) -> dict[str, Any]:
        """The signature is a part of the body, and good for an hour."""
        if self._secret is None:
            return message
        now = int(self.context.clock())
        return {"timestamp": str(now), "sign": signature(self._secret.reveal(), now), **message}

    def _missing(self, content: Content) -> str:
        """The keyword, if it is in none of the texts that each form shows."""
        spans = [span for line in (*content.lines, content.footer) for span in line if isinstance(span, str)]
        keyword = self._keyword or ""
        return "" if any(keyword in neutral(text) for text in (*spans, *content.tail)) else keyword


Message = dict[str, Any]


def _card(content: Content, keyword: str, open_ids: Sequence[str]) -> Message:
    """A card of one column, with a button for each link of the footer."""
    text = "\n".join(unmarked(markdown(line)) for line in content.lines)
    buttons = [
        {"tag": "button", "text": _plain(span.text), "type": "primary", "url": span.url}
        for span in content.footer
        if isinstance(span, Link)
    ]
    note = "".join(span for span in content.footer if isinstance(span, str)).removeprefix(" · ")
    elements: list[Message] = [{"tag": "markdown", "content": text}] if text else []
    if content.tail:
        elements.append({"tag": "div", "text": _plain("\n".join(map(neutral, content.tail)))})
    if buttons:
        elements.append({"tag": "action", "actions": buttons})
    elements.append({"tag": "note", "elements": [_plain(f"{neutral(note)} {keyword}".rstrip())]})
    if open_ids:
        mentioned = " ".join(f"<at id={each}></at>" for each in open_ids)
        elements.append({"tag": "markdown", "content": mentioned})
    header = {"template": _COLOURS[content.tone], "title": _plain(content.heading(neutral))}
    card = {"config": {"wide_screen_mode": True}, "header": header, "elements": elements}
    return {"msg_type": "interactive", "card": card}


def _post(content: Content, keyword: str, open_ids: Sequence[str]) -> Message:
    """Rich text, with a paragraph for each line."""
    lines = [*content.lines, *((line,) for line in content.tail), content.footer]
    paragraphs = [[_tag(span) for span in line] for line in lines]
    if keyword:
        paragraphs.append([{"tag": "text", "text": keyword}])
    if open_ids:
        paragraphs.append([{"tag": "at", "user_id": each} for each in open_ids])
    post = {"title": content.heading(neutral), "content": paragraphs}
    return {"msg_type": "post", "content": {"post": {"zh_cn": post}}}


def _tag(span: Span) -> dict[str, str]:
    if isinstance(span, Link):
        return {"tag": "a", "text": neutral(span.text), "href": span.url}
    return {"tag": "text", "text": neutral(span)}


def _text(content: Content, keyword: str, open_ids: Sequence[str]) -> Message:
    """Plain text, in which an address is its own link: only those of the footer are shown."""
    lines = [content.heading(neutral)]
    lines.extend("".join(neutral(_words(span)) for span in line) for line in content.lines)
    lines.extend(map(neutral, content.tail))
    lines.append("".join(_with_address(span) for span in content.footer))
    if keyword:
        lines.append(keyword)
    if open_ids:
        lines.append(" ".join(f'<at user_id="{each}"></at>' for each in open_ids))
    return {"msg_type": "text", "content": {"text": "\n".join(lines)}}


def _words(span: Span) -> str:
    return span.text if isinstance(span, Link) else span


def _with_address(span: Span) -> str:
    return f"{neutral(span.text)} {span.url}" if isinstance(span, Link) else neutral(span)


_FORMS: Final[Mapping[str, Callable[[Content, str, Sequence[str]], Message]]] = {
    "card": _card,
    "post": _post,
    "text": _text,
}


def _plain(text: str) -> dict[str, str]:
    return {"tag": "plain_text", "content": text}


def signature(secret: str, timestamp: int) -> str:
    """The robot's "sign" for a time in Unix seconds, in base64: the text is the key of an empty message."""
    digest = hmac.new(f"{timestamp}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
