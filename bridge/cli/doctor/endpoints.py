"""The servers that a configuration names, and whether they answer here."""

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
from anyio.abc import AnyByteStream, ByteStream
from anyio.streams.tls import TLSStream

from bridge import __version__
from bridge.cli.doctor.finding import in_thread
from bridge.config.loader import Config
from bridge.config.types import Secret
from bridge.errors import Permanent
from bridge.registry import KINDS
from bridge.runtime.clock import system_clock
from bridge.runtime.http_client import certificates, is_public
from bridge.runtime.tls import tls_fault

_STEP_SECONDS: Final = 5.0
"""For the look-up of a name, a connection, a handshake, and an answer."""
_ADDRESSES: Final = 2
_HEAD_BYTES: Final = 16_384
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server; one with a `path` speaks HTTP, and is asked for the head of the page there."""

    host: str
    port: int
    tls: bool = False
    path: str | None = None
    ca_file: Path | None = None
    public: bool = False
    """Whether it has to have public addresses, as the channel will demand."""
    is_gits: bool = False
    """Whether Git and browsers connect to it, which trust the authorities of the machine."""

    @property
    def name(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """It answers, after so many seconds. `status` and `ahead`, how many seconds our clock is, are of HTTP."""

    seconds: float
    status: int | None = None
    ahead: float | None = None


class Unreachable(Exception):
    """It does not answer: what was seen, and what to do."""

    def __init__(self, what: str, cure: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure


def endpoint_at(url: str, *, path: str = "/", ca_file: Path | None = None) -> Endpoint | None:
    """The server of an http or https address; None for every other one."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname:
        return None
    return Endpoint(host=parts.hostname, port=port, tls=parts.scheme == "https", path=path, ca_file=ca_file)


def endpoint_of(settings: Any) -> Endpoint | None:
    """The server of a builder or a channel, or the proxy before it; None where its settings name none.

    All kinds name it by `where` or `url`, and a mail server by `host` and `port`.
    """
    ca_file = getattr(settings, "ca_file", None)
    if proxy := _text(getattr(settings, "proxy", None)):
        found = endpoint_at(proxy)
        return found and Endpoint(host=found.host, port=found.port, tls=found.tls)
    if address := _text(getattr(settings, "where", None) or getattr(settings, "url", None)):
        found = endpoint_at(address, ca_file=ca_file)
        return found and replace(found, public=not getattr(settings, "allow_private", True))
    if isinstance(port := getattr(settings, "port", None), int):
        return Endpoint(host=settings.host, port=port, tls=settings.tls == "implicit", ca_file=ca_file)
    return None


def hosts_of(config: Config) -> Iterator[tuple[str, Endpoint | None]]:
    """The Git hosts of the sources, as builds fetch code from them, and `NAME.api` for one that is called."""
    for name, source in config.settings.sources.items():
        url = source.clone.url if source.clone else None
        found = endpoint_at(url or KINDS.forges[source.kind].public_host or "")
        yield name, found and replace(found, is_gits=True)
        if source.api and source.api.url:
            yield f"{name}.api", endpoint_of(source.api)


class Servers:
    """Asks each server once, however many checks want to know."""

    def __init__(self) -> None:
        self._found: dict[Endpoint, Answer | Unreachable] = {}
        self._locks: dict[Endpoint, anyio.Lock] = {}

    async def ask(self, endpoint: Endpoint) -> Answer:
        """Raises Unreachable."""
        async with self._locks.setdefault(endpoint, anyio.Lock()):
            if endpoint not in self._found:
                try:
                    self._found[endpoint] = await _ask(endpoint)
                except Unreachable as error:
                    self._found[endpoint] = error
        found = self._found[endpoint]
        if isinstance(found, Unreachable):
            raise Unreachable(found.what, found.cure)
        return found


async def _ask(endpoint: Endpoint) -> Answer:
    addresses = await _addresses(endpoint)
    began = time.monotonic()
    async with await _connect(endpoint, addresses) as connected:
        stream = await _encrypted(endpoint, connected) if endpoint.tls else connected
        if endpoint.path is None:
            return Answer(seconds=time.monotonic() - began)
        before = system_clock()
        try:
            with anyio.fail_after(_STEP_SECONDS):
                head = await _head(endpoint, endpoint.path, stream)
        except TimeoutError:
            raise _silent(endpoint, f"and says nothing for {_STEP_SECONDS:g} s") from None
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            raise _silent(endpoint, "and closes them without an answer") from None
        status, date = _read(head)
        # A Date has whole seconds: it is half a second early in the mean.
        ahead = None if date is None else (before + system_clock()) / 2 - date - 0.5
        return Answer(seconds=time.monotonic() - began, status=status, ahead=ahead)


