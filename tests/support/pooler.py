"""A pooler before a PostgreSQL server, which gives its connections to clients by sessions or by transactions.

Sources: PgBouncer documentation, "Configuration", on `pool_mode`, `server_reset_query` and
`ignore_startup_parameters` (https://www.pgbouncer.org/config.html); PostgreSQL documentation,
"Message Formats" (https://www.postgresql.org/docs/15/protocol-message-formats.html).
"""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedIOBase
from socket import create_connection
from typing import Final, Literal

PoolMode = Literal["session", "transaction"]

_TLS: Final = 80877103
_KNOWN: Final = {b"user", b"database", b"client_encoding", b"application_name"}
_REFUSED: Final = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: %b\0\0"


class Pooler(socketserver.ThreadingTCPServer):
    """Clients need no password; the newest idle connection is used first."""

    daemon_threads = True

    def __init__(self, server_port: int, mode: PoolMode) -> None:
        super().__init__(("127.0.0.1", 0), _Client)
        self.mode = mode
        self._server_port = server_port
        self._idle: dict[bytes, list[_Connection]] = {}
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def idle(self) -> int:
        """How many connections no client has now."""
        with self._lock:
            return sum(map(len, self._idle.values()))

    def taken(self, startup: bytes) -> "_Connection":
        with self._lock:
            if idle := self._idle.setdefault(startup, []):
                return idle.pop()
        return _Connection(self._server_port, startup)

    def give_back(self, connection: "_Connection") -> None:
        with self._lock:
            self._idle[connection.startup].append(connection)

    def server_close(self) -> None:
        super().server_close()
        for connection in (one for idle in self._idle.values() for one in idle):
            connection.stream.close()


class _Connection:
    """One to the server; `greeting` is what it said of its parameters."""

    def __init__(self, port: int, startup: bytes) -> None:
        self.startup = startup
        with create_connection(("127.0.0.1", port)) as connected:
            self.stream: BufferedIOBase = connected.makefile("rwb")
        self.stream.write(struct.pack("!II", len(startup) + 8, 196608) + startup)
        self.stream.flush()
        self.greeting = b"".join(whole for kind, whole in self.answers() if kind == b"S")

    def answers(self) -> Iterator[tuple[bytes, bytes]]:
        """The messages up to the one that the server is ready."""
        while True:
            kind, whole = _message(self.stream)
            yield kind, whole
            if kind == b"Z":
                return

    def reset(self) -> None:
        self.stream.write(_packed(b"Q", b"DISCARD ALL\0"))
        self.stream.flush()
        list(self.answers())


class _Client(socketserver.StreamRequestHandler):
    server: Pooler

    def handle(self) -> None:
        with suppress(EOFError, ConnectionError):
            startup = self._startup()
            if startup is not None:
                self._serve(startup)

    def _startup(self) -> bytes | None:
        while True:
            size, code = struct.unpack("!II", _read(self.rfile, 8))
            body = _read(self.rfile, size - 8)
            if code != _TLS:
                break
            self.wfile.write(b"N")
        names = body.rstrip(b"\0").split(b"\0")[::2]
        if unknown := [name for name in names if name not in _KNOWN]:
            self.wfile.write(_packed(b"E", _REFUSED % unknown[0]))
            return None
        return body

    def _serve(self, startup: bytes) -> None:
        held: _Connection | None = self.server.taken(startup)
        assert held is not None
        key = _packed(b"K", struct.pack("!II", 1, 1))
        self.wfile.write(_packed(b"R", bytes(4)) + held.greeting + key + _packed(b"Z", b"I"))
        try:
            while True:
                if self.server.mode == "transaction" and held is not None:
                    self.server.give_back(held)
                    held = None
                request = self._request()
                held = held or self.server.taken(startup)
                while self._asked(held, request) != b"I":
                    request = self._request()
        finally:
            if held is not None and self.server.mode == "session":
                held.reset()
                self.server.give_back(held)

    def _request(self) -> bytes:
        """All messages that the server answers at once. Raises EOFError when the client goes."""
        sent = b""
        while True:
            kind, whole = _message(self.rfile)
            if kind == b"X":
                raise EOFError
            sent += whole
            if kind in {b"Q", b"S"}:
                return sent

    def _asked(self, connection: _Connection, request: bytes) -> bytes:
        """The state of the transaction after the answer: b"I" outside of one."""
        connection.stream.write(request)
        connection.stream.flush()
        state = b""
        for _kind, whole in connection.answers():
            self.wfile.write(whole)
            state = whole[-1:]
        return state


@contextmanager
def serve_pooler(server_port: int, mode: PoolMode) -> Iterator[Pooler]:
    with Pooler(server_port, mode) as pooler:
        thread = threading.Thread(target=pooler.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield pooler
        finally:
            pooler.shutdown()
            thread.join()


def _packed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _message(stream: BufferedIOBase) -> tuple[bytes, bytes]:
    """The kind of the next message, and the whole of it. Raises EOFError."""
    kind, size = _read(stream, 1), _read(stream, 4)
    return kind, kind + size + _read(stream, struct.unpack("!I", size)[0] - 4)


def _read(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
