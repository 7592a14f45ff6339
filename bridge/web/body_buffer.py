"""Request bodies of which only a part has arrived, within one memory limit for all clients.

No client is verified before its body is complete, so the limit is shared.
"""

from typing import ClassVar

from bridge.errors import DeliveryError


class BufferFull(DeliveryError):
    """Too many large bodies arrive at once; the client may send again after `after` seconds."""

    status = 503
    reason = "room"
    after: ClassVar[float] = 5.0


class PartialBody:
    """The pieces of one body that have arrived."""

    __slots__ = ("evicted", "pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.evicted = False

    def joined(self) -> bytes:
        return b"".join(self.pieces)


class BodyBuffer:
    """The bodies that are being received, of at most `capacity` bytes together.

    When they exceed it, the largest body is evicted: small bodies pass, however many large ones arrive.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held = 0
        self._bodies: set[PartialBody] = set()

    def begin(self) -> PartialBody:
        body = PartialBody()
        self._bodies.add(body)
        return body

    def add(self, body: PartialBody, piece: bytes) -> None:
        """Raises BufferFull when this body is evicted, now or before."""
        if not body.evicted:
            self._held += len(piece)
            body.size += len(piece)
            body.pieces.append(piece)
            while self._held > self._capacity:
                self._evict(max(self._bodies, key=lambda body: body.size))
        if body.evicted:
            raise BufferFull("too many large bodies are being sent at once: send the delivery again later")

    def end(self, body: PartialBody) -> None:
        """Stop counting the body, whether it is complete or not."""
        self._held -= body.size
        self._bodies.discard(body)
        body.pieces, body.size = [], 0

    def _evict(self, body: PartialBody) -> None:
        body.evicted = True
        self.end(body)
