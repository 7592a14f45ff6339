"""TGit: Tencent's code hosting, also called Gongfeng.

Source: TGit Help, "Git Webhook" (https://git.tencent.com/help/menu/manual/git_webhooks.html). The value of
`operation_kind` for a forced push stands in the sources of Tencent's own build service only. That a removed
tag has zeros in `after`, as a removed branch does, and that `checkout_sha` is the commit of an annotated tag,
is GitLab's rule and not documented here: a tag object that is taken for a commit is peeled by the builder.
"""

from typing import ClassVar

from bridge.config.forges import ForgeTraits, WebPages
from bridge.forges.fields import Fields
from bridge.forges.gitlab_shape import GitLabShaped, read_event
from bridge.forges.hosts import Marks
from bridge.forges.request import Request
from bridge.model.event import Ignored, PushEvent


class TGit(GitLabShaped):
    kind: ClassVar[str] = "TGit"
    host: ClassVar[str] = "tgit"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        pages=WebPages(is_clone_url=True, commit="/commits/{}", branch="/tree/{}", tag="/tree/{}"),
    )
    marks: ClassVar[Marks] = (frozenset({"x-event", "x-gitlab-event"}),)
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "x-event", "x-gitlab-event", "x-send-timestamp", "x-trace-id"}
    )
    event_headers: ClassVar[tuple[str, ...]] = ("x-event", "x-gitlab-event")
    token_headers: ClassVar[tuple[str, ...]] = ("x-token", "x-gitlab-token")

    def dedup_prefix(self, request: Request) -> str:
        # A branch that is moved there, back and there again sends equal bodies.
        return f"{request.delivery_id('x-trace-id', 'x-send-timestamp') or 'sha256'}:"

    def read(self, event: str, fields: Fields) -> PushEvent | Ignored:
        return read_event(event, fields, forced=fields.text("operation_kind") == "update_nonfastforward")
