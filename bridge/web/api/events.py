"""Live events as a stream of server-sent events (HTML Standard, "Server-sent events").

Each event is a step of a timeline in the store, and its id is its place in the order of all. So a client that
comes back with `Last-Event-ID` gets each event after that one once, also after a restart of the daemon.
"""

from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import anyio
import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.errors import StoreError
from bridge.model.access import Principal, Role
from bridge.runtime.metrics import STREAMS
from bridge.store.feed import Feed
from bridge.store.values import Happening
from bridge.web.api.core.errors import Unavailable
from bridge.web.api.documents import happening_document

LOOK_SECONDS: Final = 0.25
"""How long after it was written an event is sent at most."""
PING_SECONDS: Final = 15.0
"""Proxies close a connection on which nothing comes for a minute."""
SEND_SECONDS: Final = 30.0
"""A client that takes nothing for so long has to come back."""
HOLD_SECONDS: Final = 2.0
"""How long after its token was revoked a client still gets events at most."""
MAX_STREAMS: Final = 500
MAX_OF_CALLER: Final = 250
"""Streams of one token or user; more of them are one program that does not close them."""
MAX_OF_STRANGER: Final = 20
"""Streams of one address without a token."""
MAX_OF_STRANGERS: Final = 250
"""Streams of all who have no token: they leave room for those who have one."""
_STRANGER: Final = "stranger "
_COMMENT: Final = b":\n\n"
_PING: Final = b"event: ping\ndata: {}\n\n"
_BATCH: Final = 500
_KEPT: Final = 2_000
"""Events in memory, for all streams; one that is further behind reads the store."""


class Events:
    """The events of a store, for any number of streams, until `close`.

    `holds` says whether the token of a caller is still valid: a stream goes on for long.
    """

    def __init__(self, feed: Feed, holds: Callable[[Principal], Awaitable[bool]]) -> None:
        self._feed = feed
        self.holds = holds
        self._recent: deque[Happening] = deque(maxlen=_KEPT)
        self._seen: int | None = None
        """The last event that was read from the store; `_recent` holds those before it."""
        self._public = 0
        """The last one that everyone may see, or the one after which this began to read."""
        self._looked_at = -LOOK_SECONDS
        self._look = anyio.Lock()
        self._streams: Counter[str] = Counter()
        self._closed = anyio.Event()

    def close(self) -> None:
        """End all streams: a server that stops does not wait for them."""
        self._closed.set()

    def stream(
        self, principal: Principal | None, after: int | None, *, origin: str = "", ping: bool = False
    ) -> Response:
        """The events after `after` that the caller may see; of None, those from now on.

        A quiet stream sends comments, or with `ping` an event. `origin` is the address of a caller without a
        token. Raises Unavailable when there are too many streams.
        """
        who = f"{_STRANGER}{origin}" if principal is None else principal.key
        open_now = self._streams
        strangers = sum(count for name, count in open_now.items() if name.startswith(_STRANGER))
        most = MAX_OF_CALLER if principal is not None else MAX_OF_STRANGER
        is_full = principal is None and strangers >= MAX_OF_STRANGERS
        if open_now[who] >= most or is_full or open_now.total() >= MAX_STREAMS:
            raise Unavailable("there are too many streams of events: close some, or try again later")
        return _Stream(self, principal, after, who=who, quiet=_PING if ping else _COMMENT)

    async def newest(self, principal: Principal | None) -> int:
        """The event after which those follow that what is read now does not show.

        Of who has no token the last one of those that everyone may see: how much happens elsewhere is
        nothing for them.
        """
        if principal is not None:
            return await self._feed.newest()
        await self._read()
        return self._public

    async def since(self, after: int | None) -> tuple[Sequence[Happening], int]:
        """Events after `after`, perhaps not all, and where to go on.

        An event that there is not yet is one of another store, such as that before a backup came back: then
        those from now on follow.
        """
        await self._read()
        assert self._seen is not None
        if after is None or after >= self._seen:
            return (), self._seen
        if self._recent and self._recent[0].seq <= after + 1:
            found = [one for one in self._recent if one.seq > after]
        else:
            # What was written since would be beyond `_seen`: at its place the next call would find no event.
            found = [one for one in await self._feed.after(after, _BATCH) if one.seq <= self._seen]
        return found, found[-1].seq if found else self._seen

    async def _read(self) -> None:
        """Read what is new, for all streams, if that was not done just now."""
        async with self._look:
            now = anyio.current_time()
            if now - self._looked_at < LOOK_SECONDS and self._seen is not None:
                return
            self._looked_at = now
            if self._seen is None:
                self._seen = self._public = await self._feed.newest()
            for _ in range(_KEPT // _BATCH):
                found = await self._feed.after(self._seen, _BATCH)
                if not found:
                    return
                self._recent.extend(found)
                self._seen = found[-1].seq
                self._public = max([self._public, *(one.seq for one in found if one.is_public)])
            # After hours without a look: who wants what was left out reads the store.
            self._recent.clear()
            self._seen = self._public = await self._feed.newest()

    @contextmanager
    def counted(self, who: str) -> Iterator[None]:
        """One stream of a caller more, as long as the block runs."""
        self._streams[who] += 1
        try:
            with STREAMS.track_inprogress():
                yield
        finally:
            self._streams[who] -= 1
            if not self._streams[who]:
                del self._streams[who]

    async def wait(self) -> bool:
        """Until it is time to look again; False when the streams are to end."""
        with anyio.move_on_after(LOOK_SECONDS):
            await self._closed.wait()
        return not self._closed.is_set()


class _Stream(Response):
    """One answer that goes on until the client leaves, takes nothing, or the server stops."""

    media_type = "text/event-stream"

    def __init__(
        self, events: Events, principal: Principal | None, after: int | None, *, who: str, quiet: bytes
    ) -> None:
        headers = {"cache-control": "no-store, no-transform", "x-accel-buffering": "no"}
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._events = events
        self._principal = principal
        self._after = after
        self._who = who
        self._quiet = quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
            return
        with self._events.counted(self._who):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_cancel_at_end, receive, tasks.cancel_scope)
                await self._send(send)
                tasks.cancel_scope.cancel()

    async def _send(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async for text in self._texts():
            with anyio.fail_after(SEND_SECONDS):
                await send({"type": "http.response.body", "body": text, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _texts(self) -> AsyncIterator[bytes]:
        # At once: a client learns that the stream stands.
        yield b": the events follow\n\n"
        sent_at = held_at = anyio.current_time()
        while True:
            try:
                found, self._after = await self._events.since(self._after)
                now = anyio.current_time()
                if self._principal is not None and now - held_at >= HOLD_SECONDS:
                    held_at = now
                    if not await self._events.holds(self._principal):
                        return
            except StoreError:
                return  # the client comes back, and goes on where it was
            texts = [_text(one) for one in found if _may_see(self._principal, one)]
            if not texts and anyio.current_time() - sent_at >= PING_SECONDS:
                texts = [self._quiet]
            if texts:
                yield b"".join(texts)
                sent_at = anyio.current_time()
            if not found and not await self._events.wait():
                return


async def _cancel_at_end(receive: Receive, sending: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    sending.cancel()


def _may_see(principal: Principal | None, one: Happening) -> bool:
    if one.is_public:
        return True
    if principal is None:
        return False
    if one.namespace is None:
        return principal.namespaces is None
    return principal.may(Role.VIEWER, one.namespace)


def _text(one: Happening) -> bytes:
    # JSON has no line breaks of its own.
    data = orjson.dumps(happening_document(one))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (one.seq, one.kind.encode(), data)
