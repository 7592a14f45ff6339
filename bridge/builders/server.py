"""HTTP to a build server: time-outs, bounds, and what a failed call leaves open.

What an answer means is decided by the adapter. Pages and errors of the server are never quoted: they can hold
URLs, headers and secrets.
"""

import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

import anyio
import anyio.to_thread
import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bridge import __version__
from bridge.builders.base import Ambiguous, Outcome, Rejected, Retry
from bridge.builders.settings import ServerSettings
from bridge.errors import Denied, NotSent, Permanent, RemoteError, Transient, Unanswered
from bridge.runtime import lease, tracing
from bridge.runtime.http_client import certificates
from bridge.runtime.retry import retry_after
from bridge.runtime.tls import causes, speaks_tls, tls_fault
from bridge.runtime.web_page import is_web_page, sign_in_page

MAX_ANSWER: Final = 32 << 20
_MAX_ERROR_PAGE: Final = 64 << 10
_TLS_PROBE: Final = 3.0
_CONNECTIONS: Final = 8
_CONNECT_SHARE: Final = 0.4
"""The share of a call's time in which the connection has to stand."""

T = TypeVar("T")


class Document(BaseModel):
    """A document of a server; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the beginning of the answer; `truncated` says that there was more."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False

    @property
    def good(self) -> bool:
        return self.status in range(200, 300)

    @property
    def missing(self) -> bool:
        """Whether the server, and not a page in its place, says that there is no such thing (404)."""
        return self.status == HTTPStatus.NOT_FOUND and not is_web_page(self.body)

    @property
    def after(self) -> float | None:
        """The pause that the server asks for."""
        return retry_after(self.headers, time.time())

    @property
    def sign_in(self) -> str | None:
        """The sign-in page, in words, that somebody put in the place of the answer."""
        return sign_in_page(self.status, self.headers, self.body)


class BuildServer:
    """One server; `name` is what sentences call it, `headers` go with each request.

    `setting` is the setting with its address, as sentences name it.
    """

    def __init__(
        self, name: str, settings: ServerSettings, headers: Mapping[str, str], *, setting: str = "url"
    ) -> None:
        self.name = name
        self._setting = setting
        self.url = settings.url
        self._timeout = settings.timeout.total_seconds()
        self._ca_file = settings.ca_file
        self._proxy = settings.proxy
        self._headers = {"User-Agent": f"buildbridge/{__version__}", "Accept-Encoding": "identity", **headers}
        self._clients: _Clients | None = None
        self._connecting = anyio.Lock()
        self._answered = False

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limit: int = MAX_ANSWER,
    ) -> Answer:
        """The answer, whatever its status; `path` is below the address and percent-encoded.

        `limit` bounds the bytes of a good one. Raises NotSent, Unanswered, or Permanent for bad settings or a
        query that is too long.
        """
        clients = await self._connected()
        client = clients.reading if method == "GET" else clients.acting
        body = None if content is None else _Body(content)
        more = {"Content-Length": str(len(content))} if content is not None else {}
        try:
            asked = client.build_request(
                method, self.url + path, params=query, headers={**more, **(headers or {})}, content=body
            )
        except httpx.InvalidURL:
            raise Permanent(f"the parameters are too long for a request to {self.name}") from None
        if method != "GET":
            lease.require()
        try:
            with anyio.fail_after(self._timeout):
                answer = await _exchanged(client, asked, limit)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise NotSent(self._unconnected(error)) from None
        except (httpx.HTTPError, TimeoutError) as error:
            await self._reject_tls()
            slow = isinstance(error, httpx.TimeoutException | TimeoutError)
            why = f"did not answer within {self._timeout:g} s" if slow else "broke off, with no whole answer"
            unread = body is not None and not body.begun
            raise (NotSent if unread else Unanswered)(f"{self.name} {why}") from None
        if answer.status == HTTPStatus.BAD_REQUEST:  # some servers say so in plain HTTP
            await self._reject_tls()
        self._answered = True
        return answer

    async def read(
        self,
        path: str,
        shape: TypeAdapter[T],
        *,
        query: Mapping[str, str | int] | None = None,
    ) -> T | None:
        """The document at `path`; None when there is none (404). Raises RemoteError."""
        answer = await self.call("GET", path, query=query)
        if answer.missing:
            return None
        return self.parsed(answer, shape)

    def parsed(self, answer: Answer, shape: TypeAdapter[T]) -> T:
        """The document of a good answer. Raises RemoteError for any other."""
        if not answer.good or answer.sign_in:
            raise self.error_of(answer)
        if answer.truncated:
            raise Permanent(f"{self.name} answered with more than {MAX_ANSWER >> 20} MiB")
        if is_web_page(answer.body):
            raise Transient(self._page)
        # The error quotes the answer: it must not be the context of ours.
        with suppress(ValidationError):
            return shape.validate_json(answer.body)
        raise Transient(f"{self.name} answered with something that is not its API's JSON")

    def error_of(self, answer: Answer) -> RemoteError:
        """What an answer that is no success means for a request that changes nothing."""
        why = self.describe(answer)
        if answer.status in {401, 403} or answer.sign_in:
            return Denied(why)
        page = answer.status == HTTPStatus.NOT_FOUND and not answer.missing
        if page or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in {408, 425, 429}:
            return Transient(why, answer.after)
        return Permanent(why)

    def refused(self, answer: Answer) -> Outcome:
        """What an answer that is no success means for a trigger, unless the adapter knows it better."""
        why = self.describe(answer)
        if answer.status in {401, 403} or answer.sign_in:
            return Retry(why, denied=True)
        if answer.status in {429, 503}:
            return Retry(why, answer.after)
        # With 408, it may be a proxy that did not wait for the server.
        if answer.good or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == 408:  # noqa: PLR2004  # an HTTP status
            return Ambiguous(why)
        return Rejected(why)

    def describe(self, answer: Answer) -> str:
        """What an answer means, in our own words."""
        if page := answer.sign_in:
            return (
                f"{page} answers in place of {self.name} ({answer.status}): "
                f"let requests with a token pass it, or have `{self._setting}` lead around it"
            )
        if answer.status in range(300, 400):
            return f"{self.name} points to another address ({answer.status}): correct `{self._setting}`"
        if answer.status == HTTPStatus.NOT_FOUND and not answer.missing:
            return self._page
        if answer.good:
            return f"{self.name} answered {answer.status}, and not what its API says"
        return _DESCRIPTIONS.get(answer.status, "{0} answered {1}").format(self.name, answer.status)

    @property
    def _page(self) -> str:
        return f"`{self._setting}` shows a web page, not the API of {self.name}: check `{self._setting}`"

    async def _connected(self) -> "_Clients":
        async with self._connecting:
            if self._clients is None:
                self._clients = await anyio.to_thread.run_sync(self._connect)
            return self._clients

    def _connect(self) -> "_Clients":
        context = certificates(self._ca_file)
        timeout = httpx.Timeout(self._timeout, connect=self._timeout * _CONNECT_SHARE)

        def client(kept: int) -> httpx.AsyncClient:
            return httpx.AsyncClient(
                verify=context,
                proxy=self._proxy,
                timeout=timeout,
                limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=kept),
                follow_redirects=False,
                trust_env=False,
                headers=self._headers,
            )

        return _Clients(client(_CONNECTIONS), client(0))

    async def _reject_tls(self) -> None:
        """Raise NotSent where plain HTTP was spoken to a server of TLS: it has carried out nothing."""
        url = httpx.URL(self.url)
        if url.scheme != "http" or self._proxy or self._answered:
            return
        if await anyio.to_thread.run_sync(speaks_tls, url.host, url.port or 80, _TLS_PROBE):
            raise NotSent(f"this port of {self.name} speaks TLS: write https:// in `{self._setting}`")

    def _unconnected(self, error: BaseException) -> str:
        found = list(causes(error))
        via_proxy = self._proxy is not None
        peer, setting = ("the proxy", "proxy") if via_proxy else (self.name, self._setting)
        without_tls = f"write http:// in `{setting}`, or its port for https"
        return tls_fault(error, peer, without_tls=without_tls) or next(
            (why.format(peer=peer, setting=setting) for kind, why in _REASONS if _any(found, kind)),
            f"no connection to {peer} ({type(error).__name__})",
        )

    async def aclose(self) -> None:
        if self._clients is not None:
            await self._clients.reading.aclose()
            await self._clients.acting.aclose()


@dataclass(frozen=True, slots=True)
class _Clients:
    """A connection that was kept may be dead: what acts makes a new one, so that it is known what arrived."""

    reading: httpx.AsyncClient
    acting: httpx.AsyncClient


class _Body:
    """The body of a request; a server acts only on a whole one, so what was not begun did nothing."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.begun = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        lease.require()
        self.begun = True
        yield self._content


