"""An offer to upgrade the protocol is ignored (RFC 9110 §7.8): the delivery is what it was without one."""

import hmac
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from support.connection import Connection
from support.daemon import SECRET, Daemon, running
from support.sending import push_body, signed
from support.waiting import eventually

H2C = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA",
)
"""As Java's HttpClient, Spring and curl send it."""
TLS = ("Upgrade: TLS/1.2", "Connection: Upgrade")
"""As Apache's HttpClient 5.4 sends it."""
OFFERS = {"h2c": H2C, "tls": TLS, "websocket": ("connection: keep-alive, upgrade", "upgrade: websocket")}
MOVE = {"ref": "refs/heads/main", "before": "b" * 40, "after": "c" * 40}
GITHUB_PUSH = MOVE | {
    "repository": {"full_name": "acme/shop", "clone_url": "https://git.example/acme/shop.git"}
}
GITLAB_PUSH = MOVE | {
    "object_kind": "push",
    "checkout_sha": "c" * 40,
    "project": {"path_with_namespace": "acme/shop", "git_http_url": "https://git.example/acme/shop.git"},
}
CONFIG: dict[str, Any] = {
    "sources": {
        "plain": {"kind": "Simple", "secrets": [SECRET]},
        "gitlab": {"kind": "GitLab", "secrets": [SECRET]},
        "github": {"kind": "GitHub", "secrets": [SECRET]},
    }
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("daemon"), CONFIG, {}) as started:
        yield started
        printed = started.output()
        assert started.stop() == 0
        assert "WebSocket" not in printed
        assert "pip install" not in printed
        assert not started.said("server.request_rejected", reason="Unsupported upgrade request.")


def request(source: str, identity: str, *more: str, chunked: bool = False) -> bytes:
    """A whole delivery, in bytes."""
    body = push_body(f"https://git.example/{identity}.git")
    match source:
        case "gitlab":
            body = json.dumps(GITLAB_PUSH | {"message": identity}).encode()
            headers = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": SECRET, "Idempotency-Key": identity}
        case "github":
            body = json.dumps(GITHUB_PUSH | {"compare": identity}).encode()
            digest = hmac.digest(SECRET.encode(), body, "sha256").hex()
            headers = {"X-GitHub-Event": "push", "X-GitHub-Delivery": identity}
            headers |= {"X-Hub-Signature-256": f"sha256={digest}"}
        case _:
            headers = {name: value for name, value in signed(body, identity).items() if "type" not in name}
    lines = [f"POST /hooks/{source} HTTP/1.1", "Host: x", "Content-Type: application/json"]
    lines += [*(f"{name}: {value}" for name, value in headers.items()), *more]
    lines.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode()
    if not chunked:
        return head + body
    half = len(body) // 2
    pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:half], body[half:], b"")]
    return head + b"".join(pieces)


def statuses(line: Connection, count: int) -> list[int]:
    """Those of so many answers."""
    heard = b""
    with suppress(ConnectionError):
        while heard.count(b"HTTP/1.1 ") < count and (more := line.socket.recv(65536)):
            heard += more
    return [int(answer[:3]) for answer in heard.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("source", ["plain", "github", "gitlab"])
@pytest.mark.parametrize("offer", OFFERS)
def test_a_delivery_with_an_offer_to_upgrade_keeps_its_body(daemon: Daemon, source: str, offer: str) -> None:
    with Connection(daemon) as line:
        line.say(request(source, f"{offer} to {source}", *OFFERS[offer]))
        answer = b""
        while not answer.endswith(b"}"):
            answer += line.socket.recv(4096)
    assert answer.startswith(b"HTTP/1.1 202 ")
    identity = json.loads(answer.rpartition(b"\r\n")[2])["id"]
    eventually(lambda: daemon.said("delivery.decided", delivery_id=identity))
    assert daemon.said("delivery.decided", delivery_id=identity, state="ignored"), "no dead letter"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("offer", OFFERS)
def test_no_border_of_a_packet_makes_a_difference(daemon: Daemon, offer: str, chunked: bool) -> None:
    """The first packet ends at each byte around the head's end, and at one of every few others."""
    whole = request("github", "measured", *OFFERS[offer], chunked=chunked)
    end = whole.index(b"\r\n\r\n")
    for border in sorted({*range(end - 2, end + 8), *range(1, len(whole), 61), len(whole) - 1}):
        whole = request("github", f"{offer} {chunked} {border}", *OFFERS[offer], chunked=chunked)
        with Connection(daemon) as line:
            line.say(whole[:border])
            line.say(whole[border:])
            assert line.status() == 202, border


def test_a_packet_for_each_byte(daemon: Daemon) -> None:
    with Connection(daemon) as line:
        for byte in request("github", "byte by byte", *H2C, chunked=True):
            line.say(bytes([byte]))
        assert line.status() == 202


def test_the_connection_goes_on_after_an_offer(daemon: Daemon) -> None:
    """Each with its own body, among others without an offer and one without a body, all in one packet."""
    look = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    parts = [request("plain", f"one of many {n}", *(H2C if n % 2 else ())) for n in range(6)]
    with Connection(daemon) as line:
        line.say(b"".join([parts[0], parts[1], look, *parts[2:], look]))
        assert statuses(line, 8) == [202, 202, 200, 202, 202, 202, 202, 200]
        line.say(request("plain", "one more", *TLS))
        assert line.status() == 202


def test_thousands_of_offers_in_a_row_end_nothing(daemon: Daemon) -> None:
    look = b"GET /readyz HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    with Connection(daemon) as line:
        line.say(look * 3000)
        assert statuses(line, 3000) == [200] * 3000


def test_a_tunnel_is_refused(daemon: Daemon) -> None:
    with Connection(daemon) as line:
        line.say("CONNECT git.example:443 HTTP/1.1", "Host: git.example:443", "", b"hello")
        assert line.status() == 400
        assert line.is_closed()
