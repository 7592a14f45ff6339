"""What can be read over HTTP: health, metrics, builds and deliveries; and the order to reload the rules.

Every answer below `/v1` is `{"code", "msg", "data"}` with a true status. A token opens everything; without
one the builds of public repositories can be read, and the others do not seem to exist; with a wrong one
nothing can.
"""

import hmac
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode

import anyio
import orjson
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.errors import ConfigError, StoreError
from bridge.model.build import Build
from bridge.rules.diff import Changes
from bridge.runtime.clock import system_clock
from bridge.runtime.metrics import DOWN, REGISTRY
from bridge.store.sqlite.builds import Builds
from bridge.store.sqlite.database import Database
from bridge.store.sqlite.deliveries import Deliveries, DeliveryRow
from bridge.store.sqlite.listing import Cursor
from bridge.store.sqlite.outbox import Health, Outbox
from bridge.store.sqlite.timeline import Step

PAGE_SIZE: Final = 20
MAX_PAGE: Final = 500
"""By its number; further ones are found by the links."""
MAX_CURSOR: Final = 100
MAX_SHOWN: Final = 1000
MAX_NUMBER: Final = 1e12
_PLACES: Final = ("page", "before", "after")
_NUMBER: Final = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,20})?")
READY_SECONDS: Final = 1.0
"""However often it is asked, the store is written for that only once in this time."""

_View = Callable[["Api", Request], Awaitable[Response]]


def _guarded(view: _View) -> _View:
    """Without a valid token: 401."""

    @wraps(view)
    async def guard(self: "Api", request: Request) -> Response:
        if not self.trusted(request):
            raise _unauthorized("this needs a token: send Authorization: Bearer <token>")
        return await view(self, request)

    return guard


class Api:
    """The Starlette application for everything but deliveries."""

    def __init__(
        self,
        database: Database,
        deliveries: Deliveries,
        builds: Builds,
        outbox: Outbox,
        *,
        tokens: Sequence[str],
        reload: Callable[[], Awaitable[Changes]],
        public_url: str | None = None,
    ) -> None:
        self._database = database
        self._deliveries = deliveries
        self._builds = builds
        self._outbox = outbox
        # Whoever reads here, even everybody at once, leaves the store's other readers to the daemon.
        self._one = anyio.Semaphore(1)
        self._probe = anyio.Lock()
        self._wrote_at = -math.inf
        self._tokens = [token.encode() for token in tokens]
        self._base = (public_url or "").rstrip("/")
        self._reload = reload
        self.app = Starlette(
            routes=[
                Route("/healthz", self.healthz),
                Route("/readyz", self.readyz),
                Route("/metrics", self.metrics),
                Route("/v1/builds", self.list_builds),
                Route("/v1/builds/{build_id}", self.show_build),
                Route("/v1/builds/{build_id}/logs", self.show_logs),
                Route("/v1/deliveries/{delivery_id}", self.show_delivery),
                Route("/v1/reload", self.reload, methods=["POST"]),
            ],
            exception_handlers={HTTPException: _refusal, StoreError: _unavailable},  # type: ignore[dict-item]
        )

    def trusted(self, request: Request) -> bool:
        """Whether the request brings one of the tokens, with or without `Bearer`.

        Raises HTTPException for anything else in its place: who means to be known is told that he is not.
        """
        value = request.headers.get("authorization", "")
        if not value:
            return False
        scheme, _, rest = value.partition(" ")
        given = (rest.strip() if scheme.lower() == "bearer" else value).encode("latin-1")
        found = [hmac.compare_digest(given, token) for token in self._tokens]
        if not any(found):
            raise _unauthorized("this token is not one of api.tokens")
        return True

    async def healthz(self, _request: Request) -> Response:
        """Alive: the loop answers and the writer lives. A builder or channel that is down is only told."""
        alive = self._database.beating
        down = [health.name for health in await self._outbox.all_health() if health.down_since is not None]
        status = "dead" if not alive else "degraded" if down else "ok"
        return _json({"status": status, "down": down}, 200 if alive else 503)

    async def readyz(self, _request: Request) -> Response:
        """Ready: the store takes a write now, or took one within the last second."""
        async with self._probe:
            if anyio.current_time() - self._wrote_at >= READY_SECONDS:
                # Another text each time: SQLite does not write what is there already.
                why = f"it took a write at {when(system_clock())}"
                await self._outbox.set_health(Health(name="store", why=why))
                self._wrote_at = anyio.current_time()
        return _json({"status": "ready"})

    async def metrics(self, _request: Request) -> Response:
        for health in await self._outbox.all_health():
            DOWN.labels(health.name).set(health.down_since is not None)
        return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def list_builds(self, request: Request) -> Response:
        query = request.query_params
        filters: dict[str, Any] = {
            name: query[name] for name in ("namespace", "repo_name", "state", "delivery_id") if name in query
        }
        if "build_id" in query:
            filters["id"] = query["build_id"]
        place, public_only = _place(query), not self.trusted(request)
        async with self._one:
            page = await self._builds.page(place, PAGE_SIZE, public_only=public_only, **filters)
        data = {
            "count": page.count,
            "next": self._link(request, "before", page.rows[-1:]) if page.older else None,
            "previous": self._link(request, "after", page.rows[:1]) if page.newer else None,
            "results": [build_document(build) for build in page.rows],
        }
        return _envelope(data)

    def _link(self, request: Request, cursor: str, neighbour: Sequence[Build]) -> str | None:
        """The address of the page beside this one: a Host header could name any other place."""
        if not neighbour:
            return None
        kept = {name: value for name, value in request.query_params.items() if name not in _PLACES}
        return f"{self._base}{request.url.path}?{urlencode({**kept, cursor: neighbour[0].id})}"

    async def show_build(self, request: Request) -> Response:
        build = await self._visible(request)
        steps = await self._builds.steps(build.id)
        return _envelope(build_document(build) | {"timeline": timeline_document(steps)})

    async def show_logs(self, request: Request) -> Response:
        """The log as rows; `start_time` and `end_time` are Unix seconds, `after` the last `seq` seen."""
        build = await self._visible(request)
        query = request.query_params
        start = _number(query.get("start_time", "0"))
        end = _number(query["end_time"]) if "end_time" in query else MAX_NUMBER
        after = int(_number(query.get("after", "-1")))
        rows = await self._builds.log(build.id, after, start=start, end=end)
        return _envelope([{"seq": seq, "time": row.at, "level": 0, "message": row.text} for seq, row in rows])

    @_guarded
    async def show_delivery(self, request: Request) -> Response:
        found = await self._deliveries.get(request.path_params["delivery_id"])
        if found is None:
            raise HTTPException(404, "there is no such delivery")
        row, steps = found
        made = await self._builds.of_delivery(row.delivery.id)
        document = delivery_document(row) | {"timeline": timeline_document(steps)}
        return _envelope(document | {"builds": [build_document(build) for build in made]})

    @_guarded
    async def reload(self, _request: Request) -> Response:
        """Take the rules on disk from now on, or say what is wrong with them."""
        try:
            changes = await self._reload()
        except ConfigError as error:
            return _faulty(error)
        return _envelope(changes.document(MAX_SHOWN))

    async def _visible(self, request: Request) -> Build:
        trusted = self.trusted(request)
        build = await self._builds.get(request.path_params["build_id"])
        if build is None or not (build.origin.is_public or trusted):
            raise HTTPException(404, "there is no such build")
        return build


