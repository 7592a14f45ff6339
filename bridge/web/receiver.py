"""The receiver: bytes in, verified, on disk, then answered. Nothing else happens before the answer."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import orjson
import structlog
from starlette.types import Receive, Scope, Send
from uuid_utils import uuid7

from bridge.config.settings import REJECTED_RATE
from bridge.errors import BadDelivery, DeliveryError, PayloadTooLarge, StoreError, UnknownSource
from bridge.forges.base import Forge
from bridge.forges.request import FORM, Headers, Request, headers_of, media_type
from bridge.runtime.clock import Clock
from bridge.runtime.metrics import DELIVERIES
from bridge.runtime.rate import Rate
from bridge.store.sqlite.deliveries import Deliveries
from bridge.store.values import Receipt
from bridge.web.body_buffer import BodyBuffer, BufferFull, PartialBody
from bridge.web.clients import Client, Clients, Network
from bridge.web.limits import SourceLimits

log = structlog.get_logger()

MAX_HEADERS: Final = 100
MAX_UNHEARD: Final = 64 << 10
"""How much is read from a client_key that sent too much in vain: a small delivery is always verified."""
_UNKNOWN: Final = "unknown"
_TYPES: Final = frozenset({"application/json", FORM, "application/cloudevents+json"})
_USUAL_TYPES: Final = frozenset({None, "application/json", FORM})
"""As almost everybody writes them: worth no closer look."""
_AS_IT_IS: Final = frozenset({"", "identity"})
_RETRY_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Source:
    """A Git host that may call us; no `rate` means that every verified delivery is taken."""

    name: str
    forge: Forge
    secrets: Sequence[bytes]
    allow: Sequence[Network] = ()
    rate: Rate | None = None
    refused_rate: Rate = REJECTED_RATE


class Receiver:
    """The ASGI application behind `POST /hooks/{source}`."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        deliveries: Deliveries,
        clock: Clock,
        *,
        max_body: int,
        clients: Clients,
        stored: Callable[[], None],
    ) -> None:
        self._sources = sources
        self._deliveries = deliveries
        self._clock = clock
        self._max_body = max_body
        self._clients = clients
        self._stored = stored
        # A whole body and half of another: more than hosts send at once, little for strangers to fill.
        self._buffer = BodyBuffer(max_body * 3 // 2)
        now = clock()
        self._limits = {
            name: SourceLimits(source.rate, source.refused_rate, now) for name, source in sources.items()
        }
        self._limits[_UNKNOWN] = SourceLimits(None, REJECTED_RATE, now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix("/hooks/")
        label = name if name in self._sources else _UNKNOWN
        try:
            receipt = await self._take(scope, receive, name)
        except DeliveryError as error:
            await self._refuse(scope, send, label, error)
        except StoreError as error:
            DELIVERIES.labels(label, "503").inc()
            log.error("not stored", source=label, why=str(error))  # noqa: TRY400  # the sentence says it all
            headers = [_retry_after(_RETRY_SECONDS)]
            await _answer(send, 503, {"error": "the delivery cannot be stored now"}, headers)
        else:
            status = 202 if receipt.new else 200
            DELIVERIES.labels(label, str(status)).inc()
            self._stored()
            await _answer(send, status, {"id": receipt.id})

    async def _take(self, scope: Scope, receive: Receive, name: str) -> Receipt:
        source = self._sources.get(name)
        if source is None:
            raise UnknownSource("there is no such source")
        if scope["method"] != "POST":
            raise _WrongMethod("deliveries are sent by POST")
        headers, client = _headers(scope), self._clients.of(scope)
        if source.allow and not client.is_in(source.allow):
            raise _Forbidden("the client's address is not in the source's allow list")
        _check_type(headers)
        limits, now = self._limits[name], self._clock()
        body = await self._body(headers, receive, partial(limits.reads_large_body_of, client.client_key, now))
        delivery = source.forge.receive(
            id=str(uuid7()),
            source=name,
            request=Request(headers, body),
            secrets=source.secrets,
            now=now,
        )
        if wait := limits.verified(client.client_key, now):
            raise _TooMany("this source sends more than its rate allows", wait)
        receipt = await self._deliveries.put(delivery)
        log.info(
            "stored" if receipt.new else "repeated", delivery_id=receipt.id, source=name, kind=delivery.event
        )
        return receipt

    async def _body(self, headers: Headers, receive: Receive, heard: Callable[[], bool]) -> bytes:
        """The whole body, counted while it comes: the announced length may lie."""
        announced, most = _announced(headers), self._max_body
        if (announced is None or announced > MAX_UNHEARD) and not heard():
            most = min(most, MAX_UNHEARD)
        self._check_length(announced or 0, most)
        message = await receive()
        start: bytes = message.get("body", b"")
        self._check_length(len(start), most)
        if not message.get("more_body", False) and message["type"] != "http.disconnect":
            return start
        body = self._buffer.begin()
        try:
            return await self._rest(receive, body, start, most)
        finally:
            self._buffer.end(body)

    async def _rest(self, receive: Receive, body: PartialBody, start: bytes, most: int) -> bytes:
        self._buffer.add(body, start)
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadDelivery("the client hung up before the end of the body")
            self._buffer.add(body, message.get("body", b""))
            self._check_length(body.size, most)
            more = message.get("more_body", False)
        return body.whole()

    def _check_length(self, length: int, most: int) -> None:
        if length <= most:
            return
        if most < self._max_body:
            raise _TooMany(
                "too much was sent in vain from this address: no large body is read", _RETRY_SECONDS
            )
        raise PayloadTooLarge(f"the body is over {self._max_body} bytes")

    async def _refuse(self, scope: Scope, send: Send, label: str, error: DeliveryError) -> None:
        limits, client, now = self._limits[label], self._clients.of(scope), self._clock()
        if not isinstance(error, _TooMany | BufferFull) and (wait := limits.refused(client.client_key, now)):
            error = _TooMany(f"{error}, and too much was sent in vain from this address", wait)
        DELIVERIES.labels(label, str(error.status)).inc()
        if (left_out := limits.line(now)) is not None:
            _log_refusal(label, client, error, left_out)
        await _answer(send, error.status, {"error": str(error)}, _headers_for(error))


class _WrongMethod(DeliveryError):
    status = 405


class _WrongType(DeliveryError):
    status = 415


class _Forbidden(DeliveryError):
    status = 403


class _TooMany(DeliveryError):
    """Too often; `after` that many seconds it is welcome."""

    status = 429

    def __init__(self, why: str, after: float) -> None:
        super().__init__(why)
        self.after = after


def _log_refusal(source: str, client: Client, error: DeliveryError, left_out: int) -> None:
    fields = {"left_out": left_out} if left_out else {}
    log.warning(
        "refused", source=source, status=error.status, why=str(error), client=str(client.address), **fields
    )


def _headers(scope: Scope) -> Headers:
    pairs = scope["headers"]
    if len(pairs) > MAX_HEADERS:
        raise BadDelivery(f"there are over {MAX_HEADERS} headers")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    if len(headers) == len(pairs):
        return headers
    return headers_of((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)


def _check_type(headers: Headers) -> None:
    if headers.get("content-type") not in _USUAL_TYPES and media_type(headers) not in _TYPES:
        raise _WrongType("send application/json or application/x-www-form-urlencoded")
    if headers.get("content-encoding", "").lower() not in _AS_IT_IS:
        raise _WrongType("send the body as it is: nothing is decompressed here")


def _announced(headers: Headers) -> int | None:
    """The length that was said before the body; None for a body in chunks. Raises BadDelivery."""
    length = headers.get("content-length")
    if length is None:
        return None
    if not length.isdecimal():
        raise BadDelivery("the Content-Length is no number")
    return int(length)


def _headers_for(error: DeliveryError) -> list[tuple[bytes, bytes]]:
    # The rest of a refused body is not waited for.
    headers = [(b"connection", b"close")]
    match error:
        case _WrongMethod():
            headers.append((b"allow", b"POST"))
        case _TooMany() | BufferFull():
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
