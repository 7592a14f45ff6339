"""Hints of build servers that something has changed: they only make the poller look.

A hint is stored nowhere. One that is lost costs time: until the next poll; a forged one costs nothing, and a
flood of good ones no more than two polls a second for each node that gets them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.builders.settings import ServerSettings
from bridge.config.loader import ConfiguredAdapter
from bridge.errors import BadDelivery, DeliveryError, PayloadTooLarge, UnknownSource
from bridge.forges.request import Request, headers_of
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import HINTS, UNKNOWN
from bridge.runtime.rate import Bucket, LogLimit, Rate
from bridge.web.api.answers import json_answer
from bridge.web.body_buffer import BodyBuffer
from bridge.web.hint_proofs import check_hint
from bridge.web.limits import LOG_RATE

log = structlog.get_logger()

PATH: Final = "/wake/"
MAX_BODY: Final = 1 << 20
RATE: Final = Rate(20, 10.0)
_BUFFER: Final = 4 * MAX_BODY


@dataclass(frozen=True, slots=True)
class HintSource:
    """A build server that may send hints; `hint` has whoever follows its builds look."""

    secrets: Sequence[bytes]
    hint: Callable[[], None]


class WakeView:
    """The ASGI application behind `POST /wake/{builder}`; it goes on with the counts of the one `before`."""

    def __init__(
        self, sources: Mapping[str, HintSource], clock: Clock, before: "WakeView | None" = None
    ) -> None:
        self._sources = {name: source for name, source in sources.items() if source.secrets}
        self._clock = clock
        self._buffer = BodyBuffer(_BUFFER)
        kept: Mapping[str, Bucket] = {} if before is None else before.rates
        self.rates: Mapping[str, Bucket] = {
            name: kept.get(name) or Bucket(RATE, clock()) for name in self._sources
        }
        self._log = LogLimit(LOG_RATE, clock())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix(PATH).strip("/")
        label = name if name in self._sources else UNKNOWN
        try:
            await self._accept(HttpRequest(scope, receive), name)
        except DeliveryError as error:
            answer, outcome = self._rejected(label, error), "rejected"
        else:
            answer, outcome = json_answer({"builder": name}, 202), "accepted"
        HINTS.labels(label, outcome).inc()
        await answer(scope, receive, send)

    async def _accept(self, http: HttpRequest, name: str) -> None:
        source = self._sources.get(name)
        if source is None:
            raise UnknownSource("no builder of this name takes hints: give it `wake_secrets`")
        if http.method != "POST":
            raise _WrongMethod("hints are sent by POST")
        request = Request(headers_of(http.headers.items()), await self._body(http))
        check_hint(request, http.query_params.get("token", ""), source.secrets, self._clock())
        if not self.rates[name].take(self._clock()):
            source.hint()

    async def _body(self, http: HttpRequest) -> bytes:
        body = self._buffer.begin()
        try:
            async for piece in http.stream():
                self._buffer.add(body, piece)
                if body.size > MAX_BODY:
                    raise PayloadTooLarge(f"the body of a hint is over {MAX_BODY} bytes: send a smaller one")
            return body.joined()
        except ClientDisconnect:
            raise BadDelivery("the client closed the connection before the end of the body") from None
        finally:
            self._buffer.end(body)

    def _rejected(self, label: str, error: DeliveryError) -> Response:
        if (suppressed := self._log.suppressed(self._clock())) is not None:
            more = {"suppressed": suppressed} if suppressed else {}
            log.warning(
                LogEvent.BUILDER_HINT_REJECTED, builder=label, status=error.status, reason=str(error), **more
            )
        answer = json_answer({"error": str(error)}, error.status)
        answer.headers["connection"] = "close"  # the rest of a body is not read
        if isinstance(error, _WrongMethod):
            answer.headers["allow"] = "POST"
        return answer


def make_wake_view(
    builders: Mapping[str, ConfiguredAdapter],
    hint: Callable[[str], None],
    clock: Clock,
    before: WakeView | None = None,
) -> WakeView:
    """The view of the configured builders, in place of the one `before`; `hint` takes the name of one."""
    sources = {
        name: HintSource([secret.reveal().encode() for secret in settings.wake_secrets], partial(hint, name))
        for name, adapter in builders.items()
        if isinstance(settings := adapter.settings, ServerSettings)
    }
    return WakeView(sources, clock, before)


class _WrongMethod(DeliveryError):
    status = 405
