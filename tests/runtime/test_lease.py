"""Who may be replaced by others sends nothing more: not even what was about to be sent."""

import math
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import anyio
import pytest

from bridge.builders.jenkins.request import Body
from bridge.builders.server import BuildServer
from bridge.builders.settings import ServerSettings
from bridge.errors import NotSent
from bridge.runtime import lease
from bridge.runtime.http_client import ReachPolicy, call_json

_SECONDS = 10.0


class Listener:
    """Takes one connection: the lease of who connects ends with that. Keeps what is sent all the same."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(_SECONDS)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.received: bytes | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            connection, _ = self._socket.accept()
            with connection:
                connection.settimeout(_SECONDS)
                self.received = connection.recv(1 << 16)

    def close(self) -> None:
        if self.received is None:
            self._socket.shutdown(socket.SHUT_RDWR)  # no one has come
        self._thread.join(2 * _SECONDS)
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    lease.hold(math.inf)
    found.close()


async def test_a_call_whose_lease_ended_while_it_connected_sends_nothing(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease.hold(lease.now() + 3600)
    real = lease.now
    asked = 0

    def late() -> float:
        nonlocal asked
        asked += 1
        return real() + 7200

    monkeypatch.setattr(lease, "now", late)
    with pytest.raises(NotSent, match="other nodes may have taken over"):
        await call_json("POST", listener.url, ReachPolicy(allow_private=True), b"{}")
    assert asked == 1
    with anyio.fail_after(_SECONDS):
        while listener.received is None:  # noqa: ASYNC110  # another thread reads it
            await anyio.sleep(0.01)
    assert listener.received == b"", "it had connected"


async def test_a_build_server_is_asked_for_nothing_but_reads(listener: Listener) -> None:
    settings = ServerSettings.model_validate({"url": listener.url, "timeout": "5s"})
    server = BuildServer("the server", settings, {})
    lease.hold(0)
    with pytest.raises(NotSent):
        await server.call("POST", "/builds", content=b"{}")
    with pytest.raises(NotSent):
        await server.call("DELETE", "/builds/1")
    assert listener.received is None


def test_a_body_is_not_read_any_more() -> None:
    body = Body(b"parameters", "application/json")
    lease.hold(0)
    with pytest.raises(NotSent):
        body.read()
    assert body.withdraw(), "so nothing of it was sent"
    lease.hold(math.inf)
