"""GitLab: project, group and system hooks.

Source: GitLab Docs, "Webhooks" (https://docs.gitlab.com/user/project/integrations/webhooks/), "Webhook
events" (https://docs.gitlab.com/user/project/integrations/webhook_events/) and "System hooks"
(https://docs.gitlab.com/administration/system_hooks/); the signing token follows the Standard Webhooks
specification (https://www.standardwebhooks.com/).
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.config.forges import ForgeApi, ForgeTraits, WebPages
from bridge.errors import BadSignature
from bridge.forges.base import Forge
from bridge.forges.gitlab_shape import PUSH, TAG_PUSH, read_event
from bridge.forges.hosts import Marks
from bridge.forges.request import Request
from bridge.forges.signature import SIGNING_KEY_PREFIX, check_standard, check_token, signing_key
from bridge.model.event import Ignored, PushEvent

_LISTED: Final = 20
"""GitLab lists the newest commits only, this many."""
_SYSTEM_PUSHES: Final = {"push": PUSH, "tag_push": TAG_PUSH}
"""System hooks have one header for all events, the kind stands in the body."""


class GitLab(Forge):
    kind: ClassVar[str] = "GitLab"
    host: ClassVar[str] = "gitlab"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        clone_host="https://gitlab.com",
        clone_username="oauth2",
        api=ForgeApi(public="https://gitlab.com/api/v4", site="gitlab.com", path="/api/v4"),
        pages=WebPages(
            is_clone_url=True, commit="/-/commit/{}", branch="/-/tree/{}", tag="/-/tree/{}", hooks="/-/hooks"
        ),
    )
    marks: ClassVar[Marks] = (frozenset({"x-gitlab-event"}),)
    imitates: ClassVar[frozenset[str]] = frozenset({"simple"})
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {
            "content-type",
            "idempotency-key",
            "user-agent",
            "webhook-id",
            "x-gitlab-event",
            "x-gitlab-event-uuid",
            "x-gitlab-instance",
            "x-gitlab-webhook-uuid",
        }
    )

    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:
        """The signature of a signing token (`whsec_…`) where there is one, else the secret token.

        A signature is final: a wrong one is not made good by a right token.
        """
        if "webhook-signature" not in request.headers:
            tokens = [secret for secret in secrets if not secret.startswith(SIGNING_KEY_PREFIX)]
            return check_token(request.header("x-gitlab-token"), tokens)
        keys = [key for secret in secrets if (key := signing_key(secret))]
        if not keys:
            raise BadSignature("the delivery is signed, but no usable whsec_ signing token is configured")
        return check_standard(request, keys, now)

    def event(self, request: Request) -> str:
        return request.event("x-gitlab-event")

    def delivery_id(self, request: Request) -> str | None:
        # Not x-gitlab-event-uuid: all hooks set off by one event share that. webhook-id may be signed.
        return request.delivery_id("webhook-id", "idempotency-key")

    def dedup_prefix(self, request: Request) -> str:
        # GitLab before 17.4 sends no delivery id, and no time in the body: equal pushes differ here only.
        return f"{request.delivery_id('x-gitlab-event-uuid') or 'sha256'}:"

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        event, fields = request.event("x-gitlab-event"), request.document
        if event == "System Hook":
            name = fields.name("event_name", "object_kind") or event
            event = _SYSTEM_PUSHES.get(name, name)
        return [read_event(event, fields, listed=_LISTED)]
