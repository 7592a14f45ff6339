"""Calls of a host's API for one source: with its token, within its limits, a cure for each refusal."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import anyio
import orjson

from bridge.config.forge_api import ForgeApiSettings
from bridge.errors import Denied, Permanent, RemoteError, Transient
from bridge.forges.fields import Fields
from bridge.forges.webhooks import Webhooks
from bridge.runtime.http_client import MAX_ANSWER, AnswerLost, ReachPolicy, Reply, call_json, is_public
from bridge.runtime.redaction import Redactor

PATIENCE: Final = 60.0
"""The seconds of a pause that is waited for; a longer one ends the work."""
_USUAL_PAUSE: Final = 60.0
"""Where the host does not say how long."""
_ATTEMPTS: Final = 3
_MOST_READ: Final = 4000
_MOST_SAID: Final = 200
_LOOK_UP: Final = 5.0
_DONE: Final = range(200, 300)
_MOVED: Final = range(300, 400)
_NOT_FOUND: Final = 404
_INVALID: Final = frozenset({400, 409, 422})


class Missing(Permanent):
    """The host knows no such thing, or does not show it to who has this token."""


class HostApi:
    """The API behind a `completed` setting; `secret` is another one that must not be shown.

    Pauses that the host asks for are waited for up to `patience` seconds. After an answer that holds for
    every repository, such as a token that is not accepted, no further call is made.
    """

    def __init__(
        self,
        webhooks: Webhooks,
        api: ForgeApiSettings,
        source: str,
        secret: str = "",
        patience: float = PATIENCE,
    ) -> None:
        self.source = source
        self.peer = webhooks.peer
        self._needs = webhooks.needs
        self._base = api.url or ""
        proxy = api.proxy.reveal() if api.proxy else None
        self._reach = ReachPolicy(allow_private=api.allow_private, proxy=proxy, ca_file=api.ca_file)
        token = api.token.reveal()
        self._headers = webhooks.headers(token, api.username)
        self._redactor = Redactor([token, *([secret] if secret else []), *([proxy] if proxy else [])])
        self._patience = patience
        self._resumes_at = 0.0
        self._failure: RemoteError | None = None
        self._is_checked = False

    @property
    def quota_pause(self) -> float:
        """For how many seconds the host takes no further request, as far as it says; 0 where it does."""
        return max(0.0, self._resumes_at - anyio.current_time())

    async def call(
        self,
        method: str,
        path: str,
        document: Mapping[str, object] | None = None,
        *,
        most: int = MAX_ANSWER,
    ) -> Reply:
        """A good answer of at most so many bytes. Raises RemoteError."""
        if self._failure is not None:
            raise self._failure
        body = None if document is None else orjson.dumps(document)
        try:
            if not self._is_checked:
                await self._check_way()
                self._is_checked = True
            reply = await self._answered(method, f"{self._base}/{path}", body, most)
        except AnswerLost as error:
            if method == "GET":
                raise
            raise AnswerLost(f"{error}: it may have been carried out, run this again to see") from None
        except RemoteError as error:
            self._failure = error
            raise
        if reply.status in _DONE and not reply.page:
            return reply
        refusal = self._refusal(reply)
        if isinstance(refusal, Denied) or reply.page:
            self._failure = refusal
        raise refusal

    async def _answered(self, method: str, url: str, body: bytes | None, most: int) -> Reply:
        """The answer, after the pauses that the host asks for. Raises RemoteError."""
        wait: float | None = self.quota_pause
        for _ in range(_ATTEMPTS):
            if wait is None or wait > self._patience:
                break
            await anyio.sleep(wait)
            reply = await call_json(method, url, self._reach, body, self._headers, most=most)
            if reply.quota_pause is not None:
                self._resumes_at = anyio.current_time() + reply.quota_pause
            if not _is_limited(reply):
                return reply
            wait = reply.quota_pause if reply.retry_after is None else reply.retry_after
        until = "a while" if wait is None else f"{wait:.0f} s"
        after = _USUAL_PAUSE if wait is None else wait
        raise Transient(f"{self.peer} asks for fewer requests: run this again in {until}", after)

    async def _check_way(self) -> None:
        """Token and secret must not go over plain http to a public address. Raises Permanent."""
        parts = urlsplit(self._base)
        if parts.scheme == "https" or parts.hostname is None:
            return
        try:
            with anyio.fail_after(_LOOK_UP):
                found = await anyio.getaddrinfo(parts.hostname, parts.port or 80)
        except (OSError, UnicodeError, TimeoutError):
            return  # the call says so
        if any(is_public(str(entry[4][0])) for entry in found):
            raise Permanent(
                "everyone on the way to a public address can read the token and the secret: "
                f"write https:// in `sources.{self.source}.api.url`"
            )

    def _refusal(self, reply: Reply) -> RemoteError:
        peer, setting = self.peer, f"sources.{self.source}.api"
        if reply.page:
            return Permanent(
                f"the answer is {reply.page}: it does not come from {peer}, check `{setting}.url`"
            )
        message = self.said(_message(reply.data))
        said = f"{peer} answered {reply.status}{f': {message}' if message else ''}"
        match reply.status:
            case 401:
                why = f"{peer} does not accept the token, which is wrong, expired or revoked"
                return Denied(f"{why}: check `{setting}.token`; {said}")
            case 403 | 404 as status:
                why = "there is no such repository, or the token may not manage its webhooks"
                refusal = Missing if status == _NOT_FOUND else Permanent
                return refusal(f"{why}: it needs {self._needs}; {said}")
            case status if status in _MOVED:
                why = f"the repository has another name now, or `{setting}.url` leads elsewhere"
                return Permanent(f"{why}; {said}")
            case status if status in _INVALID:
                return Permanent(f"{peer} does not take the request; {said}")
            case _:
                return Transient(said)

    def said(self, words: str) -> str:
        """The host's own words in one bounded line, without our secrets."""
        line = " ".join(self._redactor.foreign(words[:_MOST_READ]).split())
        return "".join(letter for letter in line if letter.isprintable())[:_MOST_SAID]


def _is_limited(reply: Reply) -> bool:
    if reply.status == 429:  # noqa: PLR2004  # an HTTP status
        return True
    asks = reply.retry_after is not None or reply.quota_pause is not None
    return reply.status in {403, 503} and (asks or "rate limit" in reply.text.lower())


def _message(data: object) -> str:
    """What a host says of an error, wherever it says it."""
    fields = Fields(data)
    parts = [
        fields.text("message", "error", "error_description")
        or fields.part("error", "message").text("message")
    ]
    parts += [one.text("message") for one in fields.parts("errors") or []]
    parts += fields.texts("errors") or []
    return "; ".join(filter(None, parts))
