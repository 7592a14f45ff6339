"""The receiver: bytes in, verified, on disk, then answered. Nothing else happens before the answer."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import anyio
import orjson
import structlog
from starlette.types import Receive, Scope, Send
from uuid_utils import uuid7

from bridge.clock import Clock
from bridge.errors import BadDelivery, DeliveryError, PayloadTooLarge, StoreError, UnknownSource
from bridge.forges.base import Forge, Headers
from bridge.metrics import DELIVERIES
from bridge.store.inbox import Inbox, Receipt

log = structlog.get_logger()

T = TypeVar("T", bytes, bytearray)

MAX_HEADERS: Final = 100
MAX_UNFINISHED: Final = 16
"""Bodies that are read piece by piece at once; the others wait at the socket, where they cost 64 KiB each."""
_TYPES: Final = ("application/json", "application/x-www-form-urlencoded", "application/cloudevents+json")
_RETRY_SECONDS: Final = b"5"


@dataclass(frozen=True, slots=True)
class Source:
    """A Git host that may call us."""

    name: str
    forge: Forge
    secrets: Sequence[bytes]
    allow: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = ()


class Receiver:
    """The ASGI application behind `POST /hooks/{source}`."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        inbox: Inbox,
        clock: Clock,
        *,
        max_body: int,
        stored: Callable[[], None],
    ) -> None:
        self._sources = sources
        self._inbox = inbox
        self._clock = clock
        self._max_body = max_body
        self._stored = stored
        self._large = anyio.Semaphore(MAX_UNFINISHED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix("/hooks/")
        label = name if name in self._sources else "unknown"
        try:
            receipt = await self._take(scope, receive, name)
        except DeliveryError as error:
            DELIVERIES.labels(label, str(error.status)).inc()
            log.warning("refused", source=label, status=error.status, why=str(error))
            # The rest of a refused body is not waited for.
            headers = [(b"connection", b"close")]
            if isinstance(error, _WrongMethod):
                headers.append((b"allow", b"POST"))
            await _answer(send, error.status, {"error": str(error)}, headers)
        except StoreError as error:
            DELIVERIES.labels(label, "503").inc()
            log.error("not stored", source=label, why=str(error))  # noqa: TRY400  # the sentence says it all
            headers = [(b"retry-after", _RETRY_SECONDS)]
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
        headers = _headers(scope)
        _check_sender(scope, source)
        if not headers.get("content-type", "application/json").lower().startswith(_TYPES):
            raise _WrongType("send application/json or application/x-www-form-urlencoded")
        body = await self._body(headers, receive)
        delivery = source.forge.receive(
            id=str(uuid7()),
            source=name,
            headers=headers,
            body=body,
            secrets=source.secrets,
            now=self._clock(),
        )
        receipt = await self._inbox.put(delivery)
        log.info(
            "stored" if receipt.new else "repeated", delivery_id=receipt.id, source=name, kind=delivery.event
        )
        return receipt

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """The whole body, counted while it comes: the announced length may lie."""
        announced = headers.get("content-length", "0")
        if not announced.isdigit() or int(announced) > self._max_body:
            raise PayloadTooLarge(f"the body is over {self._max_body} bytes")
        message = await receive()
        start: bytes = message.get("body", b"")
        if not message.get("more_body", False) and message["type"] != "http.disconnect":
            return self._fitting(start)
        # Nobody has proven who he is yet: only so many unfinished bodies may fill the memory at once.
        async with self._large:
            return await self._rest(receive, bytearray(start))

    async def _rest(self, receive: Receive, body: bytearray) -> bytes:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadDelivery("the sender hung up before the end of the body")
            body += message.get("body", b"")
            self._fitting(body)
            more = message.get("more_body", False)
        return bytes(body)

    def _fitting(self, body: T) -> T:
        if len(body) > self._max_body:
            raise PayloadTooLarge(f"the body is over {self._max_body} bytes")
        return body


class _WrongMethod(DeliveryError):
    status = 405


class _WrongType(DeliveryError):
    status = 415


class _Forbidden(DeliveryError):
    status = 403


def _headers(scope: Scope) -> Headers:
    pairs = scope["headers"]
    if len(pairs) > MAX_HEADERS:
        raise BadDelivery(f"there are over {MAX_HEADERS} headers")
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}


def _check_sender(scope: Scope, source: Source) -> None:
    if not source.allow:
        return
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0]) if client else None
    except ValueError:
        address = None
    if address is None or not any(address in network for network in source.allow):
        raise _Forbidden("the sender's address is not in the source's allow list")


async def _answer(
    send: Send, status: int, content: Mapping[str, str], headers: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    body = orjson.dumps(content)
    lengths = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*lengths, *headers]})
    await send({"type": "http.response.body", "body": body})
