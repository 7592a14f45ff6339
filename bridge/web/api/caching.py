"""What clients may keep of answers, and conditions: an ETag tells whether what they have is still so.

What is read depends on who reads it, so no shared cache may keep it, and every other cache asks again each
time; who has the newest gets 304 without a body. What changes something and what failed is kept by nobody.
"""

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from bridge.web.api.core.errors import Changed

T = TypeVar("T")

_OK: Final = 200
_NOT_MODIFIED: Final = 304
_TAG: Final = re.compile(r'"[^"]*"')
_VARY: Final = "Accept-Language, Authorization, Cookie, X-Auth-Token"
_JSON: Final = "application/json"


def with_caching(request: Request, answer: Response) -> Response:
    """The answer with what caches have to know; without its body, where the client has that already."""
    headers = answer.headers
    headers["vary"] = _VARY
    body = getattr(answer, "body", None)  # a stream has none
    is_document = body is not None and (answer.media_type or "").startswith(_JSON)
    if request.method not in {"GET", "HEAD"} or answer.status_code != _OK or not is_document:
        headers.setdefault("cache-control", "no-store")
        return answer
    tag = _tag_of(answer)
    headers["cache-control"] = "private, no-cache"
    headers["etag"] = tag
    if not _names(request, "if-none-match", tag):
        return answer
    answer.status_code, answer.body = _NOT_MODIFIED, b""
    del headers["content-length"], headers["content-type"]
    return answer


def only_if_unchanged(request: Request, shown: Callable[[T], Response]) -> Callable[[T], None] | None:
    """What raises Changed if the request has an If-Match, and that is not the ETag of a thing as `shown`."""
    if request.headers.get("if-match") is None:
        return None

    def check(thing: T) -> None:
        if not _names(request, "if-match", _tag_of(shown(thing))):
            raise Changed("it was changed since you read it: read it again, and make your change to that")

    return check


def _tag_of(answer: Response) -> str:
    return f'"{blake2b(answer.body, digest_size=16).hexdigest()}"'


def _names(request: Request, header: str, tag: str) -> bool:
    """Whether a list of tags has this one; a proxy that compresses may have made a weak one of it."""
    given = ",".join(request.headers.getlist(header))
    return given.strip() == "*" or tag in _TAG.findall(given)
