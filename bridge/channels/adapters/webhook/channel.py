"""Notices as signed JSON documents, for programs.

Source: "Standard Webhooks 1.0.0",
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final

import orjson
from pydantic import AfterValidator, Field

from bridge.channels.adapters.webhook.chinese import CHINESE
from bridge.channels.base import ChannelContext, Dead, Ok, Outcome, RateLimited
from bridge.channels.content import Content, Link
from bridge.channels.hook import PAUSE, Hook, HookSettings, TooLong
from bridge.channels.rendering import fitted
from bridge.channels.text import clipped, neutral, web_link
from bridge.config.types import Secret, wrong
from bridge.model.notice import BuildFacts, DigestFacts, EventName, Notice, ServiceFacts
from bridge.runtime.http_client import Reply

_PREFIX: Final = "whsec_"
_KEY_BYTES: Final = range(24, 65)
_MAX_IMAGES: Final = 5
_TYPES: Final[Mapping[EventName, str]] = {
    EventName.QUEUED: "build.queued",
    EventName.START: "build.started",
    EventName.SUCCESS: "build.succeeded",
    EventName.FAIL: "build.failed",
    EventName.STOP: "build.stopped",
    EventName.FIXED: "build.fixed",
    EventName.UPDATE_CONFIG: "job.updated",
    EventName.DELETE: "job.deleted",
    EventName.FORBID: "job.disabled",
    EventName.DEGRADED: "service.degraded",
    EventName.RESTORED: "service.restored",
}
_TEST: Final = "channel.test"
_READ: Final = {*range(200, 300), 401, 403, 410, 413, 502, 504}
"""The statuses that mean something of their own here."""


def _key(secret: str) -> bytes | None:
    """The bytes that sign; None for a text that is no secret of Standard Webhooks."""
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if secret != text and len(key) in _KEY_BYTES else None


def _usable(secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
    if any(_key(secret.reveal()) is None for secret in secrets):
        raise wrong("secret", 'a secret is "whsec_" and 24 to 64 random bytes in base64')
    return secrets


class WebhookSettings(HookSettings):
    """Where documents go, and what signs them."""

    shows_words = False

    secrets: Annotated[
        tuple[Secret, ...], Field(strict=False, min_length=1, max_length=4), AfterValidator(_usable)
    ]
    """What signs, `whsec_…`: each of them, so that the receiver can change from one to the next."""


class Webhook(Hook):
    kind = "WEBHOOK"
    chinese = CHINESE
    Settings = WebhookSettings
    peer = "the receiver"
    limits: ClassVar = (18_000, 9_000)  # the specification advises less than 20 KB

    def __init__(self, name: str, settings: WebhookSettings, context: ChannelContext) -> None:
        super().__init__(name, settings, context, secrets=settings.secrets)
        self._keys = [key for secret in settings.secrets if (key := _key(secret.reveal()))]
        self._gone: Dead | None = None

    async def send(self, notice: Notice) -> Outcome:
        """After an answer "gone" only a test is sent, until the channel has other settings."""
        is_test = isinstance(notice.facts, ServiceFacts) and notice.facts.is_test
        return await super().send(notice) if self._gone is None or is_test else self._gone

    def render(self, notice: Notice, limit: int) -> bytes:
        facts = notice.facts
        assert not isinstance(facts, DigestFacts), "each notice goes by itself"
        about = {"build": _build(facts)} if isinstance(facts, BuildFacts) else {"service": _service(facts)}
        is_test = isinstance(facts, ServiceFacts) and facts.is_test

        def body(content: Content) -> bytes:
            document = {
                "type": _TEST if is_test else _TYPES[notice.event],
                "timestamp": datetime.fromtimestamp(int(notice.created_at), UTC).isoformat(),
                "data": {"notice_id": clipped(notice.id, 100), **_words(content), **about},
            }
            return orjson.dumps(document)

        return fitted(notice, self.context, body, limit)

    def headers(self, notice: Notice, body: bytes) -> Mapping[str, str]:
        """The id is that of the notice, the time that of the attempt."""
        now = int(self.context.clock())
        signatures = " ".join(signature(key, notice.id, now, body) for key in self._keys)
        return {"webhook-id": notice.id, "webhook-timestamp": str(now), "webhook-signature": signatures}

    def read(self, reply: Reply) -> Outcome | TooLong:
        said = f"{self.peer} answered HTTP {reply.status}"
        match reply.status:
            case status if reply.sign_in or status not in _READ:
                return self.unread(reply)
            case 410:
                why = f"{said}, it is gone: nothing is sent to it until the channel is changed"
                self._gone = Dead("config", why)
                return self._gone
            case 401 | 403:
                return Dead("config", f"{said}: check `secrets` and `url` against its settings")
            case 413:
                return TooLong(said)
            case 502 | 504:
                return RateLimited(said, reply.retry_after or PAUSE)
            case _:
                self._gone = None
                return Ok()


def signature(key: bytes, id: str, timestamp: int, body: bytes) -> str:  # noqa: A002  # the specification's word
    """One entry of `webhook-signature`; the time is in Unix seconds."""
    digest = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _words(content: Content) -> dict[str, str]:
    """The notice in words, without power in chats that it may be passed on to."""
    lines = ["".join(s.text if isinstance(s, Link) else s for s in line) for line in content.lines]
    foot = "".join(span for span in content.footer if isinstance(span, str)).removeprefix(" · ")
    return {
        "title": content.heading(neutral),
        "text": neutral("\n".join([*lines, *content.tail, foot])),
    }


def _build(facts: BuildFacts) -> dict[str, Any]:
    """The facts of a build; texts are single lines of bounded length."""
    return {
        "id": clipped(facts.build_id, 100),
        "repository": clipped(f"{facts.namespace}/{facts.repo_name}", 200),
        "number": facts.number,
        "run": facts.run,
        "state": clipped(facts.state, 40),
        "stage": _text(facts.stage, 200),
        "detail": _text(facts.detail, 600),
        "ref": {"kind": clipped(facts.ref_kind, 20), "name": clipped(facts.ref_name, 200)},
        "commit": {
            "sha": clipped(facts.sha, 64),
            "url": web_link(facts.commit_url),
            "subject": clipped(facts.subject, 300),
            "author": _text(facts.author.name, 120),
        },
        "images": _images(facts.images),
        "builder": clipped(facts.builder, 60),
        "duration": facts.duration,
        "url": web_link(facts.build_url),
        "cause": clipped(facts.cause, 100),
        "by": _text(facts.by, 120),
        "failures_in_a_row": facts.streak,
    }


def _images(images: Sequence[str]) -> list[str]:
    return [clipped(image, 200) for image in images[:_MAX_IMAGES]]


def _service(facts: ServiceFacts) -> dict[str, str]:
    return {"subject": clipped(facts.subject, 200), "detail": clipped(facts.detail, 600)}


def _text(text: str | None, limit: int) -> str | None:
    return clipped(text, limit) if text else None
