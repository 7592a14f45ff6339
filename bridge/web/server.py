"""The HTTP server: uvicorn with deadlines for requests, a limit for connections, and no signal handlers."""

import asyncio
import errno
import logging
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Final, cast

import anyio
import httptools
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.config.settings import ServerSettings
from bridge.errors import BridgeError
from bridge.runtime import memory
from bridge.runtime.events import LogEvent
from bridge.runtime.rate import LogLimit
from bridge.web.limits import LOG_RATE
from bridge.web.parser import RequestParser

# For a logging and for processes of its own.
with memory.emptied("logging.config", "configparser", "uvicorn.supervisors"):
    import uvicorn
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GRACE_SECONDS: Final = 10
"""How long requests in hand may take when the daemon stops; TimeoutStopSec of the unit is longer."""
FIRST_REQUEST_SECONDS: Final = 1.0
"""How long a connection may still bring its first request then: its client does not know that we stop."""
MAX_HEAD: Final = 64 << 10
"""The bytes of a request beside its body: this many, and an eighth of the body for chunked encoding."""
_HEAD_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
_ENDING: Final = b"the daemon ends before this is done: send it again once it is back"
_ENDING_HEADERS: Final = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", str(len(_ENDING)).encode()),
    (b"retry-after", b"5"),
    (b"connection", b"close"),
]
_FIRST_PASSED: Final = 3
"""The first file descriptor that systemd passes (SD_LISTEN_FDS_START)."""
_BACKLOG: Final = 2048
_HOST_ERRORS: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_OTHER_FILES: Final = 256
"""Open files that the store, builds and channels need beside the connections."""

logger = structlog.get_logger()


def _nothing() -> None:
    """Where no answer streams for ever."""


class ListenError(BridgeError):
    """The server cannot listen on the configured address."""