def _silent(endpoint: Endpoint, how: str) -> Unreachable:
    return Unreachable(
        f"{endpoint.name} takes connections, {how}", "restart what listens there, or correct the address"
    )


async def _addresses(endpoint: Endpoint) -> list[str]:
    try:
        with anyio.fail_after(_STEP_SECONDS):
            found = await in_thread(
                lambda: socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
            )
    except TimeoutError:
        raise _unknown(endpoint, f"no answer within {_STEP_SECONDS:g} s") from None
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise _unknown(endpoint, why or type(error).__name__) from None
    addresses = [str(entry[4][0]) for entry in found]
    if endpoint.public and (private := [one for one in addresses if not is_public(one)]):
        raise Unreachable(
            f"{endpoint.host} is at {private[0]}, which is not public",
            "set allow_private: true if that is meant",
        )
    return addresses[:_ADDRESSES]


def _unknown(endpoint: Endpoint, why: str) -> Unreachable:
    cure = f"correct the name, or the DNS of this machine: `getent hosts {endpoint.host}` has to find it"
    return Unreachable(f"the name {endpoint.host} does not resolve ({why})", cure)


async def _connect(endpoint: Endpoint, addresses: list[str]) -> ByteStream:
    why = ""
    for address in addresses:
        try:
            with anyio.fail_after(_STEP_SECONDS):
                return await anyio.connect_tcp(address, endpoint.port)
        except TimeoutError:
            why = f"no answer within {_STEP_SECONDS:g} s"
        except OSError as error:
            cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
            why = cause.strerror or type(cause).__name__
    raise Unreachable(
        f"{endpoint.name} takes no connection ({why})",
        "start what listens there, correct the address, or let a firewall pass it",
    )


async def _encrypted(endpoint: Endpoint, connected: AnyByteStream) -> AnyByteStream:
    try:
        context = await in_thread(partial(_authorities, endpoint))
        with anyio.fail_after(_STEP_SECONDS):
            return await TLSStream.wrap(
                connected, hostname=endpoint.host, ssl_context=context, standard_compatible=False
            )
    except Permanent as error:
        raise Unreachable(str(error)) from None
    except ssl.SSLError as error:
        without_tls = "write http:// in the address, or another port"
        trust = "have this machine trust" if endpoint.is_gits else "set ca_file to a PEM file with"
        fault = tls_fault(error, endpoint.name, without_tls=without_tls, trust=trust)
        raise Unreachable(fault or str(error)) from None
    except TimeoutError:
        raise _silent(endpoint, f"and says nothing for {_STEP_SECONDS:g} s") from None
    except (anyio.EndOfStream, anyio.BrokenResourceError, OSError):
        raise _silent(endpoint, "and closes them without an answer") from None


def _authorities(endpoint: Endpoint) -> ssl.SSLContext:
    """Raises Permanent."""
    return ssl.create_default_context() if endpoint.is_gits else certificates(endpoint.ca_file)


async def _head(endpoint: Endpoint, path: str, stream: AnyByteStream) -> bytes:
    """The head of the answer to a request without a credential."""
    asked = (
        f"HEAD {path} HTTP/1.1\r\nHost: {endpoint.name}\r\nUser-Agent: buildbridge/{__version__}\r\n"
        "Connection: close\r\n\r\n"
    )
    await stream.send(asked.encode())
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD_BYTES:
        head += await stream.receive()
    return head


def _read(head: bytes) -> tuple[int | None, float | None]:
    """The status and the Date, in Unix seconds, as far as there are any."""
    first, *lines = head.decode("latin-1").split("\r\n")
    parts = first.split()
    status = int(parts[1]) if len(parts) > 1 and parts[1].isdecimal() else None
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    try:
        return status, parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return status, None


def _text(value: object) -> str:
    return value.reveal() if isinstance(value, Secret) else value if isinstance(value, str) else ""
