"""The library `requests` as the services of Apprise use it, with our bounds in place of theirs.

Apprise and most of its services send by functions of the module `requests`. `stand_in` is a module with the
same names, in which these functions keep to the `Attempt` of their thread: its time, its proxy and no other,
certificates that are checked, no redirects, and addresses that are looked up once and checked, as
`bridge.runtime.http_client` does for our own calls.
"""

import socket
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from bridge.channels.adapters.apprise.connections import Connections
from bridge.channels.base import Dead, Outcome, Retry, Unknown
from bridge.channels.hook import unread
from bridge.runtime.http_client import (
    CONNECT_TIMEOUT,
    MAX_ADDRESSES,
    MAX_ANSWER,
    ReachPolicy,
    Reply,
    is_public,
)
from bridge.runtime.retry import retry_after
from bridge.runtime.tls import causes, tls_fault
from bridge.runtime.web_page import sign_in_page

_CHUNK: Final = 8_192
_OK: Final = range(200, 300)
_GIVEN: Final = ("params", "data", "json", "headers", "auth", "files", "cookies")
"""What a service says of a request; the rest is ours to say."""
_CONFIG: Final = frozenset({401, 403, 404, 405, 410})
_CONTENT: Final = frozenset({400, 413, 415, 422})
_NOT_SENT: Final[dict[type[Exception], str]] = {
    requests.exceptions.ProxyError: "the proxy does not lead to the service",
    socket.gaierror: "cannot connect to the service: the name cannot be resolved",
    NewConnectionError: "cannot connect to the service",
    ConnectTimeoutError: "cannot connect to the service",
}


@dataclass
class Attempt:
    """One send: what it may do until when (monotonic), and the outcome of its first request that failed."""

    reach: ReachPolicy
    until: float
    connections: Connections
    asked: bool = False
    outcome: Outcome | None = None
    refused: bool = False
    """Whether we ourselves did not let a request go out."""

    def left(self) -> float:
        """The seconds that are left."""
        return self.until - time.monotonic()


attempt: Final[ContextVar[Attempt]] = ContextVar("attempt")
"""That of this thread; without one nothing is sent."""


class _Refused(requests.exceptions.ConnectionError):
    """We did not let the request go out."""


def _connected(connection: Any, connect: Callable[[], socket.socket]) -> socket.socket:
    """A socket to one of the addresses that were checked: a second look-up cannot change them."""
    host = connection._dns_host  # noqa: SLF001  # what urllib3 looks up and connects to
    found = socket.getaddrinfo(host.strip("[]"), connection.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    now = attempt.get()
    anywhere = now.reach.allow_private or now.reach.proxy  # which looks the service up by itself
    private = [] if anywhere else [one for one in addresses if not is_public(one)]
    if private:
        raise _Refused(
            f"{host} is at {private[0]}, which is not public: set allow_private: true if that is meant"
        )
    failure: Exception = _Refused("no address")
    try:
        for address in addresses[:MAX_ADDRESSES]:
            connection._dns_host = address  # noqa: SLF001
            try:
                connected = connect()
            except (NewConnectionError, ConnectTimeoutError) as error:
                failure = error
                if now.left() <= 0:
                    break
            else:
                now.connections.hold(connected)
                return connected
        raise failure
    finally:
        connection._dns_host = host  # noqa: SLF001  # the name that the certificate has to have


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self, super()._new_conn)


class _Secure(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self, super()._new_conn)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_POOLS: Final = {"http": _PlainPool, "https": _SecurePool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def _request(method: str, url: str, **given: Any) -> requests.Response:
    """The answer to one request of a service; what became of it is noted in the attempt."""
    now = attempt.get(None)
    if now is None:
        raise _Refused("outside of an attempt nothing is sent")
    try:
        response = _sent(now, method, url, {name: given[name] for name in _GIVEN if name in given})
    except requests.exceptions.RequestException as error:
        now.outcome = now.outcome or _failure(error)
        now.refused |= _refusal(error) is not None
        raise
    if response.status_code not in _OK and now.outcome is None:
        now.outcome = _read(response)
    return response


def _sent(now: Attempt, method: str, url: str, kept: dict[str, Any]) -> requests.Response:
    left = now.left()
    if left <= 0:
        raise requests.exceptions.ReadTimeout("the time of this attempt is over")
    if url.startswith("http:") and not now.reach.allow_private:
        raise _Refused(
            "the service would be called without TLS: take its scheme with an s at the end, such as jsons, "
            "or set allow_private: true"
        )
    # An encoded answer could unfold to any size, so none is asked for and none is decoded.
    kept["headers"] = {**(kept.get("headers") or {}), "Accept-Encoding": "identity"}
    with requests.Session() as session:
        session.trust_env = False  # neither proxies nor passwords that stand somewhere else
        session.mount("http://", _Adapter(max_retries=0))
        session.mount("https://", _Adapter(max_retries=0))
        now.asked = True
        response = session.request(
            method,
            url,
            allow_redirects=False,
            stream=True,
            timeout=(min(CONNECT_TIMEOUT, left), left),
            verify=str(now.reach.ca_file) if now.reach.ca_file else True,
            proxies={"http": now.reach.proxy, "https": now.reach.proxy} if now.reach.proxy else {},
            **kept,
        )
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > MAX_ANSWER or now.left() <= 0:
                break
        # Also after the last: an answer whose connection was ended may look whole.
        if len(body) > MAX_ANSWER or now.left() <= 0:
            raise requests.exceptions.ChunkedEncodingError("the answer is too long, or too slow")
    response._content = bytes(body)  # noqa: SLF001  # what `content` reads
    return response


def _refusal(error: BaseException) -> _Refused | None:
    return next((cause for cause in causes(error) if isinstance(cause, _Refused)), None)


def _failure(error: requests.exceptions.RequestException) -> Outcome:
    """The outcome of a request without an answer."""
    if refused := _refusal(error):
        return Dead("config", str(refused))
    if why := tls_fault(error, "the service", without_tls="check the address and its port"):
        return Retry(why)
    found = [cause for cause in causes(error) if isinstance(cause, tuple(_NOT_SENT))]
    if found:
        return Retry(
            next(why for kind, why in _NOT_SENT.items() if any(isinstance(one, kind) for one in found))
        )
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return Dead("config", "the service would be called at an address that is no URL: check the url")
    return Unknown(f"no whole answer from the service: {type(error).__name__}")


def _read(response: requests.Response) -> Outcome:
    """The outcome of an answer that is no success, in none of the words of the service."""
    status = response.status_code
    sign_in = sign_in_page(status, response.headers, response.content)
    if status in _CONFIG and not sign_in:
        return Dead("config", f"the service answered HTTP {status}: check the url against its settings")
    if status in _CONTENT:
        return Dead("content", f"the service answered HTTP {status} to the notice")
    after = retry_after(response.headers, time.time())
    page = sign_in or ""
    return unread(Reply(status, None, after, page, sign_in is not None), "the service")


def _module() -> ModuleType:
    made = ModuleType("requests")
    made.__dict__.update(vars(requests))
    for method in ("get", "post", "put", "patch", "delete", "head", "options"):
        setattr(made, method, partial(_request, method.upper()))
    vars(made)["request"] = _request
    for name in ("Session", "session", "sessions", "api"):
        vars(made).pop(name, None)
    return made


stand_in: Final = _module()
