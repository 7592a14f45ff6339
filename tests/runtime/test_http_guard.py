"""Where a call goes: the guard believes a name once, wants all of its addresses public, and gives none up."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import pytest

from bridge.errors import Permanent, Transient
from bridge.runtime import http_client as http
from bridge.runtime.http_client import AnswerLost, ReachPolicy, Reply, call_json

LOOPBACK = ReachPolicy(allow_private=True)
NAME = "robot.example.com"
MANY = [f"8.8.8.{number}" for number in range(1, 6)]


Names = Callable[..., None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What the name servers answer for NAME, one look-up after the other; the last answer stays."""
    answers: list[list[str]] = []
    real = anyio.getaddrinfo

    async def look_up(host: Any, port: Any, **named: Any) -> list[Any]:
        if host != NAME:
            return await real(host, port, **named)
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(anyio, "getaddrinfo", look_up)
    return lambda *given: answers.extend(given)


@asynccontextmanager
async def listening(address: str, port: int = 0) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server at a loopback address: its port, and what it was sent. It answers with its address."""
    heard: list[bytes] = []

    async def handle(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            received = b""
            while not received.endswith(b"{}"):
                received += await stream.receive()
            heard.append(received)
            await stream.send(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"%s"' % address.encode())

    async with (
        await anyio.create_tcp_listener(local_host=address, local_port=port) as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, handle)
        yield listener.extra(anyio.abc.SocketAttribute.local_port), heard
        tasks.cancel_scope.cancel()


async def test_a_name_that_leads_elsewhere_at_the_second_look_is_not_looked_up_again(names: Names) -> None:
    names(["127.0.0.1"], ["127.0.0.2"])
    async with AsyncExitStack() as stack:
        port, _ = await stack.enter_async_context(listening("127.0.0.1"))
        _, trapped = await stack.enter_async_context(listening("127.0.0.2", port))
        reply = await call_json("POST", f"http://{NAME}:{port}/secret-path", LOOPBACK, b"{}")
    assert reply == Reply(200, "127.0.0.1", None, text='"127.0.0.1"')
    assert trapped == []


@pytest.mark.parametrize(
    "addresses", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], [*MANY, "127.0.0.1"]], ids=range(3)
)
async def test_one_private_address_among_public_ones_is_enough_to_refuse_the_name(
    names: Names, addresses: list[str]
) -> None:
    names(addresses)
    with pytest.raises(Permanent, match=f"{NAME} is at .*1, which is not public"):
        await call_json("POST", f"https://{NAME}:9/x", ReachPolicy(), b"{}")


async def test_where_the_first_address_rejects_the_next_one_is_called(names: Names) -> None:
    names(["127.0.0.1", "127.0.0.3", "127.0.0.2"])
    async with listening("127.0.0.2") as (port, heard):
        reply = await call_json("POST", f"http://{NAME}:{port}/x", LOOPBACK, b"{}")
    assert reply.data == "127.0.0.2"
    assert len(heard) == 1


async def test_a_name_that_no_one_answers_for_means_that_nothing_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def look_up(*_: Any, **__: Any) -> list[Any]:
        await anyio.sleep_forever()
        return []

    monkeypatch.setattr(anyio, "getaddrinfo", look_up)
    monkeypatch.setattr(http, "CONNECT_TIMEOUT", 0.1)
    monkeypatch.setattr(http, "TOTAL_TIMEOUT", 5.0)
    with pytest.raises(Transient, match="could not be looked up in time") as caught:
        await call_json("POST", f"http://{NAME}/x", LOOPBACK, b"{}")
    assert not isinstance(caught.value, AnswerLost)


@pytest.fixture
def silent() -> Iterator[tuple[int, list[str]]]:
    """A port of four loopback addresses where a call is neither taken nor refused."""
    addresses = [f"127.0.0.{number}" for number in range(1, 5)]
    with ExitStack() as stack:
        port = 0
        for address in addresses:
            listener = stack.enter_context(socket.socket())
            listener.bind((address, port))
            listener.listen(0)
            port = listener.getsockname()[1]
            for _ in range(2):  # the queue of connections that no one accepts is full then
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex((address, port))
        yield port, addresses


async def test_addresses_that_never_answer_share_the_time_for_one(
    names: Names, silent: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, addresses = silent
    names(addresses)
    monkeypatch.setattr(http, "CONNECT_TIMEOUT", 0.4)
    monkeypatch.setattr(http, "TOTAL_TIMEOUT", 1.2)
    with pytest.raises(Transient, match="cannot connect") as caught:
        await call_json("POST", f"http://{NAME}:{port}/x", LOOPBACK, b"{}")
    assert not isinstance(caught.value, AnswerLost)
