"""The base of channels that post a notice to one URL, which is a credential, and read the answer."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar, Final, Self

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
from bridge.runtime.http_client import AnswerLost, ReachPolicy, Reply, call_json, url_fault

_SHORTEST_HIDDEN: Final = 6
_MAX_SAID: Final = 1000
_SERVER_ERROR: Final = 500
PAUSE: Final = 60.0
"""The seconds of a pause that a server asks for without naming them."""


class ReachSettings(ChannelSettings):
    """How a server is reached; subclasses say where."""

    key_after: ClassVar[str] = ""
    """What stands before the key in the URL: `NAME=`, or a part of the path; "" where no one can tell."""

    allow_private: bool = False
    """Whether the address may be a private one or be called without TLS."""
    proxy: Secret | None = None
    """The HTTP proxy to go through."""
    ca_file: ConfigPath | None = None
    """Authorities to trust instead of the public ones (a PEM file)."""

    @property
    @abstractmethod
    def where(self) -> str:
        """The URL to post to, with its key."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        url = self.where
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


class HookSettings(ReachSettings):
    """The URL to post to, and how to reach it."""

    url: Secret
    """The address to post to, with its key."""

    @property
    def where(self) -> str:
        return self.url.reveal()


@dataclass(frozen=True, slots=True)
class TooLong:
    """The notice was rejected for its length."""

    why: str


class Hook(Channel):
    """Subclasses render a notice and read the answer."""

    Settings: ClassVar[type[ReachSettings]]
    peer: ClassVar[str]
    """Who answers, in words."""
    address_setting: ClassVar[str] = "url"
    """The setting that says where."""
    limits: ClassVar[tuple[int, int]]
    """In what `size` counts: the target size, and that of one further attempt after the answer "too long"."""
    proofs: ClassVar[frozenset[str]] = frozenset()
    """The fields of a body that a preview leaves out, such as a signature."""

    def __init__(
        self, name: str, settings: ReachSettings, context: ChannelContext, *, secrets: tuple[Secret, ...] = ()
    ) -> None:
        self.name = name
        self.context = context
        self._url = httpx.URL(settings.where)
        proxy = settings.proxy.reveal() if settings.proxy else None
        self._reach = ReachPolicy(allow_private=settings.allow_private, proxy=proxy, ca_file=settings.ca_file)
        hidden = [str(self._url), proxy, settings.key(self._url), *self._url.params.values()]
        hidden += [secret.reveal() for secret in secrets]
        self._hidden = re.compile(
            "|".join(re.escape(text) for text in hidden if text and len(text) >= _SHORTEST_HIDDEN) or r"(?!)"
        )

    @classmethod
    def target(cls, settings: Any) -> str:
        """The host and the token: under how many names they are configured does not matter to the vendor."""
        url = httpx.URL(settings.where)
        key = url.netloc + b" " + settings.key(url).encode()
        return f"{url.host} {sha256(key).hexdigest()[:16]}"

    async def send(self, notice: Notice) -> Outcome:
        body = self.render(notice, self.limits[0])
        outcome = await self._post(notice, body)
        if isinstance(outcome, TooLong):
            shorter = self.render(notice, min(self.limits[1], self.size(body) * 2 // 3))
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

    def size(self, body: bytes) -> int:
        """What the vendor counts of a body."""
        return len(body)

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
        return unread(reply, self.peer, self.address_setting)

    async def _post(self, notice: Notice, body: bytes) -> Outcome | TooLong:
        headers = self.headers(notice, body)
        reply = await answered("POST", str(self.address()), body, self._reach, headers)
        return self.read(reply) if isinstance(reply, Reply) else reply


async def answered(
    method: str, url: str, body: bytes | None, reach: ReachPolicy, headers: Mapping[str, str]
) -> Reply | Outcome:
    """The answer to a request, or the outcome where there is none."""
    try:
        return await call_json(method, url, reach, body, headers)
    except AnswerLost as error:
        return Unknown(str(error))
    except Transient as error:
        return Retry(str(error), error.after)
    except Permanent as error:
        return Dead("config", str(error))


def unread(reply: Reply, peer: str, address_setting: str = "url") -> Outcome:
    """The outcome of an answer that has none of the own words of `peer`; the setting says where it is."""
    match reply.status:
        case 429:
            return RateLimited("the server asks for fewer requests (HTTP 429)", reply.retry_after or PAUSE)
        case status if reply.sign_in:
            return Retry(
                f"{reply.page} answers in place of {peer} (HTTP {status}): check the {address_setting}, "
                "and any proxy or portal on the way"
            )
        case 301 | 302 | 303 | 307 | 308 as status:
            return Retry(
                f"the server redirects (HTTP {status}), and the bridge does not follow: "
                f"check the {address_setting}"
            )
        case status:
            return (Unknown if status >= _SERVER_ERROR else Retry)(f"the server answered HTTP {status}")
