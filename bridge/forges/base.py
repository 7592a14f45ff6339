"""The contract of a forge: a kind of Git host that calls us.

A forge is pure: it opens no socket, reads no clock, and whatever the bytes, only `DeliveryError`s come out
of it. The one way to a `Delivery` is `receive`, and it verifies first.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, final

from bridge.errors import BadSignature
from bridge.forges.hosts import host_of
from bridge.model.delivery import DIGEST, Delivery
from bridge.model.event import Ignored, PushEvent

Headers = Mapping[str, str]
"""Request headers: lower-case names, values decoded as latin-1."""


def headers_of(pairs: Iterable[tuple[str, str]]) -> Headers:
    """The headers of lower-case names and values.

    One that comes twice has both values, as RFC 9110 reads it: nobody may choose which of the two counts.
    """
    headers: dict[str, str] = {}
    for name, value in pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


class Forge(ABC):
    """One kind of Git host. Instances hold no state and may be used by many tasks at once."""

    kind: ClassVar[str]
    """The word in `bridge.yaml` and in rules, such as `GitHub`."""
    host: ClassVar[str]
    """The lower-case id shown by `explain`, such as `github`."""
    kept_headers: ClassVar[frozenset[str]]
    """The headers that `parse` and people need; all others, credentials above all, are never stored."""

    def recognises(self, headers: Headers, body: bytes) -> bool:  # noqa: ARG002  # most hosts have headers of their own
        """Whether this is a delivery of this host and of no other; it proves nothing. Raises nothing."""
        return host_of(headers) == self.host

    @abstractmethod
    def verify(self, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> None:
        """Prove who sent this, in constant time; any of the non-empty `secrets` may have been used.

        `now` is in Unix seconds. Raises BadSignature, also for what cannot be read as a proof, and
        NoSignature where there is none.
        """

    @abstractmethod
    def event(self, headers: Headers, body: bytes) -> str:
        """The host's own word for the event. Raises BadDelivery where the host always says it and did not."""

    @abstractmethod
    def delivery_id(self, headers: Headers, body: bytes) -> str | None:
        """The host's id of this delivery, the same when it is sent again; None where it has none."""

    def dedup_prefix(self, headers: Headers) -> str:  # noqa: ARG002  # most hosts need none
        """What tells two deliveries with the same body apart, where the host sends no delivery id."""
        return DIGEST

    def without_secrets(self, body: bytes, secrets: Sequence[bytes]) -> bytes:  # noqa: ARG002  # most hosts send none
        """The body as it may be stored; hosts that put the secret into it override this."""
        return body

    @abstractmethod
    def parse(self, headers: Headers, body: bytes) -> list[PushEvent | Ignored]:
        """What happened, one entry for each ref, at least one. Raises BadPayload."""

    @final
    def receive(
        self,
        *,
        id: str,  # noqa: A002  # the field's name
        source: str,
        headers: Headers,
        body: bytes,
        secrets: Sequence[bytes],
        now: float,
    ) -> Delivery:
        """Verify, then name. Raises BadSignature or BadDelivery."""
        if not secrets or not all(secrets):
            raise BadSignature(f"source {source} has no secret to check against")
        self.verify(headers, body, secrets, now)
        return Delivery(
            id=id,
            source=source,
            forge=self.kind,
            key=self.delivery_id(headers, body)
            or self.dedup_prefix(headers) + hashlib.sha256(body).hexdigest(),
            event=self.event(headers, body),
            headers={name: value for name, value in headers.items() if name in self.kept_headers},
            body=self.without_secrets(body, secrets),
            received_at=now,
        )
