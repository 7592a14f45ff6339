"""CodeArts Repo of Huawei Cloud, once CodeHub.

Source: Huawei Cloud, CodeArts Repo User Guide, "Configuring Webhook Settings"
(https://support.huaweicloud.com/intl/en-us/usermanual-codeartsrepo/codeartsrepo_03_0023.html), in English and
Chinese, and CodeArts Repo API Reference, "Adding a Webhook in a Repository"
(https://support.huaweicloud.com/intl/en-us/api-codeartsrepo/AddRepositoryWebhook.html). The header of the
token is chosen with the webhook, and had other names before; `X-Codehub-Event` is not documented. No id and
no time of a delivery is documented, so that a push whose body equals one of the last hour is taken for its
repetition. Nor is the whole body: what is not there reads as nothing, a commit list without a total counts as
cut, and a tag object is peeled by the builder.
"""

from typing import ClassVar

from bridge.config.forges import ForgeTraits, WebPages
from bridge.forges.gitlab_shape import GitLabShaped
from bridge.forges.hosts import Marks


class CodeArts(GitLabShaped):
    kind: ClassVar[str] = "CodeArts"
    host: ClassVar[str] = "codearts"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        pages=WebPages(is_clone_url=True, commit="/-/commit/{}"),
    )
    marks: ClassVar[Marks] = (frozenset({"x-devcloud-event"}), frozenset({"x-codehub-event"}))
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "x-codehub-event", "x-devcloud-event"}
    )
    event_headers: ClassVar[tuple[str, ...]] = ("x-devcloud-event", "x-codehub-event")
    token_headers: ClassVar[tuple[str, ...]] = (
        "x-repo-token",
        "x-devcloud-token",
        "x-codehub-token",
        "x-gitlab-token",
        "x-auth-token",
    )
