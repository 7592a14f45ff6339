"""uvicorn, with deadlines for what a sender sends and without signal handlers of its own."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

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
        http=_protocol(settings),
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


def _protocol(settings: ServerSettings) -> type[asyncio.Protocol]:
    head_seconds = settings.header_timeout.total_seconds()
    body_seconds = settings.body_timeout.total_seconds()

    class Deadlines(HttpToolsProtocol):
        """Closes a connection over the cap, and one that brings no whole head, or then body, in time."""

        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._deadline = self.loop.call_later(head_seconds, transport.close)
            if len(self.connections) > settings.max_connections:
                transport.close()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if self._deadline is None:
                self._deadline = self.loop.call_later(head_seconds, self.transport.close)

        def on_headers_complete(self) -> None:
            self._stop()
            self._deadline = self.loop.call_later(body_seconds, self.transport.close)
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._stop()
            super().on_message_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def _stop(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Deadlines
