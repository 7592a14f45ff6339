"""uvicorn, with deadlines for what a sender sends and without signal handlers of its own."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar, Final, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bridge.config.settings import Server as ServerSettings
from bridge.errors import BridgeError

_FIRST_HANDED: Final = 3
_BACKLOG: Final = 2048


class ListenError(BridgeError):
    """The address cannot be listened on."""


class Server(uvicorn.Server):
    """A server whose owner decides about signals: set `should_exit` to stop it."""

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
        why = error.strerror or str(error)
        raise ListenError(f"cannot listen on {host}:{port}: {why}: choose another server.port") from error


def make_server(app: ASGIApp, settings: ServerSettings, *, grace_seconds: int) -> Server:
    """The server for `app`; it keeps the bounds of `settings`."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        interface="asgi3",
        loop="none",
        http=type("Deadlines", (_Deadlines,), {"limits": settings}),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        backlog=_BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=grace_seconds,
    )
    return Server(config)


class _Deadlines(HttpToolsProtocol):
    """Closes a connection over the cap, and one that brings no whole head, or then body, in time."""

    limits: ClassVar[ServerSettings]
    _deadline: asyncio.TimerHandle | None = None
    _allowed: timedelta | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(cast(asyncio.Transport, _Joined(transport, self.loop)))
        self._allowed = self.limits.header_timeout
        self._watch()
        if len(self.connections) > self.limits.max_connections:
            transport.close()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Only now: most requests come as a whole and need no timer.
        self._watch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._allowed = self.limits.header_timeout

    def on_headers_complete(self) -> None:
        self._unwatch(self.limits.body_timeout)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._unwatch(None)
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch(None)
        super().connection_lost(exc)

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

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            self._transport.write(b"".join(pieces))
