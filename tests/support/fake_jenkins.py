"""A fake Jenkins on loopback: the network around `support.fake_jenkins_core`."""

import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from support.fake_jenkins_core import JSON, FakeJenkins, Reply, Trouble


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    jenkins: FakeJenkins

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave in the middle are part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in the standard library
        """Nothing on stderr."""

    def do_GET(self) -> None:  # the name in the standard library
        jenkins = cast(_Server, self.server).jenkins
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        line = f"{self.command} {self.path}"
        jenkins.requests.append(line)
        jenkins.bodies.append(body)
        trouble = jenkins.disturbance(line)
        if trouble and trouble.kind == "late":
            jenkins.released.wait(trouble.seconds)
            trouble = None
        if trouble is None or trouble.acts or trouble.kind == "drip":
            reply = jenkins.handle(self.command, self.path, body, cast(Mapping[str, str], self.headers))
            self._answer(reply, trouble)
        elif trouble.reply:
            self._send(trouble.reply)
        else:
            self._fail(trouble)

    do_POST = do_GET  # noqa: N815  # the name in the standard library

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
            cast(_Server, self.server).jenkins.released.wait(60)
        # A reset in place of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _drip(self, reply: Reply) -> None:
        self.close_connection = True
        self._head(reply, {"Content-Length": str(len(reply.body))})
        for byte in reply.body:
            if cast(_Server, self.server).jenkins.released.wait(0.05):
                return
            self.wfile.write(bytes([byte]))

    def _send(self, reply: Reply) -> None:
        """Documents go out in chunks and compressed, as Jenkins sends them."""
        body = reply.body
        if reply.headers.get("Content-Type") != JSON:
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


@contextmanager
def fake_jenkins(
    token: str = "token-canary-7f3a", tls: ssl.SSLContext | None = None
) -> Iterator[FakeJenkins]:
    """A running server without jobs; `url` ends in a slash."""
    jenkins = FakeJenkins(token)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.jenkins = jenkins
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        jenkins.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield jenkins
        finally:
            jenkins.released.set()
            server.shutdown()
            thread.join()
