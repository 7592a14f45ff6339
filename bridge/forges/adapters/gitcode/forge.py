"""GitCode.

Source: GitCode Help, "Webhook" (https://docs.gitcode.com/en/docs/help/home/org_project/webhook), with its
pages on the configuration, on commit events and on tag push events.

The documentation says that the signature covers "the request content". Only the body as it was sent is taken,
for forms too.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.config.forges import ForgeTraits, WebPages
from bridge.forges.gitlab_shape import GitLabShaped
from bridge.forges.hosts import Marks
from bridge.forges.request import Request
from bridge.forges.signature import check_hex

_SIGNATURE: Final = "x-gitcode-signature-256"


class GitCode(GitLabShaped):
    kind: ClassVar[str] = "GitCode"
    host: ClassVar[str] = "gitcode"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        pages=WebPages(
            site="https://gitcode.com",
            is_clone_url=True,
            commit="/commit/{}",
            branch="/tree/{}",
            tag="/tree/{}",
        ),
    )
    marks: ClassVar[Marks] = (frozenset({"x-gitcode-event"}),)
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "x-gitcode-delivery", "x-gitcode-event"}
    )
    event_headers: ClassVar[tuple[str, ...]] = ("x-gitcode-event",)
    token_headers: ClassVar[tuple[str, ...]] = ("x-gitcode-token",)

    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:
        """The signature of a signing key where there is one, else the password.

        A signature is final: a wrong one is not made good by a right password.
        """
        if _SIGNATURE not in request.headers:
            return super().check_proof(request, secrets, now)
        return check_hex(request.header(_SIGNATURE), request.body, secrets, prefix=b"sha256=")

    def delivery_id(self, request: Request) -> str | None:
        return request.delivery_id("x-gitcode-delivery")
