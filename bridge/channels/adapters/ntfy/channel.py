"""Push notifications by ntfy, of ntfy.sh or of a server of one's own.

Source: "Publishing", https://docs.ntfy.sh/publish/ (as JSON, limitations), and the codes of failures in
https://github.com/binwiederhier/ntfy/blob/main/server/errors.go.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, ClassVar, Final, Self

import httpx
import orjson
from pydantic import model_validator

from bridge.channels.adapters.ntfy.chinese import CHINESE
from bridge.channels.base import ChannelContext, Dead, Ok, Outcome, RateLimited, Retry, Unknown
from bridge.channels.content import Content, Link
from bridge.channels.hook import PAUSE, Hook, HookSettings, TooLong
from bridge.channels.rendering import fitted
from bridge.channels.text import neutral
from bridge.config.types import Secret, wrong
from bridge.model.notice import Notice
from bridge.runtime.http_client import Reply
from bridge.runtime.rate import Rate

_TOPIC: Final = re.compile(r"/[-_A-Za-z0-9]{1,64}")
_URGENT, _NORMAL = 5, 3
_TOO_LONG: Final = frozenset({40014, 41301, 41303})  # what is over the limit becomes an attachment
_DAILY: Final = 42908
_DAILY_PAUSE: Final = 3600.0
_NO_SUBSCRIBER: Final = 50701
_LOGIN: Final = 40101
_ASKS_LOGIN: Final = "the server asks for a login: set `token` to an access token"
_CURES: Final = {
    40009: "the topic is not valid: choose another one",
    40010: "the server does not allow this topic: choose another one",
    _LOGIN: "the server does not know `token`: make another one",
    40301: "no right to write to the topic: allow it on the server (ntfy access)",
}


class NtfySettings(HookSettings):
    """`url` is that of the topic, whose name is a password where everyone may read."""

    token: Secret | None = None
    """An access token (tk_…), if the server asks for one."""

    @model_validator(mode="after")
    def _has_topic(self) -> Self:
        if not _TOPIC.fullmatch(httpx.URL(self.url.reveal()).path):
            problem = (
                "the URL has to end with one topic of letters, digits, - and _, as https://ntfy.sh/TOPIC does"
            )
            raise wrong("url", problem)
        return self

    @classmethod
    def key(cls, url: httpx.URL) -> str:
        return url.path.removeprefix("/") or "/"  # `_has_topic` says what is missing


class Ntfy(Hook):
    kind = "NTFY"
    chinese = CHINESE
    Settings = NtfySettings
    peer = "the ntfy server"
    digest_size = 30
    rate = Rate(10, 60)  # the server's default: 60 at once, then one in 5 seconds
    limits: ClassVar = (4_000, 2_600)  # the server takes 4096 bytes of message
    proofs: ClassVar = frozenset({"topic"})

    def __init__(self, name: str, settings: NtfySettings, context: ChannelContext) -> None:
        super().__init__(name, settings, context, secrets=(settings.token,) if settings.token else ())
        self._topic = settings.key(self._url)
        self._token = settings.token

    @classmethod
    def target(cls, settings: HookSettings) -> str:
        """The host and the user: the server counts by user, or by address without one, for all topics."""
        assert isinstance(settings, NtfySettings)
        user = settings.token.reveal() if settings.token else ""
        url = httpx.URL(settings.url.reveal())
        return f"{url.netloc.decode()} {sha256(user.encode()).hexdigest()[:16]}"

    def render(self, notice: Notice, limit: int) -> bytes:
        def body(content: Content) -> bytes:
            return orjson.dumps({"topic": self._topic, **_message(content), "tags": [notice.event]})

        return fitted(notice, self.context, body, limit)

    def address(self) -> httpx.URL:
        """Documents go to the root of the server; they name the topic."""
        return self._url.copy_with(raw_path=b"/")

    def headers(self, notice: Notice, body: bytes) -> Mapping[str, str]:  # noqa: ARG002  # it signs nothing
        return {"Authorization": f"Bearer {self._token.reveal()}"} if self._token else {}

    def read(self, reply: Reply) -> Outcome | TooLong:
        data = reply.data if isinstance(reply.data, dict) else {}
        code = data.get("code")
        if type(code) is int and code // 100 == reply.status:
            return self._failure(code, self.said(f"ntfy answered {code}: {data.get('error', '')}"), reply)
        if reply.status == 200 and not reply.sign_in:  # noqa: PLR2004  # HTTP's number
            if isinstance(data.get("id"), str) and data.get("event") == "message":
                return Ok()
            what = f"is {reply.page}" if reply.page else "has no message in it"
            return Unknown(f"the answer {what}: it does not come from {self.peer}, check the url")
        return self.unread(reply)

    def _failure(self, code: int, said: str, reply: Reply) -> Outcome | TooLong:
        if code in _TOO_LONG:
            return TooLong(said)
        if code == _NO_SUBSCRIBER:
            return Retry(f"subscribe to the topic first, or choose one that does not begin with up ({said})")
        if cure := _ASKS_LOGIN if code == _LOGIN and self._token is None else _CURES.get(code):
            return Dead("config", f"{cure} ({said})")
        match reply.status:
            case 429:
                return RateLimited(said, _DAILY_PAUSE if code == _DAILY else reply.retry_after or PAUSE)
            case 400 | 413:
                return Dead("content", said)
            case _:
                return self.unread(reply)


def _message(content: Content) -> dict[str, Any]:
    """Plain text; a tap on it opens the page of the log, or else the first one that it names."""
    lines = ["".join(s.text if isinstance(s, Link) else s for s in line) for line in content.lines]
    note = "".join(span for span in content.footer if isinstance(span, str)).removeprefix(" · ")
    spans = [*content.footer, *(span for line in content.lines for span in line)]
    pages = [span.url for span in spans if isinstance(span, Link)]
    return {
        "title": content.heading(neutral),
        "message": neutral("\n".join([*lines, *content.tail, note])),
        "priority": _URGENT if content.tone == "bad" else _NORMAL,
        **({"click": pages[0]} if pages else {}),
    }
