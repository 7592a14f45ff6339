"""WeCom group robots.

Source: "Group robot configuration", https://developer.work.weixin.qq.com/document/path/91770, and
"Global error codes", https://developer.work.weixin.qq.com/document/path/90313.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

import orjson

from bridge.channels.base import Dead, Ok, Outcome, RateLimited, Retry
from bridge.channels.content import Content
from bridge.channels.hook import HookSettings, TooLong
from bridge.channels.mentions import mentions
from bridge.channels.rendering import fitted
from bridge.channels.robot import Robot, markdown
from bridge.channels.text import neutral, neutral_line
from bridge.channels.words import Tone
from bridge.config.people import ContactKey
from bridge.model.notice import Notice

_COLOURS: Final[dict[Tone, str]] = {"good": "info", "bad": "warning", "neutral": "comment"}
_RATE_LIMITED: Final = {45009: 60.0, 45033: 5.0}
_CONTENT_REJECTED: Final = {40008, 40033, 40035, 40058, 44004}


class WeComSettings(HookSettings):
    key_after = "key="


class WeCom(Robot):
    kind = "WECOM"
    Settings = WeComSettings
    contact = ContactKey("wecom_userid", "The user id by which WeCom mentions this person.")
    digest_size = 32
    limits: ClassVar = (4_000, 2_000)  # the vendor's limit: 4096 bytes of markdown content

    def render(self, notice: Notice, limit: int) -> bytes:
        userids = mentions(notice, self.context.contacts)

        def text(content: Content) -> bytes:
            return _text(content, userids).encode()

        content = fitted(notice, self.context, text, limit).decode()
        return orjson.dumps({"msgtype": "markdown", "markdown": {"content": content}})

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


def _text(content: Content, userids: Sequence[str]) -> str:
    """The markdown that robots render: headings, quotes, links and three colours, but no lists."""
    colour = _COLOURS[content.tone]
    lines = [
        f'### {content.mark} <font color="{colour}">{content.status}</font> · {neutral(content.subject)}'
    ]
    lines.extend(f"> {markdown(line)}" for line in content.lines)
    lines.extend(f'> <font color="comment">{neutral_line(line)}</font>' for line in content.tail)
    lines.append(markdown(content.footer))
    if userids:
        lines.append(" ".join(f"<@{userid}>" for userid in userids))
    return "\n".join(lines)
