"""The configurations of nginx and Caddy that are shipped, with the real programs before the real daemon."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from support.daemon import NO_TLS, SECRET, TOKEN, Daemon, running
from support.ports import free_port
from support.reverse_proxies import NAME, Proxy, caddy, certificate_in, nginx, proxying
from support.sending import push_body, signed

BODY: Final = push_body("https://git.example.com/acme/shop.git")
CONFIG: dict[str, Any] = {
    "server": {"trusted_proxies": ["127.0.0.1"], "public_url": f"https://{NAME}"},
    "sources": {
        "plain": {"kind": "Simple", "secrets": [SECRET]},
        "far": {"kind": "Simple", "secrets": [SECRET], "allow": ["192.0.2.0/24"]},
    },
    "builders": {"here": {"kind": "dummy"}},
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("daemon"), CONFIG, {}) as started:
        yield started
        assert started.stop() == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_in(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module", params=[nginx, caddy])
def proxy(
    request: pytest.FixtureRequest,
    daemon: Daemon,
    certificate: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    folder, port = tmp_path_factory.mktemp(request.param.__name__), free_port()
    command = request.param(folder, daemon, port, certificate)
    with proxying(command, folder, port, certificate) as made:
        yield made


def test_a_delivery_is_answered_as_by_the_daemon(proxy: Proxy) -> None:
    name = f"through {proxy.port}"
    first, second = (
        proxy.call("POST", "/hooks/plain", content=BODY, headers=signed(BODY, name)) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json() == second.json()
    assert list(first.json()) == ["id"]
    assert first.headers["content-type"] == "application/json"
    wrong = proxy.call("POST", "/hooks/plain", content=BODY, headers=signed(BODY, name, secret="another"))
    assert (wrong.status_code, list(wrong.json())) == (401, ["error"])


@pytest.mark.parametrize("path", ["/hooks/plain/", "//hooks/plain"])
def test_slashes_too_many_are_passed_on_and_lead_to_the_source(proxy: Proxy, path: str) -> None:
    headers = signed(BODY, f"{path} {proxy.port}")
    assert proxy.call("POST", path, content=BODY, headers=headers).status_code == 202


def test_old_and_chunked_requests_pass(proxy: Proxy) -> None:
    proofs = [f"{name}: {text}" for name, text in signed(BODY, f"old {proxy.port}").items()]
    length = f"Content-Length: {len(BODY)}"
    heard = proxy.says("POST /hooks/plain HTTP/1.0", f"Host: {NAME}", *proofs, length, "", BODY)
    assert heard.split(b" ", 2)[1] == b"202"
    headers = signed(BODY, f"chunked {proxy.port}")
    halves = iter((BODY[:100], BODY[100:]))
    assert proxy.call("POST", "/hooks/plain", content=halves, headers=headers).status_code == 202


def test_a_body_up_to_the_limit_of_the_daemon_passes_and_no_larger_one(proxy: Proxy) -> None:
    body = push_body("https://git.example.com/acme/shop.git", padding="")
    filled = push_body("https://git.example.com/acme/shop.git", padding="x" * ((25 << 20) - len(body)))
    assert len(filled) == 25 << 20
    headers = signed(filled, f"large {proxy.port}")
    assert proxy.call("POST", "/hooks/plain", content=filled, headers=headers).status_code == 202
    # Caddy says 502 where the daemon has rejected the length before Caddy has counted the body.
    assert proxy.call("POST", "/hooks/plain", content=filled + b" ", headers=headers).status_code in {
        413,
        502,
    }


def test_the_daemon_sees_the_client_and_believes_no_client(proxy: Proxy) -> None:
    headers = signed(BODY, f"forged {proxy.port}") | {"x-forwarded-for": "192.0.2.7"}
    assert proxy.call("POST", "/hooks/far", content=BODY, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/healthz",
        "/readyz",
        "//metrics",
        "/%6detrics",
        "/metrics?x",
        "/v1/../metrics",
        "/metrics/",
    ],
)
def test_monitoring_is_closed_to_the_world(proxy: Proxy, daemon: Daemon, path: str) -> None:
    heard = proxy.says(f"GET {path} HTTP/1.1", f"Host: {NAME}", "Connection: close", "")
    assert heard.split(b" ", 2)[1] == b"404"
    assert b"buildbridge_" not in heard
    assert httpx.get(f"{daemon.url}/healthz", trust_env=False, verify=NO_TLS).status_code == 200


def test_two_hosts_are_rejected(proxy: Proxy) -> None:
    head = (
        "GET /v1/builds HTTP/1.1",
        f"Host: {NAME}",
        "Host: elsewhere.example.com",
        "Connection: close",
        "",
    )
    assert proxy.says(*head).split(b" ", 2)[1] == b"400"


def test_events_arrive_while_the_stream_goes_on(proxy: Proxy) -> None:
    def deliver(name: str) -> str:
        headers = signed(BODY, f"{name} {proxy.port}")
        return str(proxy.call("POST", "/hooks/plain", content=BODY, headers=headers).json()["id"])

    headers = {"host": NAME, "authorization": f"Bearer {TOKEN}", "last-event-id": "0"}
    url = f"https://127.0.0.1:{proxy.port}/v1/events"
    before, after = deliver("before"), ""
    with (
        httpx.Client(verify=proxy.tls, timeout=20, trust_env=False) as client,
        client.stream("GET", url, headers=headers, extensions={"sni_hostname": NAME}) as stream,
    ):
        assert stream.status_code == 200
        for line in stream.iter_lines():
            if before in line and not after:
                after = deliver("while it goes on")
            if after and after in line:
                return
    raise AssertionError("the stream has ended")
