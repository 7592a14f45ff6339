"""What the hosts have in common that keep what they sent, and send it again."""

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from support.daemon import NO_TLS
from support.fake_hooks import FakeHooks
from support.fake_http import Reply, json_reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An attempt to deliver; `status` is None where no answer came."""

    number: int
    key: str
    event: str
    body: bytes
    at: float
    status: int | None
    again: bool


class ResendingHooks(FakeHooks):
    """`sent` are the attempts of our webhook, the newest first, of which those of the last days are shown."""

    days: int

    def __init__(self) -> None:
        super().__init__()
        self.clock: Callable[[], float] = time.time
        self.sent: list[Sent] = []

    @abstractmethod
    def proof(self, hook: Mapping[str, Any], key: str, event: str, body: bytes) -> dict[str, str]:
        """The headers of a delivery."""

    @abstractmethod
    def sends(self, hook: Mapping[str, Any], event: str) -> bool:
        """Whether the webhook is for this event."""

    def deliver(self, event: str, body: bytes) -> int:
        """Send our webhook a delivery as the host does; the status of the answer, 0 where there is none."""
        if not self.sends(self.ours, event):
            return 0
        return self.attempt(str(uuid4()), event, body, again=False).status or 0

    def attempt(self, key: str, event: str, body: bytes, *, again: bool) -> Sent:
        """Send it, and keep what became of it."""
        hook = self.ours
        headers = {"Content-Type": "application/json", **self.proof(hook, key, event, body)}
        try:
            answer = httpx.post(self.address(hook), content=body, headers=headers, verify=NO_TLS)
            status = answer.status_code
        except httpx.TransportError:
            status = None
        return self.note(key, event, body, status, again=again)

    def attempt_of(self, event: str, body: bytes, status: int | None) -> Sent:
        """Keep a first attempt that got this status."""
        return self.note(str(uuid4()), event, body, status, again=False)

    def note(self, key: str, event: str, body: bytes, status: int | None, *, again: bool) -> Sent:
        with self.lock:
            self.numbers += 1
            at = self.clock()
            made = Sent(
                number=self.numbers, key=key, event=event, body=body, at=at, status=status, again=again
            )
            self.sent.insert(0, made)
        return made

    @property
    def kept(self) -> list[Sent]:
        since = self.clock() - self.days * 86_400
        return [one for one in self.sent if one.at >= since]

    def found(self, number: str) -> Sent | None:
        return next((one for one in self.kept if str(one.number) == number), None)

    def sent_again(self) -> list[str]:
        """The keys that were asked for, the oldest first."""
        return [one.key for one in reversed(self.sent) if one.again]


def with_next(reply: Reply, address: str | None) -> Reply:
    """The reply with a link to the next page, where there is one."""
    if address is not None:
        reply.headers["Link"] = f'<{address}>; rel="next"'
    return reply


def gone() -> Reply:
    return json_reply({"message": "Not Found"}, 404)
