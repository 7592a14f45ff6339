"""A TCP proxy before a server, which fails as networks do."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Final

_RESET: Final = struct.pack("ii", 1, 0)
"""As SO_LINGER: what is closed is reset."""


_COMMITS: Final = (b"INTO written", b"INTO delivery")
"""What the message of a commit has; the second is of the statement that keeps a delivery, which commits."""


class Mode(Enum):
    PASS = "all goes through"
    SILENT = "takes connections and bytes, and says nothing"
    RESET = "resets every connection"


class Lost(Enum):
    """What is lost with the connection on which a commit comes next."""

    COMMIT = "the commit"
    ANSWER = "the answer to it"


class CutProxy:
    """`mode` may be set at any time; `lost` is for the next commit, and then None again.

    `answered` counts the bytes that have come from the server.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._mode = Mode.PASS
        self.lost: Lost | None = None
        self.answered = 0
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        if mode is Mode.RESET:
            for pair in self._pairs:
                _reset(*pair)

    def close(self) -> None:
        self.mode = Mode.RESET
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._mode is Mode.RESET:
                    _reset(client)
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self._server_port))
                except OSError:
                    _reset(client)
                    continue
                for one in (client, server):
                    # Or what comes in two parts may wait for 40 ms, as no driver and no server would have it.
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pairs.append((client, server))
                for pump in (self._to_server, self._to_client):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                if self._mode is Mode.SILENT:
                    continue
                commits = any(one in data for one in _COMMITS)
                lost, self.lost = (self.lost, None) if commits else (None, self.lost)
                if lost is Lost.COMMIT:
                    break
                if lost is Lost.ANSWER:
                    # The other direction finds it closed when the answer comes, and resets both.
                    client.shutdown(socket.SHUT_WR)
                    server.sendall(data)
                    return
                server.sendall(data)
        _reset(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                self.answered += len(data)
                if self._mode is not Mode.SILENT:
                    client.sendall(data)
        _reset(client, server)


@contextmanager
def cut_proxy(server_port: int) -> Iterator[CutProxy]:
    proxy = CutProxy(server_port)
    try:
        yield proxy
    finally:
        proxy.close()


def _reset(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            one.shutdown(socket.SHUT_RDWR)
        one.close()
