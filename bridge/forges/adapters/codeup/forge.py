"""Codeup, of Alibaba Cloud DevOps (Yunxiao).

Source: Alibaba Cloud Help, "Webhook settings"
(https://help.aliyun.com/en/yunxiao/user-guide/webhooks-settings). The documentation writes `Codeup-Event`,
deliveries have been seen with `X-Codeup-Event`. It names no id and no time of a delivery, so that a push
whose body equals one of the last hour is taken for its repetition. It has no `checkout_sha`, and does not say
what `after` is for an annotated tag or a removal: zeros are a removal, and a tag object is peeled by the
builder.
"""

from typing import ClassVar

from bridge.config.forges import ForgeTraits, WebPages
from bridge.forges.fields import Fields
from bridge.forges.gitlab_shape import GitLabShaped
from bridge.forges.hosts import Marks
from bridge.model.event import Ignored, PushEvent


class Codeup(GitLabShaped):
    kind: ClassVar[str] = "Codeup"
    host: ClassVar[str] = "codeup"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        pages=WebPages(
            site="https://codeup.aliyun.com",
            is_clone_url=True,
            commit="/commits/{}",
            branch="/tree/{}",
            tag="/tree/{}",
        ),
    )
    marks: ClassVar[Marks] = (frozenset({"x-codeup-event"}), frozenset({"codeup-event"}))
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"codeup-event", "content-type", "user-agent", "x-codeup-event"}
    )
    event_headers: ClassVar[tuple[str, ...]] = ("x-codeup-event", "codeup-event")
    token_headers: ClassVar[tuple[str, ...]] = ("x-codeup-token",)

    def read(self, event: str, fields: Fields) -> PushEvent | Ignored:
        # The console's test button sends `before` and `after` alone.
        if fields.text("after") and not fields.text("object_kind", "ref") and not fields.part("repository"):
            return Ignored(event="ping", reason="Codeup tested the webhook")
        return super().read(event, fields)
