"""The body of a request: read once, within its limit, also by who verifies a signature over it."""

from typing import Final

from starlette.requests import ClientDisconnect, Request

from bridge.web.api.core.errors import Invalid

MAX_BODY: Final = 1 << 20
"""Bytes of a request's body: rules are far smaller."""


async def body_of(request: Request) -> bytes:
    """The whole body. Raises Invalid."""
    if not hasattr(request.state, "body"):
        request.state.body = await _read(request)
    body: bytes = request.state.body
    return body


async def _read(request: Request) -> bytes:
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                raise Invalid([f"the body is over {MAX_BODY} bytes"])
    except ClientDisconnect:
        raise Invalid(["the client closed the connection before the end of the body"]) from None
    return bytes(body)
