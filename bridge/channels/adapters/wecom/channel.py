"""WeCom group robots.

Source: "Group robot configuration", https://developer.work.weixin.qq.com/document/path/91770, and
"Global error codes", https://developer.work.weixin.qq.com/document/path/90313.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal

import orjson

from bridge.channels.adapters.wecom.chinese import CHINESE
from bridge.channels.base import ChannelContext, Dead, Ok, Outcome, RateLimited, Retry
from bridge.channels.content import DETAILS, Content, Line, Link
from bridge.channels.hook import HookSettings, TooLong
from bridge.channels.mentions import mentions
from bridge.channels.rendering import compose, fitted
from bridge.channels.robot import Robot, markdown
from bridge.channels.text import neutral, plain
from bridge.channels.wecom_markdown import coloured
from bridge.config.people import ContactKey
from bridge.config.types import Shape
from bridge.model.notice import DigestFacts, Notice

_RATE_LIMITED: Final = {45009: 60.0, 45033: 5.0}
_CONTENT_REJECTED: Final = {40008, 40033, 40035, 40058, 44004}
_TITLE: Final = 26
_SUBTITLE: Final = 30
_SUBTEXT: Final = 112
_BUTTON: Final = 13
"""Characters of the parts of a card, as the vendor recommends them."""
_SHORT: Final = DETAILS[4]
_TEXT: Final = 1_950
"""Bytes of a text: the vendor takes 2048."""
_BY_MOBILE: Final = "tel:"
"""No user id has a colon in it."""


class WeComSettings(HookSettings):
    key_after = "key="

    form: Literal["markdown", "markdown_v2", "card"] = "markdown"
    """How a notice looks that mentions no one: markdown with colours, markdown_v2 with lists, or a card."""


class WeCom(Robot):
    kind = "WECOM"
    chinese = CHINESE
    Settings = WeComSettings
    contact = ContactKey(
        "wecom_userid",
        "The user id by which WeCom mentions this person.",
        Shape(
            r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}",
            "is no user id: copy the 账号 of one member from the address book",
        ),
        instead=ContactKey(
            "wecom_mobile",
            "The mobile number by which WeCom mentions this person, where wecom_userid is not known.",
            Shape(r"\+?[0-9]{5,20}", 'is no mobile number: write its digits, such as "13800000000"'),
            mark=_BY_MOBILE,
        ),
    )
    digest_size = 32
    limits: ClassVar = (4_000, 2_000)  # the vendor's limit: 4096 bytes of markdown content

    def __init__(self, name: str, settings: WeComSettings, context: ChannelContext) -> None:
        super().__init__(name, settings, context)
        self._form = settings.form

    def render(self, notice: Notice, limit: int) -> bytes:
        """Only markdown mentions by user id, only text by mobile number, too; a card is about one build."""
        contacts = mentions(notice, self.context.contacts)
        userids = [contact for contact in contacts if not contact.startswith(_BY_MOBILE)]
        mobiles = [contact.removeprefix(_BY_MOBILE) for contact in contacts if contact not in userids]
        if mobiles:
            return self._text(notice, limit, userids, mobiles)
        form = "markdown" if userids else self._form
        if form == "card":
            content = compose(notice, self.context, _SHORT)
            link = next((span for span in content.footer if isinstance(span, Link)), None)
            if link and not isinstance(notice.facts, DigestFacts):
                return orjson.dumps({"msgtype": "template_card", "template_card": _card(content, link)})
            form = "markdown_v2"

        def text(content: Content) -> bytes:
            return (_listed(content) if form == "markdown_v2" else coloured(content, userids)).encode()

        shown = fitted(notice, self.context, text, limit).decode()
        return orjson.dumps({"msgtype": form, form: {"content": shown}})

    def _text(self, notice: Notice, limit: int, userids: Sequence[str], mobiles: Sequence[str]) -> bytes:
        shown = fitted(notice, self.context, lambda content: _plain(content).encode(), min(limit, _TEXT))
        text = {"content": shown.decode(), "mentioned_list": userids, "mentioned_mobile_list": mobiles}
        return orjson.dumps({"msgtype": "text", "text": text})

    def classify(self, code: int, message: str) -> Outcome | TooLong:
        # The hint names our own address and a trace id.
        said = f"WeCom answered {code}: {message.partition(', hint')[0]}"
        if code == 0:
            return Ok()
        if code == -1:
            return Retry(said, 10)
        if code in _RATE_LIMITED:
            return RateLimited(said, _RATE_LIMITED[code])
        if code in {40058, 93000} and "exceed max length" in message:
            return TooLong(said)
        if code == 93000:  # noqa: PLR2004  # the vendor's number
            return Dead("config", f"the key is not valid: copy the robot's address again ({said})")
        return Dead("content", said) if code in _CONTENT_REJECTED else Retry(said)


def _listed(content: Content) -> str:
    """The markdown of newer clients: with lists and code, but neither colours nor mentions."""
    lines = [f"### {content.heading(neutral)}"]
    lines.extend(f"- {markdown(line)}" for line in content.lines)
    if content.tail:
        lines += ["```", *map(neutral, content.tail), "```"]
    return "\n".join([*lines, "", markdown(content.footer)])


def _card(content: Content, link: Link) -> dict[str, Any]:
    """A card about one build; a tap on it opens the log."""
    lines = "\n".join(_shown(line) for line in content.lines)
    subject = neutral(content.subject)
    title = f"{content.mark} {content.status or subject}"
    return {
        "card_type": "text_notice",
        "main_title": {
            "title": plain(title, _TITLE),
            **({"desc": plain(subject, _SUBTITLE)} if content.status else {}),
        },
        "sub_title_text": lines if len(lines) <= _SUBTEXT else f"{lines[: _SUBTEXT - 1].rstrip()}…",
        "jump_list": [{"type": 1, "title": plain(link.text, _BUTTON), "url": link.url}],
        "card_action": {"type": 1, "url": link.url},
    }


def _shown(line: Line) -> str:
    return "".join(neutral(span.text if isinstance(span, Link) else span) for span in line)


def _plain(content: Content) -> str:
    """Text, in which clients make a link of a URL."""
    lines = [content.heading(neutral)]
    lines.extend(map(_shown, content.lines))
    lines.extend(map(neutral, content.tail))
    footer = (f"{neutral(s.text)} {s.url}" if isinstance(s, Link) else neutral(s) for s in content.footer)
    return "\n".join([*lines, "".join(footer)])
