"""Servers on loopback that are not what a configuration took them for: by certificate, by port, by answer."""

import contextlib
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import trustme

NAME: Final = "localhost"
FAULTS: Final[Mapping[str, str]] = {
    "another name": f"is for another name than {NAME}: use a name that it lists",
    "expired": "has expired: renew it there",
    "not yet valid": "is not valid yet: compare the clocks",
    "signed by itself": "is signed by itself: set ca_file",
    "of an unknown authority": "comes from an authority that is not trusted here: set ca_file",
}
"""What people read of each fault of a certificate."""


def certified(fault: str, folder: Path) -> tuple[ssl.SSLContext, str | None]:
    """A server's context whose certificate has this fault, and the file of authorities that shows only it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    now, day = datetime.now(UTC), timedelta(days=1)
    made: dict[str, Callable[[], trustme.LeafCert]] = {
        "another name": lambda: authority.issue_cert("ci.example.com"),
        "expired": lambda: authority.issue_cert(NAME, not_before=now - 9 * day, not_after=now - day),
        "not yet valid": lambda: authority.issue_cert(NAME, not_before=now + day, not_after=now + 9 * day),
        "of an unknown authority": lambda: authority.issue_cert(NAME),
    }
    if fault == "signed by itself":
        key = folder / "own.pem"
        key.write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
        context.load_cert_chain(key)
        return context, None
    made[fault]().configure_cert(context)
    return context, None if fault == "of an unknown authority" else str(folder / "ca.pem")


def http(head: str, body: bytes = b"") -> bytes:
    """An answer with these lines of head."""
    return f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def answering(answer: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server, of TLS with a `context`, that reads once and answers this."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                connection = context.wrap_socket(self.request, server_side=True) if context else self.request
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


_SERVERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "jenkins": ("Jenkins", {"username": "ci", "token": "canary-token", "job": "app"}),
    "codearts": ("CodeArts", {"access_key": "AK", "secret_key": "canary-key", "job_id": "0" * 32}),
    "drone": ("Drone", {"token": "canary-token", "api": "drone", "repository": "acme/shop"}),
    "alauda": ("Alauda", {"token": "canary-token", "repository": "acme/shop"}),
    "github-actions": (
        "GitHub",
        {"token": "canary-token", "repository": "acme/shop", "workflow": "build.yml"},
    ),
    "gitea-actions": (
        "Gitea or Forgejo",
        {"token": "canary-token", "repository": "acme/shop", "workflow": "build.yml"},
    ),
    "gitlab-ci": ("GitLab", {"token": "canary-token", "project": "acme/shop"}),
}
BUILD_SERVERS: Final[Mapping[str, str]] = {kind: name for kind, (name, _) in _SERVERS.items()}
"""The kinds of builders behind HTTP, and what sentences call the server of each."""


def builder_at(kind: str, url: str, **changes: Any) -> dict[str, Any]:
    """The settings of a builder there."""
    return {"kind": kind, "url": url} | dict(_SERVERS[kind][1]) | changes
