"""uvicorn, with deadlines for what a sender sends and without signal handlers of its own."""

import asyncio
import errno
import logging
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar, Final, cast

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.config.settings import ServerSettings
from bridge.errors import BridgeError
from bridge.runtime.rate import Rate, Sparing

MAX_HEAD: Final = 64 << 10
"""How much of a request may be no body, beside an eighth of the body's size for the marks of its chunks."""
_HEAD_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
_FIRST_HANDED: Final = 3
_BACKLOG: Final = 2048
_HOST_ERRORS: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_LINES: Final = Rate(20, 4.0)
_OTHER_FILES: Final = 256
"""What the store, builds and channels may have open beside the connections."""

logger = structlog.get_logger()


class ListenError(BridgeError):
    """The address cannot be listened on."""


class Server(uvicorn.Server):
    """A server that leaves signals to its owner, who calls `stop`."""

    def stop(self) -> None:
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """The socket systemd hands us (sd_listen_fds(3)), else one of our own. Raises ListenError."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS", "0") != "0":
        return socket.socket(fileno=_FIRST_HANDED)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        # A host name that nobody knows has a negative number, which is none of the system's.
        unknown = (error.errno or 0) < 0
        why = "no such host" if unknown else os.strerror(error.errno or 0)
        wrong = "server.host" if unknown or error.errno in _HOST_ERRORS else "server.port"
        raise ListenError(f"cannot listen on {host}:{port}: {why}: choose another {wrong}") from error


def make_server(app: ASGIApp, settings: ServerSettings, *, grace_seconds: int) -> Server:
    """The server for `app`; it keeps the bounds of `settings`."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        interface="asgi3",
        loop="none",
        http=type("Deadlines", (_Deadlines,), {"limits": settings, "open": {}}),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=grace_seconds,
    )
    logging.getLogger("uvicorn.error").addFilter(_Spared())
    _allow_connections(settings.max_connections)
    return Server(config)


class _Spared(logging.Filter):
    """Lets uvicorn tell of requests that are none, but not of every one of a flood."""

    def __init__(self) -> None:
        super().__init__()
        self._sparing = Sparing(_LINES, time.monotonic())

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        left_out = self._sparing.line(time.monotonic())
        if left_out:
            record.msg = f"{record.msg} ({left_out} such lines were left out)"
        return left_out is not None


def _allow_connections(count: int) -> None:
    """Raise the limit of open files as far as it takes and we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_FILES
    if hard != resource.RLIM_INFINITY and wanted > hard:
        logger.warning("too few files may be open for server.max_connections", wanted=wanted, allowed=hard)
        wanted = hard
    if soft != resource.RLIM_INFINITY and wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Deadlines(HttpToolsProtocol):
    """Closes a connection that brings no whole head, or then body, in time, or a head without an end.

    A new connection over the cap takes the place of the one that has brought nothing whole for longest, so
    that a crowd of slow clients cannot keep the others out.
    """

    limits: ClassVar[ServerSettings]
    open: ClassVar[dict["_Deadlines", None]]
    """The connections that wait for their sender, the longest waiting first."""
    _deadline: asyncio.TimerHandle | None = None
    _allowed: timedelta | None = None
    _in_head = True
    _body = 0
    _besides = 0
    """Bytes of this request that are no body: the parser holds them, and takes ever longer to add to them."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(cast(asyncio.Transport, _Joined(transport, self.loop)))
        self._allowed = self.limits.header_timeout
        self._watch()
        if len(self.connections) > self.limits.max_connections:
            self._make_room()
        self.open[self] = None

    def data_received(self, data: bytes) -> None:
        self._besides += len(data)
        super().data_received(data)
        if self._besides > MAX_HEAD + self._body // 8:
            self._hang_up()
        # Only now: most requests come as a whole and need no timer.
        self._watch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._allowed = self.limits.header_timeout
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._unwatch(self.limits.body_timeout)
        self._in_head = False
        super().on_headers_complete()
        # What stands behind the body is no header of the request: no proxy in front has looked at it.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        self._besides -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unwatch(None)
        self._body = self._besides = 0
        self.open.pop(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self.open[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch(None)
        self.open.pop(self, None)
        super().connection_lost(exc)

    def _make_room(self) -> None:
        """Where all others are being answered, there is no room."""
        waiting = next(iter(self.open), self)
        self.open.pop(waiting, None)
        waiting.transport.close()

    def _hang_up(self) -> None:
        if self._in_head:
            self.transport.write(_HEAD_TOO_LARGE)
        self.transport.close()

    def _watch(self) -> None:
        if self._deadline is None and self._allowed is not None:
            self._deadline = self.loop.call_later(self._allowed.total_seconds(), self.transport.close)

    def _unwatch(self, allowed: timedelta | None) -> None:
        """What was waited for is here; `allowed` is how long what comes next may take."""
        self._allowed = allowed
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Joined:
    """A transport that sends what is written in one turn of the loop at once: head and body in one packet."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            self._transport.write(b"".join(pieces))
