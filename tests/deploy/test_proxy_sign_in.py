"""Signing in by a proxy as the guide `pages` says: real nginx and Caddy, and the protocol of oauth2-proxy."""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import yaml
from support.daemon import SECRET, TOKEN, Daemon, running
from support.guides import blocks
from support.ports import free_port
from support.reverse_proxies import NAME, Proxy, caddy, certificate_in, nginx, proxying
from support.sending import push_body, signed

from bridge.registry import ADAPTERS
from bridge.runtime.topics import topics

BODY = push_body("https://git.example.com/acme/shop.git")
ANN = {"cookie": "_oauth2_proxy=ann@example.com"}
EVE = {"cookie": "_oauth2_proxy=eve@example.com"}
SAME = {"sec-fetch-site": "same-origin"}
FORGED = {"x-forwarded-user": "ann@example.com"}
(GUIDE,) = [topic.text("en") for topic in topics(ADAPTERS) if topic.name == "pages"]


class SignIn(BaseHTTPRequestHandler):
    """What oauth2-proxy answers: who has its cookie is who stands in it."""

    def do_GET(self) -> None:
        user = (self.headers.get("cookie") or "").rpartition("_oauth2_proxy=")[2]
        if self.path.startswith("/oauth2/auth"):
            self.send_response(202 if user else 401)
            if user:
                self.send_header("X-Auth-Request-Email", user)
        else:
            self.send_response(200)
        self.end_headers()
        if self.path.startswith("/oauth2/sign_in"):
            self.wfile.write(b"sign in here")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name that the library has
        pass


def of_guide(language: str, mark: str) -> str:
    (found,) = [one for one in re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL) if mark in one]
    return str(found)


def cut(site: str, first: str, last: str, instead: str) -> str:
    """The text with something in place of what begins and ends so."""
    found = re.search(rf"{first}.*?{last}", site, re.DOTALL)
    assert found is not None
    return site.replace(found[0], instead)


def with_nginx(port: int) -> Callable[[str], str]:
    def edit(site: str) -> str:
        site = cut(site, r"    location / \{", r"\n    \}\n", "")
        site = cut(site, r"    # Streams last", r"\n    \}\n", "")
        block = of_guide("nginx", "auth_request").replace("4180", str(port))
        return cut(site, r"    proxy_set_header X-Forwarded-User", r'";\n', block)

    return edit


def with_caddy(port: int) -> Callable[[str], str]:
    def edit(site: str) -> str:
        block = of_guide("text", "forward_auth").replace("4180", str(port))
        return cut(site, r"\trespond @inside", r"127\.0\.0\.1:8088\n", block)

    return edit


@pytest.fixture(scope="module")
def sign_in() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), SignIn) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    (config,) = [yaml.safe_load(one) for one in blocks(GUIDE, "yaml") if "sign_in" in one]
    server = {name: value for name, value in config["server"].items() if name not in {"host", "port"}}
    more = {"sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}}}
    with running(tmp_path_factory.mktemp("daemon"), {"server": server, **more}, {}) as started:
        yield started


@pytest.fixture(scope="module", params=[(nginx, with_nginx), (caddy, with_caddy)], ids=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, daemon: Daemon, sign_in: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    make, edited = request.param
    folder, port = tmp_path_factory.mktemp(make.__name__), free_port()
    certificate = certificate_in(tmp_path_factory.mktemp("certificate"))
    command = make(folder, daemon, port, certificate, edited(sign_in))
    with proxying(command, folder, port, certificate) as made:
        yield made


def test_who_is_signed_in_at_the_proxy_reads_and_changes_with_its_role(proxy: Proxy) -> None:
    account = proxy.call("GET", "/account", headers=ANN | {"accept-language": "en"})
    assert account.status_code == 200
    assert "ann@example.com" in account.text
    assert f"https://{NAME}/oauth2/sign_out" in account.text
    assert proxy.call("GET", "/admin/audit", headers=ANN).status_code == 200
    assert proxy.call("GET", "/admin/audit", headers=EVE).status_code == 403
    assert proxy.call("POST", "/v1/reload", headers=ANN | SAME).status_code == 200
    assert proxy.call("POST", "/account/times", data={"to": "server"}, headers=ANN | SAME).status_code == 303


def test_who_is_not_is_asked_to_sign_in_and_cannot_name_itself(proxy: Proxy) -> None:
    for headers in ({}, FORGED, FORGED | {"x-forwarded-for": "127.0.0.1"}):
        answer = proxy.call("GET", "/account", headers=headers)
        assert "ann@example.com" not in answer.text
        assert answer.status_code in {200, 302}
        assert answer.text == "sign in here" or "/oauth2/sign_in" in answer.headers["location"]
    forged = proxy.call("GET", "/admin/audit", headers=EVE | FORGED)
    assert forged.status_code == 403
    # A program with a wrong token and a forged name is no one, too.
    wrong = {"authorization": "Bearer wrong"} | FORGED
    assert proxy.call("GET", "/v1/audit", headers=wrong).status_code == 401


def test_another_site_cannot_use_the_sign_in_of_the_proxy(proxy: Proxy) -> None:
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.example.com"}
    answer = proxy.call("POST", "/account/times", data={"to": "server"}, headers=ANN | foreign)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_programs_and_git_hosts_pass_without_sign_in(proxy: Proxy) -> None:
    token = {"authorization": f"Bearer {TOKEN}"}
    assert proxy.call("GET", "/v1/audit", headers=token).status_code == 200
    headers = signed(BODY, f"signed in {proxy.port}")
    assert proxy.call("POST", "/hooks/plain", content=BODY, headers=headers).status_code == 202
