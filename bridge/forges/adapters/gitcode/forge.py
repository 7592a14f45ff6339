"""GitCode.

Source: GitCode Help, "Using WebHook", "Commit Event" and "Tag Push Event". Over which bytes the signature
goes is said as "the request content": only the body as it was sent is taken, for forms too.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.forges.base import Headers
from bridge.forges.fields import delivery_word
from bridge.forges.gitlab_shape import GitLabShaped
from bridge.forges.hosts import refuse_others
from bridge.forges.signature import check_hex, header

_SIGNATURE: Final = "x-gitcode-signature-256"


class GitCode(GitLabShaped):
    kind: ClassVar[str] = "GitCode"
    host: ClassVar[str] = "gitcode"
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "x-gitcode-delivery", "x-gitcode-event"}
    )
    event_headers: ClassVar[tuple[str, ...]] = ("x-gitcode-event",)
    token_headers: ClassVar[tuple[str, ...]] = ("x-gitcode-token",)

    def verify(self, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> None:
        """The signature of a signing key where there is one, else the password.

        A signature is final: a wrong one is not made good by a right password.
        """
        if _SIGNATURE not in headers:
            return super().verify(headers, body, secrets, now)
        refuse_others(headers, self.host)
        return check_hex(header(headers, _SIGNATURE), body, secrets, prefix=b"sha256=")

    def delivery_id(self, headers: Headers, body: bytes) -> str | None:  # noqa: ARG002  # a header says it
        return delivery_word(headers, "x-gitcode-delivery")
