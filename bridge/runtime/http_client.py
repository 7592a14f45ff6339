"""Calls to HTTP services whose URL is a secret: time-outs, bounds, a guard against request forgery.

No text that leaves this module, by error or by log, holds more of a URL than its host name.
"""

import functools
import ipaddress
import logging
import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpcore
import httpx
import orjson

from bridge import __version__
from bridge.errors import Permanent, Transient, Unanswered
from bridge.runtime import lease
from bridge.runtime.retry import quota_pause, retry_after
from bridge.runtime.tls import speaks_tls, tls_fault
from bridge.runtime.web_page import is_web_page, sign_in_page

CONNECT_TIMEOUT: Final = 5.0
TOTAL_TIMEOUT: Final = 15.0
_TLS_PROBE: Final = 3.0
MAX_ANSWER: Final = 64 * 1024
MAX_ADDRESSES: Final = 4
_TEXT: Final = 1000
_MAX_LINK: Final = 2048

for _name in ("httpx", "httpcore"):  # both write whole URLs into their records
    logging.getLogger(_name).setLevel(logging.WARNING)

# Ranges that lead somewhere else than they say: an IPv4 address sits inside each of the IPv6 ones.
_DETOURS: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64, local use
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "192.88.99.0/24",  # 6to4 relays
        "fec0::/10",  # site-local
    )
)


_HOST_NAME: Final = re.compile(r"[a-z0-9_:-]{1,63}(\.[a-z0-9_-]{1,63})*")
_MAX_PORT: Final = 65535
_LOCAL_NAMES: Final = frozenset(
    {"localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp", "test", "onion"}
)
_LOCAL_ENDS: Final = ("home.arpa", "in-addr.arpa", "ip6.arpa")


class AnswerLost(Unanswered):
    """The request went out, at least in part, and no whole answer came: it may have been carried out."""


class AnswerTooLong(AnswerLost):
    """The answer has more bytes than are read; `next_page` is as for a Reply."""

    def __init__(self, why: str, next_page: str) -> None:
        super().__init__(why)
        self.next_page = next_page


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachPolicy:
    """How a remote service may be reached.

    Without `allow_private`, only by https and at public addresses. A `proxy` (http or https) resolves names
    itself, so addresses are not checked then. `ca_file` replaces the public certificate authorities.
    """

    allow_private: bool = False
    proxy: str | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `data` is its JSON or None, `text` its beginning, `retry_after` is in seconds.

    `page` is, in words, the web page that came in place of an answer; with `sign_in` it asks for a login.
    `quota_pause` is in how many seconds a quota of requests is whole again that is spent now. `next_page` is
    the query of the address that the server names for the next page.
    """

    status: int
    data: object
    retry_after: float | None
    page: str = ""
    sign_in: bool = False
    text: str = ""
    quota_pause: float | None = None
    next_page: str = ""


def is_public(address: str) -> bool:
    """Whether the IP address belongs to the public Internet, by every reading of it."""
    ip = ipaddress.ip_address(address)
    detour = any(ip in network for network in _DETOURS)
    return ip.is_global and not (detour or ip.is_multicast or ip.is_reserved or ip.is_unspecified)


class Guard(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were checked, so that a second look-up cannot change them."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        budget = CONNECT_TIMEOUT if timeout is None else timeout
        try:
            with anyio.fail_after(budget):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout("the name could not be looked up in time") from None
        failure: httpcore.NetworkError | httpcore.TimeoutException = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                return await self._sockets.connect_tcp(
                    address, port, budget / len(addresses), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _resolve(self, host: str, port: int) -> list[str]:
        try:
            found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("the name cannot be resolved") from None
        addresses = list(dict.fromkeys(entry[4][0] for entry in found))
        private = [] if self._allow_private else [each for each in addresses if not is_public(each)]
        if private:
            raise Permanent(
                f"{host} is at {private[0]}, which is not public: set allow_private: true if that is meant"
            )
        return addresses[:MAX_ADDRESSES]


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over a pool of ours: only httpcore takes a network backend.

    Connections are not kept: calls are rare, and a dead one would leave it open whether a request arrived.
    """

    def __init__(self, context: ssl.SSLContext, guard: Guard) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context, max_connections=4, max_keepalive_connections=0, network_backend=guard
        )


@functools.cache
def _public_authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def certificates(ca_file: Path | None) -> ssl.SSLContext:
    """What TLS peers are checked against; blocking. Raises Permanent for an unusable file."""
    if ca_file is None:
        return _public_authorities()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError:
        raise Permanent(f"the ca_file {ca_file} cannot be used: it has to hold PEM certificates") from None


