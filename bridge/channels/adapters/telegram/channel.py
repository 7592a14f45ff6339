"""Telegram bots.

Source: "Telegram Bot API", https://core.telegram.org/bots/api (sendMessage, formatting options,
ResponseParameters), and "Bots FAQ", https://core.telegram.org/bots/faq (how often a bot may write).
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

import httpx
import orjson
from pydantic import AfterValidator, Field

from bridge.channels.adapters.telegram.chinese import CHINESE
from bridge.channels.base import ChannelContext, Dead, Ok, Outcome, RateLimited, Retry, Unknown
from bridge.channels.content import Content, Line, Link
from bridge.channels.hook import PAUSE, Hook, ReachSettings, TooLong
from bridge.channels.mentions import mentions
from bridge.channels.rendering import fitted
from bridge.channels.text import neutral
from bridge.config.people import ContactKey
from bridge.config.types import PublicAddress, Secret, Shape, wrong
from bridge.model.notice import Notice
from bridge.runtime.http_client import Reply
from bridge.runtime.rate import Rate

_TOKEN: Final = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{16,100}")
_CHAT: Final = re.compile(r"-?[0-9]{1,16}|@[A-Za-z][A-Za-z0-9_]{3,31}")
_TAG: Final = re.compile(r"<[^<>]*>")
_CURES: Final[Mapping[str, str]] = {
    "chat not found": "the bot knows no such chat: check `chat`, and that the bot was added to it",
    "peer_id_invalid": "the bot knows no such chat: check `chat`, and that the bot was added to it",
    "thread not found": "the group has no such topic: check `thread`",
    "topic_closed": "the topic is closed: open it again, or name another one in `thread`",
    "topic_deleted": "the topic was deleted: name another one in `thread`",
    "not enough rights": "the bot may not post there: allow it in the permissions of the group",
    "write_forbidden": "the bot may not post there: allow it in the permissions of the group",
    "administrator rights": "the bot may not post there: make it an administrator of the channel",
    "kicked": "the bot was removed from the group: add it again",
    "not a member": "the bot is not in the group: add it",
    "group chat was deleted": "the group was deleted: name another one in `chat`",
    "blocked by the user": "the person has blocked the bot: they have to start it again",
    "initiate conversation": "a bot cannot write first: the person has to open it and press Start",
    "deactivated": "the account of that person is gone: name another one in `chat`",
}
"""By a part of the vendor's words, in small letters."""


def _whole_token(token: Secret) -> Secret:
    if not _TOKEN.fullmatch(token.reveal()):
        raise wrong("token", 'this is not the whole text of a bot, "123456789:AA…": copy it from @BotFather')
    return token


def _chat(chat: int | str) -> int | str:
    if not _CHAT.fullmatch(str(chat)):
        raise wrong("chat", "is the id of a chat, such as -1001234567890, or the @name of a public one")
    return chat


class TelegramSettings(ReachSettings):
    """The bot and the chat that it writes to."""

    token: Annotated[Secret, AfterValidator(_whole_token)]
    """The text from @BotFather that lets a program speak for the bot."""
    chat: Annotated[int | str, AfterValidator(_chat)]
    """The id of the chat, such as -1001234567890, or the @name of a public group or channel."""
    thread: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    """The number of a topic, in a group that has topics."""
    api: PublicAddress = "https://api.telegram.org"
    """Where the Bot API is: another address for a server of your own."""

    @property
    def where(self) -> str:
        return f"{self.api.rstrip('/')}/bot{self.token.reveal()}/sendMessage"


