import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
import trustme
from anyio.streams.tls import TLSListener
from support.fake_robots import rude_server

from bridge.errors import Permanent, Transient
from bridge.runtime.http_client import (
    MAX_ANSWER,
    AnswerLost,
    ReachPolicy,
    Reply,
    call_json,
    certificates,
    is_public,
    url_fault,
)

LOOPBACK = ReachPolicy(allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1",
        "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1",
        "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1", "2001::1", "2002:7f00:1::",
        "fe80::1", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_that_leads_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "203.119.169.1", "2400:3200::1"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_plain_http_needs_permission() -> None:
    assert url_fault("http://ci.example.com/x", allow_private=False)
    assert url_fault("http://ci.example.com/x", allow_private=True) is None


async def test_a_name_that_leads_inside_is_rejected() -> None:
    with pytest.raises(Permanent, match=r"localhost is at .*not public"):
        await call_json("POST", "https://localhost:1/x", ReachPolicy(), b"{}")


async def test_a_name_that_does_not_exist_means_that_nothing_was_sent() -> None:
    with pytest.raises(Transient, match="the name cannot be resolved") as caught:
        await call_json("POST", "https://no-such-host.invalid/secret-path", ReachPolicy(), b"{}")
    assert not isinstance(caught.value, AnswerLost)
    assert "secret-path" not in str(caught.value)


async def test_a_broken_connection_means_that_it_may_have_been_sent() -> None:
    async with rude_server() as host:
        with pytest.raises(AnswerLost) as caught:
            await call_json("POST", f"http://{host}/secret-path", LOOPBACK, b"{}")
    assert "secret-path" not in str(caught.value)


@asynccontextmanager
async def answering(
    body: bytes, context: ssl.SSLContext | None = None, *, headers: str = "Retry-After: 7"
) -> AsyncIterator[str]:
    """A URL on localhost that answers every request with this body."""

    async def handle(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            received = b""
            while not received.endswith(b"{}"):
                received += await stream.receive()
            head = f"HTTP/1.1 200 OK\r\n{headers}\r\nConnection: close\r\n\r\n"
            await stream.send(head.encode() + body)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    server = TLSListener(listener, context, standard_compatible=False) if context else listener
    async with server, anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, handle)
        yield f"{'https' if context else 'http'}://localhost:{port}/secret-path"
        tasks.cancel_scope.cancel()


async def test_an_answer_is_read() -> None:
    async with answering(b'{"a": 1}') as url:
        assert await call_json("POST", url, LOOPBACK, b"{}") == Reply(200, {"a": 1}, 7, text='{"a": 1}')


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("0", 0), ("3600", 3600), ("99999999", 3600), ("", None), ("-5", None), ("soon", None), ("²", None)],
)
async def test_a_pause_is_a_number_of_seconds_and_at_most_an_hour(said: str, seconds: float | None) -> None:
    async with answering(b"{}", headers=f"Retry-After: {said}") as url:
        assert (await call_json("POST", url, LOOPBACK, b"{}")).retry_after == seconds


async def test_a_date_in_an_answer_counts_from_the_clock_of_its_server() -> None:
    headers = "Date: Sat, 21 Nov 2020 02:00:00 GMT\r\nRetry-After: Sat, 21 Nov 2020 02:00:30 GMT"
    async with answering(b"{}", headers=headers) as url:
        assert (await call_json("POST", url, LOOPBACK, b"{}")).retry_after == 30


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async with answering(b" " * (MAX_ANSWER + 1)) as url:
        with pytest.raises(AnswerLost, match="is over 65536 bytes"):
            await call_json("POST", url, LOOPBACK, b"{}")


async def test_a_certificate_has_to_come_from_the_authorities_named(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ReachPolicy(allow_private=True, ca_file=tmp_path / "ca.pem")
    async with answering(b"{}", context) as url:
        assert (await call_json("POST", url, trusting, b"{}")).data == {}


async def test_a_certificate_of_a_stranger_stops_the_call_before_anything_is_sent() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    async with answering(b"{}", context) as url:
        with pytest.raises(Transient, match="set ca_file") as caught:
            await call_json("POST", url, LOOPBACK, b"{}")
    assert not isinstance(caught.value, AnswerLost)


def test_a_file_without_certificates_is_reported(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(Permanent, match="PEM"):
            certificates(tmp_path / name)
