"""The receiver: it reads a delivery, verifies it, stores it on disk and answers; the rest happens later."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import orjson
import structlog
from starlette.types import Receive, Scope, Send
from uuid_utils import uuid7

from bridge.config.networks import IpNetwork
from bridge.config.settings import REJECTED_RATE, Settings
from bridge.errors import BadDelivery, DeliveryError, PayloadTooLarge, StoreError, UnknownSource
from bridge.forges.base import Forge
from bridge.forges.request import FORM, Headers, Request, headers_of, media_type
from bridge.runtime import tracing
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import ANSWER_SECONDS, DELIVERIES, REJECTED, UNKNOWN
from bridge.runtime.rate import Rate
from bridge.store.base import Deliveries
from bridge.store.values import Receipt
from bridge.web.body_buffer import BodyBuffer, BufferFull, PartialBody
from bridge.web.clients import Client, Clients
from bridge.web.limits import SourceLimits

log = structlog.get_logger()

MAX_HEADERS: Final = 100
MAX_UNVERIFIED_BODY: Final = 64 << 10
"""The largest body that is read from a client over its limit: small deliveries are always verified."""
_TYPES: Final = frozenset({"application/json", FORM, "application/cloudevents+json"})
_COMMON_TYPES: Final = frozenset({None, "application/json", FORM})
"""Exact values of nearly all deliveries: they need no parsing."""
_NOT_ENCODED: Final = frozenset({"", "identity"})
_RETRY_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class HookSource:
    """A Git host that may send deliveries; without a `rate`, every verified delivery is accepted."""

    name: str
    forge: Forge
    secrets: Sequence[bytes]
    allow: Sequence[IpNetwork] = ()
    rate: Rate | None = None
    rejected_rate: Rate = REJECTED_RATE


class Receiver:
    """The ASGI application behind `POST /hooks/{source}`; `on_stored` is called after each delivery.

    One that takes the place of another goes on with its counts of sources whose limits have not changed.
    """

    def __init__(
        self,
        sources: Mapping[str, HookSource],
        deliveries: Deliveries,
        clock: Clock,
        *,
        max_body: int,
        clients: Clients,
        on_stored: Callable[[], None],
        before: "Receiver | None" = None,
    ) -> None:
        self._sources = sources
        self._deliveries = deliveries
        self._clock = clock
        self._max_body = max_body
        self._clients = clients
        self._on_stored = on_stored
        self._log = log.bind()  # once: structlog looks it up for each line
        # To look a counter up by its labels takes longer than to count.
        self._answered = cache(DELIVERIES.labels)
        # One largest body and half of another: more than hosts send at once, and a bounded cost.
        self._buffer = BodyBuffer(max_body * 3 // 2)
        rates = {name: (source.rate, source.rejected_rate) for name, source in sources.items()}
        self._rates = {**rates, UNKNOWN: (None, REJECTED_RATE)}
        kept, now = {} if before is None else before.counts(self._rates), clock()
        self._limits = {name: kept.get(name) or SourceLimits(*of, now) for name, of in self._rates.items()}

    def counts(self, rates: Mapping[str, tuple[Rate | None, Rate]]) -> dict[str, SourceLimits]:
        """What was counted for each source that has these limits."""
        return {name: self._limits[name] for name, of in self._rates.items() if rates.get(name) == of}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        await self._answer(scope, receive, send)
        ANSWER_SECONDS.observe(time.perf_counter() - begun)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix("/hooks/").strip("/")
        label = name if name in self._sources else UNKNOWN
        try:
            receipt = await self._accept(scope, receive, name)
        except DeliveryError as error:
            await self._reject(scope, send, label, error)
        except StoreError as error:
            self._answered(label, "failed").inc()
            # The text says all of it; a traceback would add nothing.
            log.error(LogEvent.STORE_WRITE_FAILED, source=label, error=str(error))  # noqa: TRY400
            why = "the delivery cannot be stored now: send it again later"
            await _answer(send, 503, {"error": why}, [_retry_after(_RETRY_SECONDS)])
        else:
            self._answered(label, "stored" if receipt.new else "repeated").inc()
            self._on_stored()
            await _answer(send, 202 if receipt.new else 200, {"id": receipt.id})

    async def _accept(self, scope: Scope, receive: Receive, name: str) -> Receipt:
        source = self._sources.get(name)
        if source is None:
            raise UnknownSource("there is no such source: the path is /hooks/ and a name under `sources`")
        if scope["method"] != "POST":
            raise _WrongMethod("deliveries are sent by POST")
        headers, client = _headers(scope), self._clients.of(scope)
        if source.allow and not client.is_in(source.allow):
            raise _Forbidden("the client's address is not allowed: add it to the source's `allow` list")
        _check_type(headers)
        limits, now = self._limits[name], self._clock()
        announced, limit = _content_length(headers), self._max_body
        is_small = announced is not None and announced <= MAX_UNVERIFIED_BODY
        if not is_small and not limits.reads_large_body(client.client_key, now):
            limit = min(limit, MAX_UNVERIFIED_BODY)
        self._check_length(announced or 0, limit)
        body = await self._body(receive, limit)
        delivery = source.forge.receive(
            id=str(uuid7()),
            source=name,
            request=Request(headers, body),
            secrets=source.secrets,
            now=now,
        )
        if wait := limits.admit(client.client_key, now):
            raise _TooManyRequests("this source sends more deliveries than its `rate` allows", wait)
        receipt = await self._deliveries.put(delivery)
        with tracing.received(receipt.id, new=receipt.new, source=name, event=delivery.event, since=now):
            self._log.info(
                LogEvent.DELIVERY_STORED if receipt.new else LogEvent.DELIVERY_REPEATED,
                delivery_id=receipt.id,
                source=name,
                kind=delivery.event,
            )
        return receipt

    async def _body(self, receive: Receive, limit: int) -> bytes:
        """The whole body. Its size is counted as it arrives: the Content-Length may be wrong."""
        message = await receive()
        start: bytes = message.get("body", b"")
        self._check_length(len(start), limit)
        if not message.get("more_body", False) and message["type"] != "http.disconnect":
            return start
        body = self._buffer.begin()
        try:
            return await self._rest(receive, body, start, limit)
        finally:
            self._buffer.end(body)

    async def _rest(self, receive: Receive, body: PartialBody, start: bytes, limit: int) -> bytes:
        self._buffer.add(body, start)
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadDelivery("the client closed the connection before the end of the body")
            self._buffer.add(body, message.get("body", b""))
            self._check_length(body.size, limit)
            more = message.get("more_body", False)
        return body.joined()

    def _check_length(self, length: int, limit: int) -> None:
        if length <= limit:
            return
        if limit < self._max_body:
            why = "too many rejected requests from this address: large bodies are not read for now"
            raise _TooManyRequests(why, _RETRY_SECONDS)
        raise PayloadTooLarge(f"the body is over {self._max_body} bytes, the limit of server.max_body")

    async def _reject(self, scope: Scope, send: Send, label: str, error: DeliveryError) -> None:
        limits, client, now = self._limits[label], self._clients.of(scope), self._clock()
        self._answered(label, "rejected").inc()
        REJECTED.labels(label, error.reason).inc()
        counts = not isinstance(error, _TooManyRequests | BufferFull)
        if counts and (wait := limits.reject(client.client_key, now)):
            error = _TooManyRequests(f"{error}; and too many rejected requests from this address", wait)
        self._deliveries.reject(label, str(error))
        if (suppressed := limits.suppressed(now)) is not None:
            _log_rejection(label, client, error, suppressed)
        await _answer(send, error.status, {"error": str(error)}, _headers_for(error))


class _WrongMethod(DeliveryError):
    status = 405
    reason = "method"


class _WrongType(DeliveryError):
    status = 415
    reason = "type"


class _Forbidden(DeliveryError):
    status = 403
    reason = "address"


class _TooManyRequests(DeliveryError):
    """A rate limit is exceeded; the client may send again after `after` seconds."""

    status = 429
    reason = "rate"

    def __init__(self, why: str, after: float) -> None:
        super().__init__(why)
        self.after = after


def _log_rejection(source: str, client: Client, error: DeliveryError, suppressed: int) -> None:
    fields = {"suppressed": suppressed} if suppressed else {}
    log.warning(
        LogEvent.DELIVERY_REJECTED,
        source=source,
        status=error.status,
        reason=str(error),
        client=str(client.address),
        **fields,
    )


def _headers(scope: Scope) -> Headers:
    pairs = scope["headers"]
    if len(pairs) > MAX_HEADERS:
        raise BadDelivery(f"the request has over {MAX_HEADERS} headers")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    if len(headers) == len(pairs):
        return headers
    return headers_of((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)


def _check_type(headers: Headers) -> None:
    if headers.get("content-type") not in _COMMON_TYPES and media_type(headers) not in _TYPES:
        raise _WrongType(
            "the Content-Type is not supported: send application/json or application/x-www-form-urlencoded"
        )
    if headers.get("content-encoding", "").lower() not in _NOT_ENCODED:
        raise _WrongType("the body is compressed: send it without a Content-Encoding")


def _content_length(headers: Headers) -> int | None:
    """The announced length of the body; None for a body in chunks. Raises BadDelivery."""
    length = headers.get("content-length")
    if length is None:
        return None
    if not length.isdecimal():
        raise BadDelivery("the Content-Length is not a number")
    return int(length)


def _headers_for(error: DeliveryError) -> list[tuple[bytes, bytes]]:
    # The rest of a rejected body is not read.
    headers = [(b"connection", b"close")]
    match error:
        case _WrongMethod():
            headers.append((b"allow", b"POST"))
        case _TooManyRequests() | BufferFull():
            headers.append(_retry_after(error.after))
    return headers


def _retry_after(seconds: float) -> tuple[bytes, bytes]:
    return b"retry-after", str(math.ceil(seconds)).encode()


async def _answer(
    send: Send, status: int, content: Mapping[str, str], headers: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    body = orjson.dumps(content)
    lengths = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*lengths, *headers]})
    await send({"type": "http.response.body", "body": body})


def make_receiver(
    settings: Settings,
    forges: Mapping[str, Forge],
    deliveries: Deliveries,
    clock: Clock,
    *,
    on_stored: Callable[[], None],
    before: Receiver | None = None,
) -> Receiver:
    """The receiver of the configured sources, in place of the one `before`; `forges` are by kind."""
    sources = {
        name: HookSource(
            name, forges[source.kind], source.credentials, source.allow, source.rate, source.refused_rate
        )
        for name, source in settings.sources.items()
    }
    return Receiver(
        sources,
        deliveries,
        clock,
        max_body=settings.server.max_body,
        clients=Clients(settings.server.trusted_proxies),
        on_stored=on_stored,
        before=before,
    )
