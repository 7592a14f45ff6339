"""The API as browsers and caches use it: pages of other addresses, HEAD, and what is sent only once."""

from collections.abc import Iterator

import httpx
import pytest
from support.daemon import NO_TLS, SECRET, TOKEN, Daemon, running
from support.sending import push_body, signed

PAGE = "https://ci.example.com"
CONFIG = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "api": {"tokens": [TOKEN], "cors": {"origins": [PAGE, "http://localhost:3000"]}},
}
ASKS = {"access-control-request-method": "PUT", "access-control-request-headers": "authorization, if-match"}
ALLOWED = "access-control-allow-origin"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running(tmp_path_factory.mktemp("daemon"), CONFIG, {}) as started:
        yield started


@pytest.fixture
def client(daemon: Daemon) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=daemon.url, headers={"authorization": f"Bearer {TOKEN}"}, verify=NO_TLS
    ) as opened:
        yield opened


@pytest.mark.parametrize("path", ["/v1/builds", "/alauda/v1/builds", "/api/builds", "/v1/job/list"])
@pytest.mark.parametrize("origin", [PAGE, "http://localhost:3000"])
def test_a_page_that_is_named_may_call_every_dialect(client: httpx.Client, path: str, origin: str) -> None:
    asked = client.options(path, headers=ASKS | {"origin": origin})
    assert (asked.status_code, asked.headers[ALLOWED]) == (200, origin)
    assert "PUT" in asked.headers["access-control-allow-methods"]
    assert "if-match" in asked.headers["access-control-allow-headers"].lower()
    answer = client.get(path, headers={"origin": origin})
    assert (answer.status_code, answer.headers[ALLOWED]) == (200, origin)
    assert {"ETag", "X-Request-Id"} <= set(answer.headers["access-control-expose-headers"].split(", "))
    assert {"Origin", "Authorization"} <= set(answer.headers["vary"].split(", "))
    # No cookie and no password of the browser is sent.
    assert "access-control-allow-credentials" not in answer.headers


def test_a_page_hears_why_a_call_was_not_done(client: httpx.Client) -> None:
    answer = client.get("/v1/builds?nothing=1", headers={"origin": PAGE})
    assert (answer.status_code, answer.headers[ALLOWED]) == (400, PAGE)


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "http://ci.example.com", f"{PAGE}:8443", "null"]
)
def test_other_pages_may_not(client: httpx.Client, origin: str) -> None:
    asked = client.options("/v1/builds", headers=ASKS | {"origin": origin})
    assert (asked.status_code, ALLOWED in asked.headers) == (400, False)
    assert ALLOWED not in client.get("/v1/builds", headers={"origin": origin}).headers


def test_no_page_may_send_deliveries(client: httpx.Client) -> None:
    body = push_body("https://git.example.com/acme/shop.git")
    answer = client.post("/hooks/plain", content=body, headers=signed(body, "1") | {"origin": PAGE})
    assert (answer.status_code, ALLOWED in answer.headers) == (202, False)
    asked = client.options("/hooks/plain", headers=ASKS | {"origin": PAGE})
    assert (asked.status_code, ALLOWED in asked.headers) == (405, False)
    assert ALLOWED not in client.get("/healthz", headers={"origin": PAGE}).headers


@pytest.mark.parametrize("path", ["/v1/builds", "/api/builds", "/v1/job/list", "/openapi.json"])
def test_head_is_get_without_its_body(client: httpx.Client, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    same = ("etag", "content-length", "content-type", "cache-control")
    assert [head.headers[name] for name in same] == [got.headers[name] for name in same]
    assert client.head(path, headers={"if-none-match": got.headers["etag"]}).status_code == 304


def test_the_head_of_the_stream_of_events_ends(client: httpx.Client) -> None:
    answer = client.head("/v1/events")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    # A stream would still be sent on this connection.
    assert client.get("/v1/builds").status_code == 200


def test_what_a_client_has_is_not_sent_again(client: httpx.Client) -> None:
    document = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"if-none-match": document.headers["etag"]})
    assert (again.status_code, again.content, len(document.content) > 50_000) == (304, b"", True)
    # The connection is still good for the next request.
    assert client.get("/v1/builds").status_code == 200
