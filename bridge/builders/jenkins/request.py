"""What is asked of a Jenkins server: how it is reached, and what one request carries."""

import io
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from bridge.runtime import lease


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAccess:
    """How to reach the server; `timeout` in seconds bounds a call from end to end.

    `secret` is an API token of the user, or the password.
    """

    url: str
    username: str
    secret: str
    by_password: bool
    timeout: float
    ca_file: str | None
    proxy: str | None
    concurrency: int


Window = Callable[[Mapping[str, str]], tuple[int, int]]
"""From the headers of a good answer: how many bytes to pass over, and how many to keep."""


class Body(io.BytesIO):
    """The body of a POST, which can be withdrawn as long as no byte of it was sent; `kind` is its media type.

    Jenkins acts only on a complete body. One that was withdrawn unread therefore proves that nothing
    happened, and a thread that timed out cannot start a build later.
    """

    def __init__(self, content: bytes, kind: str) -> None:
        super().__init__(content)
        self.kind = kind
        self._lock = threading.Lock()
        self._withdrawn = False

    def read(self, size: int | None = -1) -> bytes:
        with self._lock:
            if self._withdrawn:
                raise OSError("the request was cancelled before it was sent")
            lease.require()
            return super().read(size)

    def withdraw(self) -> bool:
        """Forbid any further reading; True if nothing had been read."""
        with self._lock:
            self._withdrawn = True
            return self.tell() == 0

    def rewind(self) -> None:
        """Make it as if no byte had been read: the answer was that nothing happened."""
        with self._lock:
            self.seek(0)


class Form(Body):
    """The fields of a form."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(urlencode(fields).encode(), "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class Request:
    """`crumb` says that it needs one, `session` which run of Jenkins is known."""

    method: str
    path: str
    body: Body | None
    window: Window
    crumb: bool
    session: str | None
