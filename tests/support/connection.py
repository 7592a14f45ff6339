"""A bare connection to the daemon."""

import socket
from contextlib import suppress
from typing import Self

from support.daemon import Daemon


class Connection:
    """A bare connection, for what no HTTP library would send."""

    def __init__(self, daemon: Daemon) -> None:
        self.socket = socket.create_connection(("127.0.0.1", daemon.port), timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, *lines: str | bytes) -> None:
        text = b"".join(line if isinstance(line, bytes) else f"{line}\r\n".encode() for line in lines)
        self.socket.sendall(text)

    def head(self, *headers: str, path: str = "/hooks/plain") -> None:
        self.say(f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers, "")

    def status(self) -> int | None:
        """The status of the answer; None when the other side hangs up without one."""
        heard = b""
        try:
            while b"\r\n" not in heard and (more := self.socket.recv(4096)):
                heard += more
        except ConnectionError:
            return None
        return int(heard.split()[1]) if heard else None

    def is_closed(self) -> bool:
        """Waits until the other side has hung up."""
        with suppress(ConnectionError):
            while self.socket.recv(65536):
                pass
        return True
