"""What Bitbucket Cloud and Bitbucket Server share: how they sign, and which header names the event."""

from collections.abc import Sequence
from typing import Final

from bridge.forges.base import Forge, Headers
from bridge.forges.fields import event_word
from bridge.forges.hosts import refuse_others
from bridge.forges.signature import check_hex, header

EVENT: Final = "x-event-key"


class BitbucketFamily(Forge):
    def verify(self, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # Bitbucket signs no time
        """The HMAC-SHA256 over the body as sent, under the name that elsewhere means SHA-1."""
        refuse_others(headers, self.host)
        check_hex(header(headers, "x-hub-signature"), body, secrets, prefix=b"sha256=")

    def event(self, headers: Headers, body: bytes) -> str:  # noqa: ARG002  # a header says it
        return event_word(headers, EVENT)
