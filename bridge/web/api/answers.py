"""The answers of our own API: JSON, in the envelope `{"code", "msg", "data"}`, with a true HTTP status."""

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bridge.errors import StoreError


def json_answer(content: object, status: int = 200) -> Response:
    """The content as JSON, without an envelope."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def success(data: object) -> Response:
    return json_answer({"code": 0, "msg": "ok", "data": data})


def failure(status: int, msg: str, data: object = None) -> Response:
    """`msg` is a sentence for people: what happened, why, and what to do."""
    return json_answer({"code": status, "msg": msg, "data": data}, status)


async def http_failure(_request: Request, error: HTTPException) -> Response:
    """The exception handler for HTTPException."""
    answer = failure(error.status_code, error.detail)
    answer.headers.update(error.headers or {})
    return answer


async def store_failure(_request: Request, _error: StoreError) -> Response:
    """The exception handler for StoreError."""
    return failure(503, "the store cannot be used now: try again later, the daemon's log has the reason")
