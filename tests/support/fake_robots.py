"""Group robots on loopback that check what their vendors document, and servers that misbehave."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from socket import AF_INET, SOCK_STREAM, socket
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.demo.robot import robot_app

START = 1_700_000_000.0
Script = Callable[[Request], Awaitable[Response]]


@dataclass
class Turnable:
    """A clock that stands until it is turned."""

    now: float = START

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeRobot:
    """A running robot: its address, what it took, and answers to give before any check."""

    url: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    scripted: deque[Script] = field(default_factory=deque)
    requests: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The markdown of the one message taken."""
        (message,) = self.messages
        part = message["markdown"]
        return str(part.get("text", part.get("content")))


def answer(status: int, body: bytes, content_type: str = "application/json", **headers: str) -> Script:
    """The script that answers just this."""

    async def give(_request: Request) -> Response:
        return Response(body, status, {"content-type": content_type, **headers})

    return give


def errcode(code: int, errmsg: str = "as scripted") -> Script:
    return answer(200, json.dumps({"errcode": code, "errmsg": errmsg}).encode())


async def hang(_request: Request) -> Response:
    """The script that takes the request and never answers."""
    await anyio.sleep_forever()
    raise AssertionError


class _Broken(Response):
    """An answer that announces a body and breaks off."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        head = [(b"content-type", b"application/json"), (b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": head})


async def broken(_request: Request) -> Response:
    """The script that takes the request and breaks off in the answer."""
    return _Broken()


class Scripted:
    """An app whose scripted answers come first."""

    def __init__(self, app: ASGIApp, robot: FakeRobot) -> None:
        self._app = app
        self._robot = robot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self._robot.requests.append(str(request.url))
        if not self._robot.scripted:
            await self._app(scope, receive, send)
            return
        await request.body()
        response = await self._robot.scripted.popleft()(request)
        await response(scope, receive, send)


def bound_listener() -> socket:
    """A socket on a free port of loopback."""
    listener = socket(AF_INET, SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    return listener


class _Server(uvicorn.Server):
    """Ends when it is asked to: uvicorn looks for that ten times a second, and then waits as long again."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = anyio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.ended.wait()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        while self.server_state.connections:
            await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def served(app: ASGIApp, listener: socket) -> AsyncIterator[None]:
    """The app behind the listening socket, for as long as the block lasts."""
    config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none", access_log=False)
    server = _Server(config)

    async def serve() -> None:
        with anyio.CancelScope(shield=True):  # a failing test must not leave sockets open
            await server._serve([listener])  # without its signal handlers

    async with anyio.create_task_group() as tasks:
        listener.listen()
        tasks.start_soon(serve)
        try:
            yield
        finally:
            server.ended.set()


@asynccontextmanager
async def dingtalk_robot(
    clock: Callable[[], float],
    *,
    secret: str | None = "this is secret",
    keywords: tuple[str, ...] = (),
    token: str = "0123456789abcdef" * 4,
) -> AsyncIterator[FakeRobot]:
    """The robot of the demonstration, with scripts."""
    listener = bound_listener()
    port = listener.getsockname()[1]
    robot = FakeRobot(f"http://127.0.0.1:{port}/robot/send?access_token={token}")
    app = robot_app(
        token=token,
        secret=secret,
        keywords=keywords,
        clock=clock,
        on_message=lambda message: robot.messages.append(dict(message)),
    )
    async with served(Scripted(app, robot), listener):
        yield robot


@asynccontextmanager
async def rude_server() -> AsyncIterator[str]:
    """A host:port that reads a request and breaks the connection without a word."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, handle)
        yield f"127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        tasks.cancel_scope.cancel()
