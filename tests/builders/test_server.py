"""Calls of build servers: what is known to have been sent, and how much of an answer is read."""

import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import TypeAdapter
from support.fake_http import FakeServer, Reply, json_reply, served
from support.wrong_servers import answering, certified

from bridge.builders.server import BuildServer
from bridge.builders.settings import ServerSettings
from bridge.errors import NotSent, Permanent, Transient, Unanswered

ANY = TypeAdapter(Any)


class Numbers(FakeServer):
    """It answers every request with 7."""

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        return json_reply(7)


@pytest.fixture
def numbers() -> Iterator[Numbers]:
    with served(Numbers()) as server:
        yield server


@asynccontextmanager
async def server_at(url: str, **settings: Any) -> AsyncIterator[BuildServer]:
    server = BuildServer("CI", ServerSettings.model_validate({"url": url, **settings}), {})
    try:
        yield server
    finally:
        await server.aclose()


async def test_without_a_tunnel_no_body_was_sent() -> None:
    """A proxy that takes the connection and says nothing: TLS behind it has not begun."""
    raised: dict[bytes | None, type[Exception]] = {}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with server_at("https://ci.example.com", proxy=proxy, timeout="1s") as ci:

            async def post(content: bytes | None) -> None:
                with pytest.raises(Transient) as caught:
                    await ci.call("POST", "build", content=content)
                raised[content] = type(caught.value)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(post, b"{}")
                tasks.start_soon(post, None)
    assert raised == {b"{}": NotSent, None: Unanswered}


async def test_a_body_that_was_sent_may_have_been_acted_on(numbers: Numbers) -> None:
    numbers.trouble("reset")
    async with server_at(numbers.url) as ci:
        with pytest.raises(Unanswered, match="CI broke off"):
            await ci.call("POST", "build", content=b"{}")
    assert numbers.bodies == [b"{}"]


async def test_plain_http_towards_a_port_of_tls_was_not_sent_and_is_named(tmp_path: Path) -> None:
    context, _ = certified("of an unknown authority", tmp_path)
    with answering(b"", context) as port:
        async with server_at(f"http://127.0.0.1:{port}") as ci:
            with pytest.raises(NotSent, match="CI speaks TLS: write https:// in `url`"):
                await ci.call("POST", "build", content=b"{}")


async def test_a_server_that_has_answered_does_not_speak_tls_later(numbers: Numbers, tmp_path: Path) -> None:
    """A port that changed hands while a body was under way: what became of the body is not known."""
    context, _ = certified("of an unknown authority", tmp_path)
    async with server_at(numbers.url) as ci:
        assert await ci.read("numbers", ANY) == 7
        with answering(b"", context) as port:
            ci.url = f"http://127.0.0.1:{port}/"
            with pytest.raises(Unanswered, match="CI broke off"):
                await ci.call("POST", "build", content=b"{}")


async def test_tls_towards_a_plain_port_was_not_sent_and_is_named(numbers: Numbers) -> None:
    async with server_at(numbers.url.replace("http:", "https:")) as ci:
        with pytest.raises(NotSent, match="CI answers without TLS at this port: write http:// in `url`"):
            await ci.call("POST", "build", content=b"{}")
    assert numbers.bodies == []


async def test_a_404_of_a_web_page_says_nothing_of_the_document(numbers: Numbers) -> None:
    page = Reply(404, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html><title>404</title></html>")
    async with server_at(numbers.url) as ci:
        numbers.trouble(reply=json_reply({}, 404))
        assert await ci.read("project", ANY) is None
        numbers.trouble(reply=page)
        with pytest.raises(Transient, match="`url` shows a web page, not the API of CI"):
            await ci.read("project", ANY)


async def test_sentences_name_the_setting_that_has_the_address() -> None:
    settings = ServerSettings.model_validate({"url": "http://127.0.0.1:1"})
    iam = BuildServer("IAM", settings, {}, setting="iam_url")
    with pytest.raises(NotSent, match="IAM refuses connections: check that it runs, and `iam_url`"):
        await iam.call("GET", "token")
    await iam.aclose()


async def test_no_more_is_read_than_was_asked_for() -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (2 << 20)
    with answering(whole) as port:
        async with server_at(f"http://127.0.0.1:{port}") as ci:
            answer = await ci.call("GET", "log", limit=1000)
    assert (len(answer.body), answer.truncated) == (1000, True)


async def test_a_document_that_is_too_long_is_no_document(numbers: Numbers) -> None:
    async with server_at(numbers.url) as ci:
        numbers.trouble(reply=Reply(200, {}, b" " * (33 << 20)))
        with pytest.raises(Permanent, match="more than 32 MiB"):
            await ci.read("numbers", ANY)
        numbers.trouble(reply=Reply(500, {}, b" " * (1 << 20)))
        answer = await ci.call("GET", "numbers")
        assert (len(answer.body), answer.truncated) == (64 << 10, True)
        assert await ci.read("numbers", ANY) == 7


async def test_a_redirect_is_never_followed_and_no_proxy_of_the_environment_used(
    numbers: Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with served(Numbers()) as elsewhere:
        numbers.trouble(reply=Reply(302, {"Location": f"{elsewhere.url}numbers"}))
        async with server_at(numbers.url) as ci:
            with pytest.raises(Permanent, match="another address"):
                await ci.read("numbers", ANY)
        assert elsewhere.requests == []