def build_document(build: Build) -> dict[str, Any]:
    """A build in the words of the Alauda-style documents, and our own beside them."""
    request, origin = build.request, build.origin
    return {
        "build_id": build.id,
        "number": build.number,
        "namespace": build.namespace,
        "repo_name": build.repo_name,
        "status": build.state.letter,
        "state": build.state,
        "raw": build.raw,
        "detail": build.detail,
        "created_at": when(build.created_at),
        "started_at": when(build.started_at),
        "ended_at": when(build.ended_at),
        "builder": build.builder,
        "build_url": build.url,
        "attempts": build.attempts,
        "delivery_id": origin.delivery_id,
        "cause": origin.cause,
        "created_by": origin.author.name,
        "auto_created": origin.cause != "manual",
        "code_repo_type": origin.ref_kind,
        "code_repo_type_value": origin.ref_name,
        "code_head_commit": request.commit or None,
        "code_commit_http_url": origin.commit_url,
        "subject": origin.subject,
        "docker_repo_path": request.image,
        "docker_repo_tag": request.tags[0] if request.tags else None,
        "docker_repo_tags": list(request.tags),
        "docker_repo_version_tag": request.version_tag,
        "digest": build.digest,
        "build_context_path": request.context,
        "dockerfile_location": request.dockerfile,
    }


def delivery_document(row: DeliveryRow) -> dict[str, Any]:
    """A delivery without its body."""
    delivery = row.delivery
    return {
        "id": delivery.id,
        "source": delivery.source,
        "forge": delivery.forge,
        "event": delivery.event,
        "key": delivery.key,
        "replay": row.replay,
        "size": len(delivery.body),
        "received_at": when(delivery.received_at),
        "state": row.state,
        "detail": row.detail,
        "explanation": row.explanation,
    }


def timeline_document(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [{"at": when(step.at), "what": step.what, "detail": step.detail} for step in steps]


def when(seconds: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC, with milliseconds."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _place(query: Mapping[str, str]) -> Cursor:
    """`before` and `after` are the ids of builds, as the links of a page give them."""
    number = _page(query.get("page", "1"))
    for cursor in ("before", "after"):
        if len(query.get(cursor, "")) > MAX_CURSOR:
            raise HTTPException(400, f"{cursor} is not the id of a build")
    return Cursor(number=number, before=query.get("before"), after=query.get("after"))


def _page(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PAGE)) else 0
    if not 0 < number <= MAX_PAGE:
        why = f"page: {text[:20]} is not a number from 1 to {MAX_PAGE}: beyond, follow `next`"
        raise HTTPException(400, why)
    return number


def _number(text: str) -> float:
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    if abs(number) > MAX_NUMBER:
        raise HTTPException(400, f"{text[:20]} is not a usable number")
    return number


def _unauthorized(why: str) -> HTTPException:
    return HTTPException(401, why, {"www-authenticate": "Bearer"})


def _faulty(error: ConfigError) -> Response:
    faults = [str(fault) for fault in error.faults]
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    msg = f"the rules on disk have {count}: the last good ones stay in force"
    return _json({"code": 422, "msg": msg, "data": {"faults": faults[:MAX_SHOWN]}}, 422)


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _envelope(data: object) -> Response:
    return _json({"code": 0, "msg": "ok", "data": data})


async def _refusal(_request: Request, error: HTTPException) -> Response:
    answer = _json({"code": error.status_code, "msg": error.detail, "data": None}, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


async def _unavailable(_request: Request, _error: StoreError) -> Response:
    return _json({"code": 503, "msg": "the store cannot be used now", "data": None}, 503)
