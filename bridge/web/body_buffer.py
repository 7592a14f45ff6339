"""Bodies of which only a part is here: nobody has proven who he is yet, so all share one bounded room."""

from typing import ClassVar

from bridge.errors import DeliveryError


class BufferFull(DeliveryError):
    """Too much is being sent at once; `after` some seconds the same body may be welcome."""

    status = 503
    after: ClassVar[float] = 5.0


class PartialBody:
    """The pieces that came until now."""

    __slots__ = ("given_up", "pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self.given_up = False

    def whole(self) -> bytes:
        return b"".join(self.pieces)


class BodyBuffer:
    """The bodies that are being received, of at most `room` bytes together.

    When it gets tight, the largest gives way: small bodies pass however many large ones are pressed in.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._held = 0
        self._bodies: set[PartialBody] = set()

    def begin(self) -> PartialBody:
        body = PartialBody()
        self._bodies.add(body)
        return body

    def add(self, body: PartialBody, piece: bytes) -> None:
        """Raises BufferFull when this body has to give way, or had to before."""
        if not body.given_up:
            self._held += len(piece)
            body.size += len(piece)
            body.pieces.append(piece)
            while self._held > self._room:
                self._give_up(max(self._bodies, key=lambda body: body.size))
        if body.given_up:
            raise BufferFull("too many large bodies are being sent at once: send it again later")

    def end(self, body: PartialBody) -> None:
        """Its memory is no longer ours to count."""
        self._held -= body.size
        self._bodies.discard(body)
        body.pieces, body.size = [], 0

    def _give_up(self, body: PartialBody) -> None:
        body.given_up = True
        self.end(body)
