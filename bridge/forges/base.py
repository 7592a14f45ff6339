"""The contract of a forge: the adapter of one kind of Git host.

A forge is pure: it opens no socket and reads no clock, and whatever the bytes are, it raises nothing but
`DeliveryError`. The one way to a `Delivery` is `receive`, which verifies first.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final, final

from bridge.config.forges import USUAL, ForgeTraits
from bridge.errors import BadSignature
from bridge.forges.hosts import Hosts, Marks
from bridge.forges.request import Request
from bridge.model.delivery import DIGEST, Delivery
from bridge.model.event import Ignored, PushEvent

_NONE: Final = frozenset[str]()


class Forge(ABC):
    """One kind of Git host; `hosts` are the marks of all. Instances hold no other state."""

    kind: ClassVar[str]
    """The word in `bridge.yaml` and in rules, such as `GitHub`."""
    host: ClassVar[str]
    """The lower-case id shown by `explain`, such as `github`."""
    marks: ClassVar[Marks] = ()
    """The headers that distinguish its requests from those of other hosts; empty where the body does."""
    imitates: ClassVar[frozenset[str]] = frozenset()
    """The ids of the hosts whose marks it sends beside its own, such as the host it was forked from."""
    traits: ClassVar[ForgeTraits] = USUAL
    """What `bridge.yaml` and rules have to know of this kind."""
    kept_headers: ClassVar[frozenset[str]]
    """The headers that `parse` and people need; all others, credentials above all, are never stored."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts: Final = hosts
        self._own: Final = frozenset({self.host})

    def recognises(self, request: Request) -> bool:
        """Whether this is a delivery of this host and of no other; it proves nothing. Raises nothing."""
        return self.host in self._hosts.of(request.headers) and not self.others(request)

    @final
    def others(self, request: Request) -> frozenset[str]:
        """The ids of other hosts that the headers are marked as, less those that this host imitates."""
        found = self._hosts.of(request.headers)
        if found == self._own:
            return _NONE
        return found - self.imitates - self._own if self.host in found else found

    @final
    def verify(self, request: Request, secrets: Sequence[bytes], now: float) -> None:
        """Prove who sent this; any of the non-empty `secrets` may have been used.

        `now` is in Unix seconds. Raises BadSignature, which is NoSignature where there is no proof.
        """
        # Otherwise a sender could pick the weakest scheme that shares the secret.
        if others := self.others(request):
            named = ", ".join(sorted(others))
            raise BadSignature(f"these are the headers of {named}, but this source is {self.host}")
        self.check_proof(request, secrets, now)

    @abstractmethod
    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:
        """Check the host's own proof in constant time; `verify` calls this.

        Raises BadSignature, also for what cannot be read as a proof, and NoSignature where there is none.
        """

    @abstractmethod
    def event(self, request: Request) -> str:
        """The host's own word for the event. Raises BadDelivery where it is missing."""

    @abstractmethod
    def delivery_id(self, request: Request) -> str | None:
        """The host's id of this delivery, the same when it is sent again; None where it has none."""

    def dedup_prefix(self, request: Request) -> str:  # noqa: ARG002  # most hosts need none
        """What distinguishes two deliveries with the same body, where the host sends no delivery id."""
        return DIGEST

    def without_secrets(self, request: Request, secrets: Sequence[bytes]) -> bytes:  # noqa: ARG002  # most hosts send none
        """The body as it may be stored; hosts that put the secret into it override this. Raises nothing."""
        return request.body

    @abstractmethod
    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        """What happened, one entry for each ref, at least one. Raises BadPayload."""

    @final
    def receive(
        self,
        *,
        id: str,  # noqa: A002  # the field's name
        source: str,
        request: Request,
        secrets: Sequence[bytes],
        now: float,
    ) -> Delivery:
        """Verify, then name. Raises BadSignature or BadDelivery."""
        if not secrets or not all(secrets):
            raise BadSignature(f"source {source} has no secret to check against")
        self.verify(request, secrets, now)
        return Delivery(
            id=id,
            source=source,
            forge=self.kind,
            key=self.delivery_id(request)
            or self.dedup_prefix(request) + hashlib.sha256(request.body).hexdigest(),
            event=self.event(request),
            headers={name: value for name, value in request.headers.items() if name in self.kept_headers},
            body=self.without_secrets(request, secrets),
            received_at=now,
        )