class HttpServer(uvicorn.Server):
    """A server that leaves signals to its owner, who calls `stop`; `on_stop` ends what streams for ever."""

    def __init__(
        self, config: uvicorn.Config, protocol: type["_HttpProtocol"], on_stop: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._protocol = protocol
        self._on_stop = on_stop

    async def wait_started(self) -> None:
        while not self.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await anyio.sleep(0.01)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `stop`. One that is cancelled before that still answers what it has in hand."""
        uvicorn_logger, rejected = logging.getLogger("uvicorn.error"), _RejectedRequests()
        uvicorn_logger.addFilter(rejected)
        try:
            await super().serve(sockets)
        except asyncio.CancelledError:
            ends_already = self.should_exit  # uvicorn waits for what is in hand itself
            self.stop()
            if self.started and not ends_already:
                with anyio.CancelScope(shield=True):
                    await self.shutdown(sockets)
            raise
        finally:
            uvicorn_logger.removeFilter(rejected)

    def use(self, settings: ServerSettings) -> None:
        """Keep these limits from now on."""
        self._protocol.settings = settings
        _allow_connections(settings.max_connections)

    def stop(self) -> None:
        self._on_stop()
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """The socket that systemd passes (sd_listen_fds(3)), else a new one. Raises ListenError."""
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS", "0") != "0":
        return socket.socket(fileno=_FIRST_PASSED)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        # An unknown host name is an error of getaddrinfo: its number is negative and has no strerror.
        unknown = (error.errno or 0) < 0
        why = "no such host" if unknown else os.strerror(error.errno or 0)
        wrong = "server.host" if unknown or error.errno in _HOST_ERRORS else "server.port"
        raise ListenError(f"cannot listen on {host}:{port}: {why}: choose another {wrong}") from error


def port_of(listener: socket.socket) -> int:
    """0 where it listens on a socket file."""
    address = listener.getsockname()
    return address[1] if isinstance(address, tuple) else 0


def make_server(
    app: ASGIApp,
    settings: ServerSettings,
    *,
    grace_seconds: int = GRACE_SECONDS,
    on_stop: Callable[[], None] = _nothing,
) -> HttpServer:
    """The server for `app` with the limits of `settings`.

    When it stops, or is cancelled, requests in progress have `grace_seconds` to end; then they get a 503.
    """
    own = {"waiting": {}, "outbox": _Outbox()}
    protocol = type("HttpProtocol", (_HttpProtocol,), own)
    config = uvicorn.Config(
        partial(_answer_or_give_up, app),
        host=settings.host,
        port=settings.port,
        interface="asgi3",
        loop="none",
        http=protocol,
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
    server = HttpServer(config, protocol, on_stop)
    server.use(settings)
    return server


async def _answer_or_give_up(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Have `app` answer. What is cancelled, since the server ends, is no fault of the request or of ours."""
    try:
        await app(scope, receive, send)
    except asyncio.CancelledError:
        with suppress(RuntimeError):  # the answer has begun: the connection is closed in the midst of it
            await send({"type": "http.response.start", "status": 503, "headers": _ENDING_HEADERS})
            await send({"type": "http.response.body", "body": _ENDING})


class _RejectedRequests(logging.Filter):
    """Replaces uvicorn's warnings, which are about malformed requests, by a limited number of ours."""

    def __init__(self) -> None:
        super().__init__()
        self._limit = LogLimit(LOG_RATE, time.monotonic())

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        if (suppressed := self._limit.suppressed(time.monotonic())) is not None:
            fields = {"suppressed": suppressed} if suppressed else {}
            logger.warning(LogEvent.SERVER_REQUEST_REJECTED, reason=record.getMessage(), **fields)
        return False


def _allow_connections(count: int) -> None:
    """Raise the limit of open files to what `count` connections need, at most to the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_FILES
    if hard != resource.RLIM_INFINITY and wanted > hard:
        logger.warning(LogEvent.SERVER_FILES_LIMITED, wanted=wanted, allowed=hard)
        wanted = hard
    if soft != resource.RLIM_INFINITY and wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _HttpProtocol(HttpToolsProtocol):
    """Closes a connection whose headers or body take too long, or whose headers are too large.

    A new connection over server.max_connections replaces the one that has waited longest for its client, so
    that many slow clients cannot keep others out.
    """

    settings: ClassVar[ServerSettings]
    outbox: ClassVar["_Outbox"]
    waiting: ClassVar[dict["_HttpProtocol", None]]
    """The connections that wait for their client, the longest waiting first."""
    _timer: asyncio.TimerHandle | None = None
    _timeout: timedelta | None = None
    _in_headers = True
    _stopping = False
    _body = 0
    _overhead = 0
    """Bytes of this request beside its body: the parser keeps them, and each addition copies them."""

    def connection_made(self, transport: Any) -> None:
        self.parser = cast(Any, RequestParser(self))
        super().connection_made(
            cast(asyncio.Transport, _CoalescingTransport(transport, self.loop, self.outbox))
        )
        self._timeout = self.settings.header_timeout
        self._start_timer()
        if len(self.connections) > self.settings.max_connections:
            self._close_longest_waiting()
        self.waiting[self] = None

    def data_received(self, data: bytes) -> None:
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > MAX_HEAD + self._body // 8:
            self._reject_headers()
        # Only now: most requests arrive in one piece and need no timer.
        self._start_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._timeout = self.settings.header_timeout
        self._in_headers = True

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # the parser begins this request again, without the offer
        if [name for name, _ in self.headers].count(b"host") > 1:
            # A proxy in front may have gone by the other one (RFC 9112 §3.2). The parser answers with 400.
            raise httptools.HttpParserError("two Host headers")
        self._stop_timer(self.settings.body_timeout)
        self._in_headers = False
        super().on_headers_complete()
        if self._stopping:
            self.cycle.keep_alive = False
        # Trailers are not headers of the request: no proxy in front has checked them.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._stop_timer(None)
        self._body = self._overhead = 0
        self.waiting.pop(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self.waiting[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer(None)
        self.waiting.pop(self, None)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        self._stopping = True
        if self.cycle is None:
            self.loop.call_later(FIRST_REQUEST_SECONDS, self._close_unused)
        else:
            super().shutdown()

    def _close_unused(self) -> None:
        if self.cycle is None:
            self.transport.close()

    def _close_longest_waiting(self) -> None:
        """Close this connection where all others are being answered."""
        longest = next(iter(self.waiting), self)
        self.waiting.pop(longest, None)
        longest.transport.close()

    def _reject_headers(self) -> None:
        if self._in_headers:
            self.transport.write(_HEAD_TOO_LARGE)
        self.transport.close()

    def _start_timer(self) -> None:
        if self._timer is None and self._timeout is not None:
            self._timer = self.loop.call_later(self._timeout.total_seconds(), self.transport.close)

    def _stop_timer(self, next_timeout: timedelta | None) -> None:
        """The awaited part has arrived; `next_timeout` is for the next one, None when none is awaited."""
        self._timeout = next_timeout
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _CoalescingTransport:
    """Sends what is written in one turn of the loop at its end: in one packet, and after its lines of log."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, outbox: "_Outbox"
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._outbox = outbox
        self._pieces: list[bytes] = []
        self._closing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._pieces:
            self._outbox.add(self, self._loop)
        self._pieces.append(data)

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        if self._pieces:
            self._closing = True
            self._transport.pause_reading()
        else:
            self._transport.close()

    def flush(self) -> None:
        """Send what was written, if the client is still there. Raises nothing: others wait behind it."""
        pieces, self._pieces = self._pieces, []
        if self._transport.is_closing():
            return
        self._transport.write(b"".join(pieces))
        if self._closing:
            self._transport.close()


class _Outbox:
    """The connections of a server that have something to send at the end of this turn of the loop."""

    def __init__(self) -> None:
        self._senders: list[_CoalescingTransport] = []

    def add(self, sender: _CoalescingTransport, loop: asyncio.AbstractEventLoop) -> None:
        if not self._senders:
            loop.call_soon(self._end_turn, loop)
        self._senders.append(sender)

    def _end_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        senders, self._senders = self._senders, []
        # In the turn after it: by then the lines of log of all these answers are written.
        loop.call_soon(_flush, senders)


def _flush(senders: Sequence[_CoalescingTransport]) -> None:
    for sender in senders:
        sender.flush()
