"""What Bitbucket Cloud and Bitbucket Server share: how they sign, and which header names the event."""

from collections.abc import Sequence
from typing import Final

from bridge.forges.base import Forge
from bridge.forges.request import Request
from bridge.forges.signature import check_hex

EVENT: Final = "x-event-key"


class BitbucketFamily(Forge):
    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # Bitbucket signs no time
        """The HMAC-SHA256 over the body as sent, under the name that elsewhere means SHA-1."""
        check_hex(request.header("x-hub-signature"), request.body, secrets, prefix=b"sha256=")

    def event(self, request: Request) -> str:
        return request.event(EVENT)
