"""The base of channels that post a notice to one URL, which is a credential, and read the answer."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Final, Self

import httpx
import orjson
from pydantic import model_validator

from bridge.channels.base import Channel, ChannelContext, Dead, Outcome, RateLimited, Retry, Unknown
from bridge.channels.readable import readable
from bridge.channels.text import plain
from bridge.config.channels import ChannelSettings
from bridge.config.types import ConfigPath, Secret, wrong
from bridge.errors import Permanent, Transient
from bridge.model.notice import Notice
from bridge.runtime.http_client import AnswerLost, ReachPolicy, Reply, post_json, url_fault

_SHORTEST_HIDDEN: Final = 6
_MAX_SAID: Final = 1000
_SERVER_ERROR: Final = 500
PAUSE: Final = 60.0
"""The seconds of a pause that a server asks for without naming them."""


class HookSettings(ChannelSettings):
    """The URL to post to, and how to reach it."""

    key_after: ClassVar[str] = ""
    """What stands before the key in the URL: `NAME=`, or a part of the path; "" where no one can tell."""

    url: Secret
    """The address to post to, with its key."""
    allow_private: bool = False
    """Whether the address may be a private one or be called without TLS."""
    proxy: Secret | None = None
    """The HTTP proxy to go through."""
    ca_file: ConfigPath | None = None
    """Authorities to trust instead of the public ones (a PEM file)."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        url = self.url.reveal()
        if fault := url_fault(url, allow_private=self.allow_private):
            raise wrong("url", fault)
        if not self.key(httpx.URL(url)):
            raise wrong("url", f"the URL has no {self.key_after}…: copy the webhook address whole")
        if self.proxy and (fault := url_fault(self.proxy.reveal(), allow_private=True)):
            raise wrong("proxy", f"the proxy is not usable: {fault}")
        return self

    @classmethod
    def key(cls, url: httpx.URL) -> str:
        """The part of the URL that is a password, empty if it is missing."""
        if not cls.key_after:
            return url.raw_path.decode()
        if cls.key_after.endswith("="):
            return str(url.params.get(cls.key_after[:-1], ""))
        return url.path.partition(cls.key_after)[2]


@dataclass(frozen=True, slots=True)
class TooLong:
    """The notice was rejected for its length."""

    why: str


class Hook(Channel):
    """Subclasses render a notice and read the answer."""

    Settings: ClassVar[type[HookSettings]]
    peer: ClassVar[str]
    """Who answers, in words."""
    limits: ClassVar[tuple[int, int]]
    """In bytes: the target size, and the size of one further attempt after the answer "too long"."""
    proofs: ClassVar[frozenset[str]] = frozenset()
    """The fields of a body that a preview leaves out, such as a signature."""

    def __init__(
        self, name: str, settings: HookSettings, context: ChannelContext, *, secrets: tuple[Secret, ...] = ()
    ) -> None:
        self.name = name
        self.context = context
        self._url = httpx.URL(settings.url.reveal())
        proxy = settings.proxy.reveal() if settings.proxy else None
        self._reach = ReachPolicy(allow_private=settings.allow_private, proxy=proxy, ca_file=settings.ca_file)
        hidden = [str(self._url), proxy, settings.key(self._url), *self._url.params.values()]
        hidden += [secret.reveal() for secret in secrets]
        self._hidden = re.compile(
            "|".join(re.escape(text) for text in hidden if text and len(text) >= _SHORTEST_HIDDEN) or r"(?!)"
        )

    @classmethod
    def target(cls, settings: HookSettings) -> str:
        """The host and the token: under how many names they are configured does not matter to the vendor."""
        url = httpx.URL(settings.url.reveal())
        key = url.netloc + b" " + settings.key(url).encode()
        return f"{url.host} {sha256(key).hexdigest()[:16]}"

    async def send(self, notice: Notice) -> Outcome:
        body = self.render(notice, self.limits[0])
        outcome = await self._post(notice, body)
        if isinstance(outcome, TooLong):
            shorter = self.render(notice, min(self.limits[1], len(body) * 2 // 3))
            if len(shorter) < len(body):
                outcome = await self._post(notice, shorter)
        return Dead("content", outcome.why) if isinstance(outcome, TooLong) else outcome

    @abstractmethod
    def render(self, notice: Notice, limit: int) -> bytes:
        """The request's body."""

    def preview(self, notice: Notice) -> str:
        body = orjson.loads(self.render(notice, self.limits[0]))
        shown = {name: value for name, value in body.items() if name not in self.proofs}
        return self._hidden.sub("***", readable(shown))

    def address(self) -> httpx.URL:
        """The URL of this attempt."""
        return self._url

    def headers(self, notice: Notice, body: bytes) -> Mapping[str, str]:  # noqa: ARG002  # most have none
        """What this attempt has beside the usual headers."""
        return {}

    @abstractmethod
    def read(self, reply: Reply) -> Outcome | TooLong:
        """The outcome of an answer; `unread` knows what does not come from the peer."""

    def said(self, text: str) -> str:
        """What a peer wrote, as one short line without secrets and control characters."""
        return plain(self._hidden.sub("***", text[:_MAX_SAID]), 200)

    def unread(self, reply: Reply) -> Outcome:
        """The outcome of an answer that has none of the peer's own words."""
        return unread(reply, self.peer)

    async def _post(self, notice: Notice, body: bytes) -> Outcome | TooLong:
        try:
            reply = await post_json(str(self.address()), body, self._reach, self.headers(notice, body))
        except AnswerLost as error:
            return Unknown(str(error))
        except Transient as error:
            return Retry(str(error), error.after)
        except Permanent as error:
            return Dead("config", str(error))
        return self.read(reply)


def unread(reply: Reply, peer: str) -> Outcome:
    """The outcome of an answer that has none of the own words of `peer`."""
    match reply.status:
        case 429:
            return RateLimited("the server asks for fewer requests (HTTP 429)", reply.retry_after or PAUSE)
        case status if reply.sign_in:
            return Retry(
                f"{reply.page} answers in place of {peer} (HTTP {status}): check the url, "
                "and any proxy or portal on the way"
            )
        case 301 | 302 | 303 | 307 | 308 as status:
            return Retry(
                f"the server redirects (HTTP {status}), and the bridge does not follow: check the url"
            )
        case status:
            return (Unknown if status >= _SERVER_ERROR else Retry)(f"the server answered HTTP {status}")
