"""What stands around a body: a head has an end, and what comes behind the body is none."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from support.attack import resident
from support.connection import Connection
from support.daemon import NO_TLS, SECRET, Daemon, running
from support.sending import push_body, send, signed

from bridge.web.server import MAX_HEAD

CONFIG: dict[str, Any] = {
    "server": {"trusted_proxies": ["127.0.0.1"]},
    "sources": {
        "plain": {"kind": "Simple", "secrets": [SECRET]},
        "far": {"kind": "Simple", "secrets": [SECRET], "allow": ["192.0.2.0/24"]},
    },
}
BODY = push_body("https://git.example.com/acme/shop.git")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("daemon"), CONFIG, {}) as started:
        yield started
        assert started.stop() == 0, "whatever strangers sent"


def chunked(identity: str, *more: str) -> list[str]:
    lines = [f"{name}: {value}" for name, value in signed(BODY, identity).items() if name != "content-type"]
    return [*lines, "Transfer-Encoding: chunked", *more]


@pytest.mark.parametrize(
    "start", ["POST /hooks/plain?", "POST / HTTP/1.1\r\nX-Long: ", "POST / HTTP/1.1\r\n"]
)
def test_a_head_without_an_end_is_cut_off_at_once(daemon: Daemon, start: str) -> None:
    before, begun, sent = resident(daemon), time.monotonic(), 0
    piece = b"x" * 1024 if start.endswith(("?", " ")) else b"X-Many: x\r\n" * 100
    with Connection(daemon) as line:
        line.say(start.encode())
        with suppress(ConnectionError):
            while sent < 64 << 20:
                line.say(piece)
                sent += len(piece)
        assert line.status() in {431, 400, None}
    assert sent < 32 << 20, "what the system buffers, and no more"
    assert time.monotonic() - begun < 5, "long before the deadline"
    assert resident(daemon) - before < 16 << 20


def test_a_head_of_a_long_cookie_and_a_long_body_are_taken(daemon: Daemon) -> None:
    with Connection(daemon) as line:
        line.head(*chunked("a long cookie", f"Cookie: {'x' * (MAX_HEAD // 2)}"))
        line.say(f"{len(BODY):x}", BODY, "", "0", "")
        assert line.status() == 202
    long = BODY + b" " * (1 << 20)
    assert send(daemon.url, long, "a long body").status_code == 202


def test_a_head_that_is_too_large_is_answered_so(daemon: Daemon) -> None:
    with Connection(daemon) as line:
        line.say("POST /hooks/plain HTTP/1.1", f"Cookie: {'x' * MAX_HEAD}")
        assert line.status() == 431


def test_who_asks_whether_to_send_the_body_is_asked_for_it(daemon: Daemon) -> None:
    """As curl does with a long one; it waits for the answer."""
    headers = signed(BODY, "asked for first") | {"content-length": str(len(BODY)), "expect": "100-continue"}
    del headers["content-type"]
    with Connection(daemon) as line:
        line.head(*(f"{name}: {value}" for name, value in headers.items()))
        assert line.status() == 100
        line.say(BODY)
        assert line.status() == 202


def test_each_request_of_a_connection_has_the_whole_room_for_its_head(daemon: Daemon) -> None:
    cookie = {"cookie": "x" * (MAX_HEAD // 2)}
    with httpx.Client(verify=NO_TLS) as client:
        for number in range(4):
            headers = signed(BODY, f"kept alive {number}") | cookie
            assert client.post(f"{daemon.url}/hooks/plain", content=BODY, headers=headers).status_code == 202


def test_what_stands_behind_the_body_names_no_sender_and_proves_nothing(daemon: Daemon) -> None:
    text = f"{len(BODY):x}\r\n{BODY.decode()}\r\n0\r\n"
    with Connection(daemon) as line:
        line.head(*chunked("allowed?"), path="/hooks/far")
        line.say(text.encode(), "X-Forwarded-For: 192.0.2.7", "")
        assert line.status() == 403
    proof = signed(BODY, "proven?")
    with Connection(daemon) as line:
        line.head("Transfer-Encoding: chunked")
        line.say(text.encode(), *[f"{name}: {value}" for name, value in proof.items()], "")
        assert line.status() == 401


def test_a_trailer_without_an_end_is_cut_off(daemon: Daemon) -> None:
    sent = 0
    with Connection(daemon) as line:
        line.head("Transfer-Encoding: chunked")
        line.say("2", "{}", "0", b"X-Long: ")
        with suppress(ConnectionError):
            while sent < 64 << 20:
                line.say(b"x" * 1024)
                sent += 1024
    assert sent < 32 << 20
    assert send(daemon.url, BODY, "after the trailer").status_code == 202


FRAMED = (f"Content-Length: {len(BODY)}", "Content-Length: 3", "Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    "more",
    [
        ("Host: elsewhere.example.com", FRAMED[0]),
        ("Host: x", FRAMED[0]),
        FRAMED[:2],
        (FRAMED[0], FRAMED[0]),
        (FRAMED[0], FRAMED[2]),
        (FRAMED[2], FRAMED[0]),
    ],
    ids=[
        "two hosts",
        "the host twice",
        "two lengths",
        "the length twice",
        "length, chunked",
        "chunked, length",
    ],
)
def test_a_head_that_two_servers_may_read_differently_is_rejected(
    daemon: Daemon, more: tuple[str, ...]
) -> None:
    proofs = [
        f"{name}: {value}" for name, value in signed(BODY, "ambiguous").items() if name != "content-type"
    ]
    with Connection(daemon) as line:
        line.head(*proofs, *more)
        line.say(BODY)
        assert line.status() == 400
        assert line.is_closed(), "what follows is no request"


def test_a_target_with_a_host_is_its_path(daemon: Daemon) -> None:
    proofs = [
        f"{name}: {value}" for name, value in signed(BODY, "absolute").items() if name != "content-type"
    ]
    with Connection(daemon) as line:
        line.head(*proofs, FRAMED[0], path="http://elsewhere.example.com/hooks/plain")
        line.say(BODY)
        assert line.status() == 202


@pytest.mark.parametrize("path", ["/hooks/plain/", "//hooks/plain", "/hooks//plain", "//hooks/plain//"])
def test_slashes_too_many_lead_to_the_same_source(daemon: Daemon, path: str) -> None:
    answer = httpx.post(f"{daemon.url}{path}", content=BODY, headers=signed(BODY, path), verify=NO_TLS)
    assert answer.status_code == 202


@pytest.mark.parametrize("path", ["/v1/builds/", "/healthz/", "/hooks", "/openapi.json/", "//metrics"])
def test_no_answer_leads_to_another_address(daemon: Daemon, path: str) -> None:
    answer = httpx.get(f"{daemon.url}{path}", headers={"host": "evil.example.com"}, verify=NO_TLS)
    assert answer.status_code == 404
    assert "location" not in answer.headers
