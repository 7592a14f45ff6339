"""The answers of our own API: JSON, in the envelope `{"code", "msg", "data"}`, with a true HTTP status."""

import math
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bridge.errors import StoreError
from bridge.web.api.core.errors import CallError, TooManyRequests, Unauthenticated

STORE_FAILED: Final = "the store cannot be used now: try again later, the daemon's log has the reason"


def json_answer(content: object, status: int = 200) -> Response:
    """The content as JSON, without an envelope."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def success(data: object, status: int = 200) -> Response:
    return json_answer({"code": 0, "msg": "ok", "data": data}, status)


def failure(status: int, msg: str, data: object = None) -> Response:
    """`msg` is a sentence for people: what happened, why, and what to do."""
    return json_answer({"code": status, "msg": msg, "data": data}, status)


def headers_of(error: CallError) -> dict[str, str]:
    """The headers that belong to the status of an error, whatever its dialect."""
    match error:
        case Unauthenticated():
            return {"www-authenticate": "Bearer"}
        case TooManyRequests(after=after):
            return {"retry-after": str(math.ceil(after))}
        case _:
            return {}


async def http_failure(_request: Request, error: HTTPException) -> Response:
    """The exception handler for HTTPException."""
    answer = failure(error.status_code, error.detail)
    answer.headers.update(error.headers or {})
    return answer


async def store_failure(_request: Request, _error: StoreError) -> Response:
    """The exception handler for StoreError."""
    return failure(503, STORE_FAILED)


FAILURES: Final[dict[Any, Any]] = {HTTPException: http_failure, StoreError: store_failure}
"""The exception handlers of an application: paths that there are not, and a store that fails."""
