"""Plain Git servers, and anything without a dialect of its own.

Source: the Standard Webhooks specification for headers and signature. The body is ours:
`{"type": "push", "timestamp": "…Z", "data": {"repository": {"full_name", "clone_url", "html_url"?}, "ref",
"before", "after", "commit"?: {"id", "message", "timestamp", "author": {"name", "email"}}, "changed"?: […],
"truncated"?: false, "pusher"?: {"name", "email"}}}`. `after` is a commit, unless `commit.id` names the one
that the tag object in `after` is of.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.errors import BadSignature
from bridge.forges.base import Forge, Headers
from bridge.forges.fields import Fields, decode, delivery_word, peek
from bridge.forges.hosts import refuse_others
from bridge.forges.push import MAX_CHANGED, Push, commit, person, repository
from bridge.forges.signature import SIGNING_KEY_PREFIX, check_standard, signing_key
from bridge.model.event import Ignored, PushEvent, Repo

_NO_TYPE: Final = "a body without a type"


class Simple(Forge):
    kind: ClassVar[str] = "Simple"
    host: ClassVar[str] = "simple"
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "webhook-id", "webhook-timestamp"}
    )

    def verify(self, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> None:
        """The signature of id, time-stamp and body; the key is what `whsec_` encodes, or a plain secret."""
        refuse_others(headers, self.host)
        keys = [key for secret in secrets if (key := _key(secret))]
        if not keys:
            raise BadSignature("the configured whsec_ secret is not base64: no signature can be checked")
        check_standard(headers, body, keys, now)

    def event(self, headers: Headers, body: bytes) -> str:  # noqa: ARG002  # the body says it
        # What cannot be read is authentic: it is kept, and then told to be unreadable.
        return peek(body).name("type") or _NO_TYPE

    def delivery_id(self, headers: Headers, body: bytes) -> str | None:  # noqa: ARG002  # a header says it
        return delivery_word(headers, "webhook-id")

    def parse(self, headers: Headers, body: bytes) -> list[PushEvent | Ignored]:  # noqa: ARG002  # the body says it
        fields = decode(body)
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
