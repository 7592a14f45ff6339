"""The base of group robots: the URL is a credential, and the JSON answer decides the outcome."""

import re
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Final, Self

import httpx
from pydantic import model_validator

from bridge.channels.base import Channel, ChannelContext, Dead, Outcome, RateLimited, Retry, Unknown
from bridge.channels.content import Link, Span
from bridge.channels.text import neutral, plain
from bridge.config.types import ConfigPath, Secret, Strict, wrong
from bridge.errors import Permanent, Transient
from bridge.model.notice import Notice
from bridge.runtime.http_client import AnswerLost, ReachPolicy, Reply, post_json, url_fault
from bridge.runtime.rate import Rate

_SHORTEST_HIDDEN: Final = 6
_MAX_ERRMSG: Final = 1000
_SERVER_ERROR: Final = 500


class RobotSettings(Strict):
    """The URL of the robot, and how to reach it."""

    parameter: ClassVar[str]
    """The query parameter that makes the URL a password."""

    url: Secret
    """The address of the robot, with its key."""
    allow_private: bool = False
    """Whether the robot may stand at a private address or be called without TLS."""
    proxy: Secret | None = None
    """The HTTP proxy to go through."""
    ca_file: ConfigPath | None = None
    """Authorities to trust instead of the public ones (a PEM file)."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        url = self.url.reveal()
        if fault := url_fault(url, allow_private=self.allow_private):
            raise wrong("url", fault)
        if not httpx.URL(url).params.get(self.parameter):
            raise wrong("url", f"the URL has no {self.parameter}=…: copy the robot's webhook address whole")
        if self.proxy and (fault := url_fault(self.proxy.reveal(), allow_private=True)):
            raise wrong("proxy", f"the proxy is not usable: {fault}")
        return self


@dataclass(frozen=True, slots=True)
class TooLong:
    """The robot rejected the notice for its length."""

    why: str


class Robot(Channel):
    """A group robot. Subclasses render a notice, build the address and classify an answer."""

    rate = Rate(18, 60)  # the vendors allow 20; two remain for manual tests
    limits: ClassVar[tuple[int, int]]
    """In bytes: the target size, and the size of one further attempt after the robot answers "too long"."""

    def __init__(
        self, name: str, settings: RobotSettings, context: ChannelContext, *, secret: Secret | None = None
    ) -> None:
        self.name = name
        self.context = context
        self._url = httpx.URL(settings.url.reveal())
        proxy = settings.proxy.reveal() if settings.proxy else None
        self._reach = ReachPolicy(allow_private=settings.allow_private, proxy=proxy, ca_file=settings.ca_file)
        hidden = (str(self._url), proxy, secret.reveal() if secret else None, *self._url.params.values())
        self._hidden = re.compile(
            "|".join(re.escape(text) for text in hidden if text and len(text) >= _SHORTEST_HIDDEN) or r"(?!)"
        )

    @classmethod
    def target(cls, settings: RobotSettings) -> str:
        """The host and the token: under how many names they are configured does not matter to the vendor."""
        url = httpx.URL(settings.url.reveal())
        token = url.params[settings.parameter]
        return f"{url.host} {sha256(url.netloc + b' ' + token.encode()).hexdigest()[:16]}"

    async def send(self, notice: Notice) -> Outcome:
        body = self.render(notice, self.limits[0])
        outcome = await self._post(body)
        if isinstance(outcome, TooLong):
            shorter = self.render(notice, min(self.limits[1], len(body) * 2 // 3))
            if len(shorter) < len(body):
                outcome = await self._post(shorter)
        return Dead("content", outcome.why) if isinstance(outcome, TooLong) else outcome

    @abstractmethod
    def render(self, notice: Notice, limit: int) -> bytes:
        """The request's body."""

    @abstractmethod
    def address(self) -> httpx.URL:
        """The URL of this attempt."""

    @abstractmethod
    def classify(self, code: int, message: str) -> Outcome | TooLong:
        """The outcome of an error code; `message` is one line without secrets and control characters."""

    async def _post(self, body: bytes) -> Outcome | TooLong:
        try:
            reply = await post_json(str(self.address()), body, self._reach)
        except AnswerLost as error:
            return Unknown(str(error))
        except Transient as error:
            return Retry(str(error), error.after)
        except Permanent as error:
            return Dead("config", str(error))
        return self._read(reply)

    def _read(self, reply: Reply) -> Outcome | TooLong:
        """Only the errcode 0 is success: the robots answer HTTP 200 to failures, too."""
        match reply.status, reply.data:
            case 200, {"errcode": int(code), **rest} if not isinstance(code, bool):
                message = self._hidden.sub("***", str(rest.get("errmsg", ""))[:_MAX_ERRMSG])
                return self.classify(code, plain(message, 200))
            case 429, _:
                return RateLimited("the server asks for fewer requests (HTTP 429)", reply.retry_after or 60)
            case status, _ if reply.sign_in:
                return Retry(
                    f"{reply.page} answers in place of the robot (HTTP {status}): check the url, "
                    "and any proxy or portal on the way"
                )
            case 200, _:
                what = f"is {reply.page}" if reply.page else "has no errcode"
                return Unknown(f"the answer {what}: it does not come from the robot, check the url")
            case (301 | 302 | 303 | 307 | 308) as status, _:
                return Retry(
                    f"the server redirects (HTTP {status}), and the bridge does not follow: check the url"
                )
            case status, _:
                return (Unknown if status >= _SERVER_ERROR else Retry)(f"the server answered HTTP {status}")


def markdown(spans: Iterable[Span]) -> str:
    """A line in chat markup in which only our own links are links."""
    return "".join(
        f"[{neutral(span.text)}]({span.url})" if isinstance(span, Link) else neutral(span) for span in spans
    )
