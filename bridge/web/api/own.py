"""The views of our own API below `/v1`: builds, their logs, deliveries, and a reload of the rules."""

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.errors import ConfigError
from bridge.model.build import Build
from bridge.rules.diff import Changes
from bridge.store.base import Builds, Deliveries
from bridge.store.values import BuildFilter, Cursor
from bridge.web.api.answers import failure, success
from bridge.web.api.auth import Tokens
from bridge.web.api.documents import build_document, delivery_document, timeline_document

PAGE_SIZE: Final = 20
MAX_PAGE: Final = 500
"""The highest page number; pages beyond it are reached by the links."""
MAX_CURSOR: Final = 100
MAX_LISTED: Final = 1000
"""How many faults or changed repositories an answer lists."""
MAX_NUMBER: Final = 1e12
_CURSORS: Final = ("page", "before", "after")
_NUMBER: Final = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,20})?")


class OwnApi:
    """The views; `public_url` begins the links between pages, which are paths without it."""

    def __init__(
        self,
        deliveries: Deliveries,
        builds: Builds,
        *,
        tokens: Tokens,
        reload: Callable[[], Awaitable[Changes]],
        public_url: str | None = None,
    ) -> None:
        self._deliveries = deliveries
        self._builds = builds
        # However many clients ask for lists, the store's other readers stay free for the daemon.
        self._one_list = anyio.Semaphore(1)
        self._tokens = tokens
        self._base = (public_url or "").rstrip("/")
        self._reload = reload
        self.routes = [
            Route("/v1/builds", self.list_builds),
            Route("/v1/builds/{build_id}", self.show_build),
            Route("/v1/builds/{build_id}/logs", self.show_logs),
            Route("/v1/deliveries/{delivery_id}", self.show_delivery),
            Route("/v1/reload", self.reload, methods=["POST"]),
        ]

    async def list_builds(self, request: Request) -> Response:
        query = request.query_params
        cursor = _cursor(query)
        only = BuildFilter(
            build_id=query.get("build_id"),
            delivery_id=query.get("delivery_id"),
            namespace=query.get("namespace"),
            repo_name=query.get("repo_name"),
            state=query.get("state"),
            public_only=not self._tokens.trusts(request),
        )
        async with self._one_list:
            page = await self._builds.page(cursor, PAGE_SIZE, only)
        data = {
            "count": page.count,
            "next": self._link(request, "before", page.rows[-1:]) if page.older else None,
            "previous": self._link(request, "after", page.rows[:1]) if page.newer else None,
            "results": [build_document(build) for build in page.rows],
        }
        return success(data)

    def _link(self, request: Request, cursor: str, neighbour: Sequence[Build]) -> str | None:
        """The address of a neighbouring page, without the Host header: a client can write anything there."""
        if not neighbour:
            return None
        kept = {name: value for name, value in request.query_params.items() if name not in _CURSORS}
        return f"{self._base}{request.url.path}?{urlencode({**kept, cursor: neighbour[0].id})}"

    async def show_build(self, request: Request) -> Response:
        build = await self._visible(request)
        steps = await self._builds.steps(build.id)
        return success(build_document(build) | {"timeline": timeline_document(steps)})

    async def show_logs(self, request: Request) -> Response:
        """The log as rows; `start_time` and `end_time` are Unix seconds, `after` the last `seq` seen."""
        build = await self._visible(request)
        query = request.query_params
        start = _number("start_time", query.get("start_time", "0"))
        end = _number("end_time", query["end_time"]) if "end_time" in query else MAX_NUMBER
        after = int(_number("after", query.get("after", "-1")))
        pieces = await self._builds.log(build.id, after, start=start, end=end)
        return success(
            [{"seq": piece.seq, "time": piece.at, "level": 0, "message": piece.text} for piece in pieces]
        )

    async def show_delivery(self, request: Request) -> Response:
        self._tokens.require(request)
        found = await self._deliveries.get(request.path_params["delivery_id"])
        if found is None:
            raise HTTPException(404, "no delivery has this id: it is wrong, or the delivery is too old")
        row, steps = found
        builds = await self._builds.of_delivery(row.delivery.id)
        document = delivery_document(row) | {"timeline": timeline_document(steps)}
        return success(document | {"builds": [build_document(build) for build in builds]})

    async def reload(self, request: Request) -> Response:
        """Load the rules on disk and answer what changed, or 422 with their faults."""
        self._tokens.require(request)
        try:
            changes = await self._reload()
        except ConfigError as error:
            return _faulty(error)
        return success(changes.document(MAX_LISTED))

    async def _visible(self, request: Request) -> Build:
        trusted = self._tokens.trusts(request)
        build = await self._builds.get(request.path_params["build_id"])
        if build is None or not (build.origin.is_public or trusted):
            # One answer for both: whether a private build exists is private, too.
            raise HTTPException(404, "there is no such build, or it takes a token to see it")
        return build


def _cursor(query: Mapping[str, str]) -> Cursor:
    """`before` and `after` are the ids of builds, as the links of a page have them."""
    number = _page_number(query.get("page", "1"))
    for name in ("before", "after"):
        if len(query.get(name, "")) > MAX_CURSOR:
            raise HTTPException(400, f"{name} is not the id of a build: use the links of a page")
    return Cursor(number=number, before=query.get("before"), after=query.get("after"))


def _page_number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PAGE)) else 0
    if not 0 < number <= MAX_PAGE:
        why = f"page: {text[:20]} is not a number from 1 to {MAX_PAGE}: follow the `next` links beyond"
        raise HTTPException(400, why)
    return number


def _number(name: str, text: str) -> float:
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    if abs(number) > MAX_NUMBER:
        raise HTTPException(
            400, f"{name}: {text[:20]} is not a usable number: write digits, such as 1700000000"
        )
    return number


def _faulty(error: ConfigError) -> Response:
    faults = [str(fault) for fault in error.faults]
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    msg = f"the rules on disk have {count}: the last good ones stay in force, correct the files and reload"
    return failure(422, msg, {"faults": faults[:MAX_LISTED]})
