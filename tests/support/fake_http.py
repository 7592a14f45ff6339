"""Servers on loopback that answer as a fake says, or misbehave as a test says."""

import gzip
import json
import socket
import ssl
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar, cast


@dataclass(slots=True)
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def json_reply(document: Any, status: int = 200, **headers: str) -> Reply:
    """A document; underscores in the names of headers stand for dashes."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"Content-Type": "application/json", **more}, json.dumps(document).encode())


@dataclass(slots=True)
class Trouble:
    """What goes wrong with the next `times` requests whose line holds `match`.

    `hang` never answers, `reset` cuts the connection after the request was read, `drip` sends a byte of the
    body now and then, `late` begins after so many `seconds`; with `acts` the request is carried out first.
    `reply` is answered in place of the server.
    """

    kind: str = "reply"
    match: str = ""
    times: int = 1
    acts: bool = False
    reply: Reply | None = None
    seconds: float = 0.0


class FakeServer(ABC):
    """The state of a server; every method may be called from any thread."""

    compressed = ""
    """The content type of what goes out in chunks and compressed."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[str] = []
        self.bodies: list[bytes] = []
        self.troubles: list[Trouble] = []
        self.released = threading.Event()
        self.lock = threading.RLock()

    @abstractmethod
    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """The answer to a request."""

    def trouble(self, kind: str = "reply", match: str = "", **more: Any) -> None:
        self.troubles.append(Trouble(kind, match, **more))

    def disturbance(self, line: str) -> Trouble | None:
        with self.lock:
            for trouble in self.troubles:
                if trouble.match in line and trouble.times > 0:
                    trouble.times -= 1
                    return trouble
            return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    fake: FakeServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave in the middle are part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    @property
    def fake(self) -> FakeServer:
        return cast(_Server, self.server).fake

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in the standard library
        """Nothing on stderr."""

    def do_GET(self) -> None:  # the name in the standard library
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # who sent it was killed: a server acts only on a whole request
            return
        line = f"{self.command} {self.path}"
        self.fake.requests.append(line)
        self.fake.bodies.append(body)
        trouble = self.fake.disturbance(line)
        if trouble and trouble.kind == "late":
            self.fake.released.wait(trouble.seconds)
            trouble = None
        if trouble is None or trouble.acts or trouble.kind == "drip":
            reply = self.fake.handle(self.command, self.path, body, cast(Mapping[str, str], self.headers))
            self._answer(reply, trouble)
        elif trouble.reply:
            self._send(trouble.reply)
        else:
            self._fail(trouble)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  # the names in the standard library

    def _answer(self, reply: Reply, trouble: Trouble | None) -> None:
        if trouble and trouble.reply:
            self._send(trouble.reply)
        elif trouble and trouble.kind == "drip":
            self._drip(reply)
        elif trouble:
            self._fail(trouble)
        else:
            self._send(reply)

    def _fail(self, trouble: Trouble) -> None:
        self.close_connection = True
        if trouble.kind == "hang":
            self.fake.released.wait(60)
        # A reset in place of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _drip(self, reply: Reply) -> None:
        self.close_connection = True
        self._head(reply, {"Content-Length": str(len(reply.body))})
        for byte in reply.body:
            if self.fake.released.wait(0.05):
                return
            self.wfile.write(bytes([byte]))

    def _send(self, reply: Reply) -> None:
        body = reply.body
        if reply.headers.get("Content-Type") != self.fake.compressed:
            self._head(reply, {} if reply.status == 204 else {"Content-Length": str(len(body))})
            self.wfile.write(body)
            return
        body = gzip.compress(body, 1)
        self._head(reply, {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"})
        for at in range(0, len(body), 4096):
            piece = body[at : at + 4096]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _head(self, reply: Reply, more: Mapping[str, str]) -> None:
        self.send_response_only(reply.status)
        for name, value in {"Date": self.date_time_string(), **reply.headers, **more}.items():
            self.send_header(name, value)
        self.end_headers()


F = TypeVar("F", bound=FakeServer)


@contextmanager
def served(fake: F, tls: ssl.SSLContext | None = None) -> Iterator[F]:
    """The fake as a running server; its `url` ends in a slash."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.fake = fake
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            fake.released.set()
            server.shutdown()
            thread.join()