async def _exchanged(client: httpx.AsyncClient, request: httpx.Request, limit: int) -> Answer:
    with tracing.calling(request.method, str(request.url)) as call:
        answer = await _read(client, request, limit)
        call.answered(answer.status)
        return answer


async def _read(client: httpx.AsyncClient, request: httpx.Request, limit: int) -> Answer:
    response = await client.send(request, stream=True)
    try:
        body = bytearray()
        limit = limit if response.is_success else _MAX_ERROR_PAGE
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > limit:
                break
        return Answer(response.status_code, response.headers, bytes(body[:limit]), len(body) > limit)
    finally:
        await response.aclose()


def _any(found: Sequence[BaseException], kind: type[BaseException]) -> bool:
    return any(isinstance(one, kind) for one in found)


_DESCRIPTIONS: Final[Mapping[int, str]] = {
    401: "{0} rejects the token ({1}): check it",
    403: "the token may not do this in {0} ({1}): check its rights",
    404: "{0} has no such thing, or does not show it to this token ({1})",
    407: "the proxy asks who we are ({1}): have it let this machine through without a password",
    429: "{0}, or a proxy before it, asks for fewer requests ({1})",
    502: "a proxy did not get an answer from {0} ({1})",
    503: "{0} is starting or not available ({1})",
    504: "a proxy did not get an answer from {0} in time ({1})",
}
_REASONS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (httpx.ProxyError, "the proxy rejected the request: check `proxy`"),
    (socket.gaierror, "the host name of {peer} cannot be resolved: check `{setting}` and DNS"),
    (ConnectionRefusedError, "{peer} refuses connections: check that it runs, and `{setting}`"),
    (httpx.TimeoutException, "{peer} did not take the connection in time"),
)
