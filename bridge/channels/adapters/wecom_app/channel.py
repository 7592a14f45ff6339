"""Messages of a WeCom application to members of the company.

Source: "Get access_token", https://developer.work.weixin.qq.com/document/path/91039, "Send application
messages", https://developer.work.weixin.qq.com/document/path/90236, and "Global error codes",
https://developer.work.weixin.qq.com/document/path/90313.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import httpx
import orjson
from pydantic import AfterValidator, Field, model_validator

from bridge.channels.adapters.wecom_app.chinese import CHINESE
from bridge.channels.base import ChannelContext, Dead, Ok, Outcome, RateLimited, Retry, Unknown
from bridge.channels.content import Content, Line, Link
from bridge.channels.hook import ReachSettings, TooLong
from bridge.channels.rendering import fitted
from bridge.channels.robot import Robot
from bridge.channels.text import neutral
from bridge.channels.wecom_markdown import coloured
from bridge.config.types import PublicAddress, Secret, wrong
from bridge.errors import Permanent, Transient
from bridge.model.notice import Notice
from bridge.runtime.http_client import Reply, call_json
from bridge.runtime.rate import Rate

_CORPID: Final = re.compile(r"w[wx][A-Za-z0-9_-]{8,62}")
_EVERYONE: Final = "@all"
_MEMBER: Final = re.compile(rf"{_EVERYONE}|[A-Za-z0-9][A-Za-z0-9_.@-]{{0,63}}")
_OUR_ADDRESS: Final = re.compile(r"from ip: ([0-9A-Fa-f.:]{2,45})")
_MARGIN: Final = 300.0
"""Seconds before its end from which an access token is not used."""
_LONGEST: Final = 86_400.0
_REPEATS: Final = 1_800
"""Seconds within which the vendor delivers the same message once."""
_CONTENT_REJECTED: Final = {40008, 40033, 40035, 40058, 44004, 45002}
_UNKNOWN_APP: Final = "the secret is not valid: copy it from the page of the application again"
_UNKNOWN_COMPANY: Final = "there is no such company: copy `corpid` from 我的企业 again"
_OTHER_APP: Final = "the secret is that of another application: copy `agentid` and the secret from one page"
_NOBODY: Final = "`touser`, `toparty` and `totag` name no one who may see the application: check them"
_CURES: Final[Mapping[int, str]] = {
    40001: _UNKNOWN_APP,
    40091: _UNKNOWN_APP,
    41004: _UNKNOWN_APP,
    40013: _UNKNOWN_COMPANY,
    41002: _UNKNOWN_COMPANY,
    40056: _OTHER_APP,
    41011: _OTHER_APP,
    301002: _OTHER_APP,
    48002: "the application may not send messages: allow it in the administration",
    81013: _NOBODY,
    82001: _NOBODY,
}


def _whole_corpid(corpid: str) -> str:
    if not _CORPID.fullmatch(corpid):
        raise wrong("corpid", 'is the id of the company, "ww…": copy 企业 ID at the end of 我的企业')
    return corpid


def _member(name: str) -> str:
    if not _MEMBER.fullmatch(name):
        raise wrong("touser", 'is the user id of one member, or "@all"')
    return name


Number = Annotated[int, Field(ge=1, lt=2**31)]


class WeComAppSettings(ReachSettings):
    """The application, and to whom it writes."""

    corpid: Annotated[str, AfterValidator(_whole_corpid)]
    """The id of the company, such as ww0123456789abcdef."""
    secret: Secret
    """The Secret on the page of the application."""
    agentid: Number
    """The AgentId on the page of the application."""
    touser: Annotated[
        list[Annotated[str, AfterValidator(_member)]], Field(default_factory=list, max_length=1000)
    ]
    """The user ids of members, or "@all" alone: everyone who may see the application."""
    toparty: Annotated[list[Number], Field(default_factory=list, max_length=100)]
    """The numbers of departments."""
    totag: Annotated[list[Number], Field(default_factory=list, max_length=100)]
    """The numbers of tags."""
    form: Literal["markdown", "text"] = "markdown"
    """How a notice looks: markdown with colours, or text, which the WeChat plugin shows as well."""
    api: PublicAddress = "https://qyapi.weixin.qq.com"
    """Where the API is: another address for a relay of your own."""

    @property
    def where(self) -> str:
        return f"{self.api.rstrip('/')}/cgi-bin/message/send"

    @model_validator(mode="after")
    def _to_someone(self) -> Self:
        if not (self.touser or self.toparty or self.totag):
            raise wrong("touser", "a notice needs a recipient: set touser, toparty or totag")
        if _EVERYONE in self.touser and (len(self.touser) > 1 or self.toparty or self.totag):
            raise wrong("touser", '"@all" is everyone: leave the others out')
        return self


class _TokenOver(Retry):
    """The access token is not valid any more."""


class WeComApp(Robot):
    kind = "WECOM_APP"
    chinese = CHINESE
    Settings: ClassVar = WeComAppSettings
    peer = "WeCom"
    address_setting = "api"
    digest_size = 14
    # Members get 30 a minute and 1000 an hour; the vendor drops what is more, and answers 0.
    rate = Rate(16, 60)
    limits: ClassVar = (2_000, 1_500)  # the vendor's limit: 2048 bytes of content
    patience = 80.0
    """Four calls of up to 18 seconds: an access token, a message, and both once more."""

    def __init__(self, name: str, settings: WeComAppSettings, context: ChannelContext) -> None:
        super().__init__(name, settings, context, secrets=(settings.secret,))
        self._form = settings.form
        self._recipients = {
            "touser": "|".join(settings.touser),
            "toparty": "|".join(map(str, settings.toparty)),
            "totag": "|".join(map(str, settings.totag)),
        }
        self._agentid = settings.agentid
        self._credentials = {"corpid": settings.corpid, "corpsecret": settings.secret.reveal()}
        self._token = ""
        self._token_until = 0.0

    @classmethod
    def target(cls, settings: WeComAppSettings) -> str:
        """The vendor counts what an application writes to a member."""
        return f"{super().target(settings)} {settings.corpid} {settings.agentid}"

    def render(self, notice: Notice, limit: int) -> bytes:
        write = coloured if self._form == "markdown" else _plain

        def text(content: Content) -> bytes:
            return write(content).encode()

        message: dict[str, Any] = {
            **self._recipients,
            "msgtype": self._form,
            "agentid": self._agentid,
            self._form: {"content": fitted(notice, self.context, text, limit).decode()},
            "enable_duplicate_check": 1,
            "duplicate_check_interval": _REPEATS,
        }
        return orjson.dumps(message)

    def size(self, body: bytes) -> int:
        return len(orjson.loads(body)[self._form]["content"].encode())

    def address(self) -> httpx.URL:
        return self._url.copy_set_param("access_token", self._token)

    def said(self, text: str) -> str:
        return super().said(text.replace(self._token, "***") if self._token else text)

    def read(self, reply: Reply) -> Outcome | TooLong:
        """A message that some get is taken; the vendor names the others."""
        outcome = super().read(reply)
        data = reply.data if isinstance(reply.data, dict) else {}
        names = [data.get(each) for each in ("invaliduser", "invalidparty", "invalidtag", "unlicenseduser")]
        missed = "|".join(name for name in names if name and isinstance(name, str))
        if outcome == Ok() and missed:
            return Ok(f"not sent to {self.said(missed)}: unknown to WeCom, or may not see the application")
        return outcome

    def classify(self, code: int, message: str) -> Outcome | TooLong:
        said = f"WeCom answered {code}: {message.partition(', hint')[0]}"
        match code:
            case 0:
                outcome: Outcome | TooLong = Ok()
            case -1:
                outcome = Retry(said, 10)
            case 45009:
                outcome = RateLimited(said, 60)
            case 40014 | 41001 | 42001:
                outcome = _TokenOver(said)
            case 40058 | 45002 if "exceed" in message:
                outcome = TooLong(said)
            case 60020:
                found = _OUR_ADDRESS.search(message)
                us = found[1] if found else "the address of this machine"
                cure = f"add {us} to 企业可信 IP on the page of the application"
                outcome = Dead("config", f"{cure} ({said})")
            case _ if code in _CURES:
                outcome = Dead("config", f"{_CURES[code]} ({said})")
            case _:
                outcome = Dead("content", said) if code in _CONTENT_REJECTED else Retry(said)
        return outcome

    async def _post(self, notice: Notice, body: bytes) -> Outcome | TooLong:
        """A message with an access token, which is renewed once if the vendor ended it early."""
        outcome = await self._sent(notice, body)
        if isinstance(outcome, _TokenOver):
            self._token_until = 0.0
            outcome = await self._sent(notice, body)
        return Retry(outcome.why) if isinstance(outcome, _TokenOver) else outcome

    async def _sent(self, notice: Notice, body: bytes) -> Outcome | TooLong:
        if self.context.clock() >= self._token_until and (failure := await self._renew()):
            return failure
        return await super()._post(notice, body)

    async def _renew(self) -> Outcome | None:
        """Get an access token; the outcome if there is none: no message went out for sure."""
        url = self._url.copy_with(path=self._url.path.replace("message/send", "gettoken"))
        try:
            reply = await call_json("GET", str(url.copy_merge_params(self._credentials)), self._reach)
        except Transient as error:
            return Retry(str(error), error.after)
        except Permanent as error:
            return Dead("config", str(error))
        outcome = self.read(reply)
        if not isinstance(outcome, Ok):
            return Retry(outcome.why) if isinstance(outcome, Unknown | TooLong) else outcome
        data = reply.data if isinstance(reply.data, dict) else {}
        token, lasts = data.get("access_token"), data.get("expires_in")
        if not isinstance(token, str) or not 0 < len(token) <= 1024 or type(lasts) is not int:  # noqa: PLR2004  # the vendor's 512, and room
            return Retry("the answer has no access_token: it does not come from WeCom, check the api")
        self._token = token
        self._token_until = self.context.clock() + min(lasts, _LONGEST) - _MARGIN
        return None


def _plain(content: Content) -> str:
    """Text, in which the vendor knows links only."""
    lines = [content.heading(neutral)]
    lines.extend(map(_line, content.lines))
    lines.extend(map(neutral, content.tail))
    return "\n".join([*lines, _line(content.footer)])


def _line(line: Line) -> str:
    return "".join(
        f'<a href="{span.url}">{neutral(span.text)}</a>' if isinstance(span, Link) else neutral(span)
        for span in line
    )