class Telegram(Hook):
    kind = "TELEGRAM"
    chinese = CHINESE
    Settings = TelegramSettings
    peer = "Telegram"
    address_setting = "api"
    contact = ContactKey(
        "telegram_username",
        "The username, without @, by which Telegram mentions this person.",
        Shape(
            r"@?[A-Za-z][A-Za-z0-9_]{3,31}", "is no username: it has letters, digits and _, such as alice_2"
        ),
    )
    digest_size = 36
    rate = Rate(18, 60)  # the vendor allows 20 a minute in a group; two remain for people who try things
    limits: ClassVar = (4_000, 2_000)  # the vendor takes 4096 characters, after the tags are taken out

    def __init__(self, name: str, settings: TelegramSettings, context: ChannelContext) -> None:
        super().__init__(name, settings, context, secrets=(settings.token,))
        self._chat = settings.chat
        self._thread = settings.thread

    @classmethod
    def target(cls, settings: TelegramSettings) -> str:
        """The vendor counts what a bot writes to a chat."""
        return f"{super().target(settings)} {settings.chat}"

    def render(self, notice: Notice, limit: int) -> bytes:
        usernames = mentions(notice, self.context.contacts)

        def text(content: Content) -> bytes:
            return _html(content, usernames).encode()

        message: dict[str, Any] = {
            "chat_id": self._chat,
            "text": fitted(notice, self.context, text, limit, _units).decode(),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }
        if self._thread is not None:
            message["message_thread_id"] = self._thread
        return orjson.dumps(message)

    def size(self, body: bytes) -> int:
        return _units(orjson.loads(body)["text"].encode())

    def read(self, reply: Reply) -> Outcome | TooLong:
        """Success is `ok: true`; a failure has the vendor's number and words."""
        data = reply.data if isinstance(reply.data, dict) else {}
        if reply.status == httpx.codes.OK and data.get("ok") is True:
            return Ok()
        if data.get("ok") is not False or not isinstance(data.get("description"), str):
            if reply.status == httpx.codes.OK and not reply.sign_in:
                what = f"is {reply.page}" if reply.page else "has no ok"
                return Unknown(f"the answer {what}: it does not come from {self.peer}, check the api")
            return self.unread(reply)
        parameters = data.get("parameters")
        return self._refused(reply, data["description"], parameters if isinstance(parameters, dict) else {})

    def _refused(self, reply: Reply, words: str, parameters: Mapping[str, Any]) -> Outcome | TooLong:
        said = f"Telegram answered {reply.status}: {self.said(words)}"
        moved_to = parameters.get("migrate_to_chat_id")
        match reply.status:
            case 429:
                after = parameters.get("retry_after")
                return RateLimited(said, after if type(after) is int else reply.retry_after or PAUSE)
            case 400 if type(moved_to) is int:
                self._chat = moved_to
                return Retry(f"the group is a supergroup now: set `chat` to {moved_to} ({said})", 1)
            case 400 if "message is too long" in words:
                return TooLong(said)
            case 400 | 401 | 403 | 404 as status:
                cure = _cure(status, words.lower())
                return Dead("config", f"{cure} ({said})") if cure else Dead("content", said)
            case _:
                return self.unread(reply)


def _cure(status: int, words: str) -> str | None:
    """What to do about a refusal of the bot or its chat; None where the message was refused."""
    if status in {401, 404}:
        return "there is no such bot: copy `token` from @BotFather again"
    found = next((cure for part, cure in _CURES.items() if part in words), None)
    return found or ("the bot may not write to the chat" if status == httpx.codes.FORBIDDEN else None)


def _html(content: Content, usernames: Sequence[str]) -> str:
    """The vendor's HTML, in texts of which a client finds no link or mention by itself."""
    lines = [f"<b>{content.heading(_text, status=_text)}</b>"]
    lines.extend(map(_line, content.lines))
    if content.tail:
        tail = "\n".join(map(_text, content.tail))
        lines.append(f"<pre>{tail}</pre>")
    lines.append(_line(content.footer))
    if usernames:
        lines.append(" ".join(f"@{html.escape(each.removeprefix('@'))}" for each in usernames))
    return "\n".join(lines)


def _line(line: Line) -> str:
    return "".join(
        f'<a href="{html.escape(span.url)}">{_text(span.text)}</a>' if isinstance(span, Link) else _text(span)
        for span in line
    )


def _text(text: str) -> str:
    return html.escape(neutral(text), quote=False)


def _units(text: bytes) -> int:
    """What the vendor counts: UTF-16 code units of what is shown."""
    shown = html.unescape(_TAG.sub("", text.decode()))
    return len(shown.encode("utf-16-le")) // 2
