"""A bare ASGI application that answers with the body, on the server settings of Buildbridge."""

import sys

import anyio
from starlette.types import Receive, Scope, Send

from bridge.config.settings import ServerSettings
from bridge.web.server import listen, make_server


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 202, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


async def main(port: int) -> None:
    settings = ServerSettings(port=port)
    server = make_server(echo, settings, grace_seconds=1)
    await server.serve(sockets=[listen(settings.host, settings.port)])


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]), backend_options={"use_uvloop": True})