def client(reach: ReachPolicy, context: ssl.SSLContext) -> httpx.AsyncClient:
    """A client with our time-outs and guard; proxies of the environment do not count, they would evade it."""
    transport: httpx.AsyncBaseTransport
    if reach.proxy is None:
        transport = _GuardedTransport(context, Guard(allow_private=reach.allow_private))
    else:
        transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, proxy=reach.proxy)
    return httpx.AsyncClient(
        transport=transport,
        timeout=httpx.Timeout(TOTAL_TIMEOUT, connect=CONNECT_TIMEOUT),
        follow_redirects=False,
        trust_env=False,
        # An encoded answer could unfold to any size, so none is asked for and none is decoded.
        headers={"User-Agent": f"buildbridge/{__version__}", "Accept-Encoding": "identity"},
        event_hooks={"request": [_traced]},
    )


async def _traced(request: httpx.Request) -> None:
    request.extensions["trace"] = _require_lease


async def _require_lease(event: str, _facts: object) -> None:
    """When the connection stands, however long that took, and nothing of the request was sent."""
    if event.endswith(".send_request_headers.started"):
        lease.require()


def url_fault(url: str, *, allow_private: bool) -> str | None:
    """What is wrong with the URL of a service, in a sentence without the URL."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "this is not a URL"
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        return "the URL has to start with https:// and a host"
    if parsed.scheme == "http" and not allow_private:
        return "the URL has to start with https://; plain http needs allow_private: true"
    return None


def host_fault(url: str) -> str | None:
    """Why the host of a usable URL is none of the public Internet, as far as its name tells; None for one."""
    host = httpx.URL(url).host.rstrip(".").lower()
    last = host.rpartition(".")[2]
    if not _HOST_NAME.fullmatch(host) or (httpx.URL(url).port or 0) > _MAX_PORT:
        return "there is no such host or port: write https:// and the name of a host"
    # Numbers can be written in many ways, some of which only the system's own look-up reads.
    if ":" in host or last[:1].isdigit():
        return "the host is a number: write its name, or set allow_private"
    if "." not in host or last in _LOCAL_NAMES or host.endswith(_LOCAL_ENDS):
        return "the host is inside of a private network: write a public one, or set allow_private"
    return None


async def call_json(
    method: str,
    url: str,
    reach: ReachPolicy,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    most: int = MAX_ANSWER,
) -> Reply:
    """One request, with a JSON document or without, over within 18 seconds; its answer has `most` bytes.

    Raises Transient when nothing was sent, AnswerLost when that is not sure, Permanent when the address or
    the configuration forbids the call.
    """
    if fault := url_fault(url, allow_private=reach.allow_private):
        raise Permanent(fault)
    context = await anyio.to_thread.run_sync(certificates, reach.ca_file)
    headers = {**({} if body is None else {"Content-Type": "application/json"}), **(headers or {})}
    host = httpx.URL(url).host
    try:
        with anyio.fail_after(TOTAL_TIMEOUT):
            async with (
                client(reach, context) as http,
                http.stream(method, url, content=body, headers=headers) as response,
            ):
                reply = await _read(response, most)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        peer = f"{host} or of its proxy" if (reach.proxy or "").startswith("https:") else host
        why = tls_fault(error, peer, without_tls="check the address and its port")
        raise Transient(
            why or f"cannot connect to {host}: {str(error)[:200] or type(error).__name__}"
        ) from None
    except (httpx.HTTPError, TimeoutError) as error:
        if not isinstance(error, httpx.TimeoutException | TimeoutError):
            await _reject_tls(url, reach)
        raise AnswerLost(f"no whole answer from {host}: {type(error).__name__}") from None
    if reply.status == 400:  # noqa: PLR2004  # some servers say so in plain HTTP
        await _reject_tls(url, reach)
    return reply


async def _reject_tls(url: str, reach: ReachPolicy) -> None:
    """Raise Transient if plain HTTP was spoken to a server of TLS: it has carried out nothing."""
    target = httpx.URL(url)
    if target.scheme != "http" or reach.proxy:
        return
    port = target.port or 80
    if await anyio.to_thread.run_sync(speaks_tls, target.host, port, _TLS_PROBE):
        raise Transient(f"port {port} of {target.host} speaks TLS: write https:// in the url")


async def _read(response: httpx.Response, most: int) -> Reply:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > most:
            why = f"the answer of {response.url.host} is over {most} bytes"
            raise AnswerTooLong(why, _next_page(response))
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        data = None
    now = time.time()
    sign_in = sign_in_page(response.status_code, response.headers, bytes(body))
    page = sign_in or ("a web page" if is_web_page(bytes(body)) else "")
    text = bytes(body[:_TEXT]).decode(errors="replace")
    return Reply(
        status=response.status_code,
        data=data,
        retry_after=retry_after(response.headers, now),
        page=page,
        sign_in=sign_in is not None,
        text=text,
        quota_pause=quota_pause(response.headers, now),
        next_page=_next_page(response),
    )


def _next_page(response: httpx.Response) -> str:
    """The query of the link `next` (RFC 8288): where it leads besides is not for others to say."""
    address = response.links.get("next", {}).get("url", "")
    try:
        return urlsplit(address).query if len(address) <= _MAX_LINK else ""
    except ValueError:
        return ""
