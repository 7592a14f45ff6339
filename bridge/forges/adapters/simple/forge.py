"""Plain Git servers, and anything without a dialect of its own.

Source: the Standard Webhooks specification (https://www.standardwebhooks.com/) for headers and signature.

The body is ours: `{"type": "push", "timestamp": "…Z", "data": {"repository": {"full_name", "clone_url",
"html_url"?}, "ref", "before", "after", "commit"?: {"id", "message", "timestamp", "author": {"name",
"email"}}, "changed"?: […], "truncated"?: false, "pusher"?: {"name", "email"}}}`. `after` is a commit, unless
`commit.id` names the one that the tag object in `after` is of.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.config.forges import ForgeTraits, WebPages
from bridge.errors import BadSignature
from bridge.forges.base import Forge
from bridge.forges.fields import Fields
from bridge.forges.hosts import Marks
from bridge.forges.push import MAX_CHANGED, Push, commit, person, repository
from bridge.forges.request import Request
from bridge.forges.signature import SIGNING_KEY_PREFIX, check_standard, signing_key
from bridge.model.event import Ignored, PushEvent, Repo

_NO_TYPE: Final = "a body without a type"


class Simple(Forge):
    kind: ClassVar[str] = "Simple"
    host: ClassVar[str] = "simple"
    marks: ClassVar[Marks] = (frozenset({"webhook-id", "webhook-signature"}),)
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        by_clone_url=True,
        pages=WebPages(is_clone_url=True),
    )
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "webhook-id", "webhook-timestamp"}
    )

    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:
        """The signature of id, time-stamp and body; the key is what `whsec_` encodes, or a plain secret."""
        keys = [key for secret in secrets if (key := _key(secret))]
        if not keys:
            raise BadSignature("the configured whsec_ secret is not base64: no signature can be checked")
        check_standard(request, keys, now)

    def event(self, request: Request) -> str:
        # A body that cannot be decoded is still authentic: it is stored, and `parse` says why it fails.
        return request.peek(request.body).name("type") or _NO_TYPE

    def delivery_id(self, request: Request) -> str | None:
        return request.delivery_id("webhook-id")

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        fields = request.decode(request.body)
        event, data = fields.name("type"), fields.part("data")
        match event:
            case "push":
                return [_push(data)]
            case "ping":
                return [Ignored(event="ping", reason="the sender tested the webhook", repo=_repo(data))]
            case _:
                return [Ignored(event="other", reason=f"{event or _NO_TYPE} is not a push", repo=_repo(data))]


def _key(secret: bytes) -> bytes | None:
    return signing_key(secret) if secret.startswith(SIGNING_KEY_PREFIX) else secret


def _push(data: Fields) -> PushEvent | Ignored:
    head, changed = data.part("commit"), data.texts("changed")
    return Push(
        repo=_repo(data),
        ref=data.text("ref"),
        before=data.text("before"),
        after=data.text("after"),
        head_sha=head.text("id") or data.text("after"),
        head=commit(head),
        pusher=person(data.part("pusher"), "name"),
        changed=None if changed is None else tuple(changed[:MAX_CHANGED]),
        partial=data.flag("truncated") or len(changed or ()) > MAX_CHANGED,
    ).to_event()


def _repo(data: Fields) -> Repo | None:
    return repository(
        data.part("repository"), slug="full_name", clone=["clone_url"], ssh=["ssh_url"], web=["html_url"]
    )
