"""A server that ends answers the requests it has in hand, however it comes to its end."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from starlette.types import Receive, Scope, Send
from support.daemon import NO_TLS

from bridge.config.settings import ServerSettings
from bridge.web.server import HttpServer, listen, make_server, port_of


class Slow:
    """An application whose answer waits for `may_answer`, behind as much of it as is `begun` at once."""

    def __init__(self, *, begun: bool = False) -> None:
        self.asked, self.may_answer = anyio.Event(), anyio.Event()
        self.answered = False
        self._begun = begun

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"4")]}
        if self._begun:
            await send(start)
            await send({"type": "http.response.body", "body": b"k", "more_body": True})
        self.asked.set()
        await self.may_answer.wait()
        await send(start)
        await send({"type": "http.response.body", "body": b"kept"})
        self.answered = True


@asynccontextmanager
async def asked(
    app: Slow, grace_seconds: int, answers: list[httpx.Response]
) -> AsyncIterator[tuple[HttpServer, anyio.CancelScope]]:
    """The server while it has a request in hand, and what cancels it; `answers` gets what comes of it."""
    served = anyio.CancelScope()
    listener = listen("127.0.0.1", 0)
    server = make_server(app, ServerSettings(), grace_seconds=grace_seconds)

    async def serve() -> None:
        with served:
            try:
                await server.serve([listener])
            finally:
                for one in server.servers:
                    one.close()  # the loop does not end before
                assert app.answered or not grace_seconds, "who runs it now ends all that is left"

    async def ask(url: str) -> None:
        async with httpx.AsyncClient(verify=NO_TLS, timeout=20) as client:
            answers.append(await client.get(url))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        await server.wait_started()
        tasks.start_soon(ask, f"http://127.0.0.1:{port_of(listener)}/")
        await app.asked.wait()
        yield server, served


async def test_a_server_whose_daemon_crashes_still_gives_the_true_answer() -> None:
    app, answers = Slow(), list[httpx.Response]()
    with anyio.fail_after(20):
        async with asked(app, 10, answers) as (_, served):
            served.cancel()
            await anyio.wait_all_tasks_blocked()
            app.may_answer.set()
    assert [(answer.status_code, answer.text) for answer in answers] == [(202, "kept")]


async def test_what_takes_longer_than_the_end_may_is_to_be_sent_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers: list[httpx.Response] = []
    with anyio.fail_after(20):
        async with asked(Slow(), 0, answers) as (server, _):
            server.stop()
    [answer] = answers
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "again" in answer.text
    assert not [record for record in caplog.records if record.exc_info]


async def test_an_answer_that_has_begun_is_cut_off_then(caplog: pytest.LogCaptureFixture) -> None:
    with anyio.fail_after(20), pytest.RaisesGroup(httpx.RemoteProtocolError):
        async with asked(Slow(begun=True), 0, []) as (server, _):
            server.stop()
    assert not [record for record in caplog.records if record.exc_info]


async def test_what_its_server_logs_is_as_before_once_a_server_has_ended() -> None:
    before = logging.getLogger("uvicorn.error").filters[:]
    app = Slow()
    with anyio.fail_after(20):
        async with asked(app, 10, []) as (server, _):
            assert logging.getLogger("uvicorn.error").filters != before
            app.may_answer.set()
            server.stop()
    assert logging.getLogger("uvicorn.error").filters == before
