"""Gitea.

Source: Gitea Documentation, "Webhooks" (https://docs.gitea.com/usage/webhooks), and the payload types of its
API package (https://github.com/go-gitea/gitea/blob/main/modules/structs/hook.go).
"""

from typing import ClassVar

from bridge.config.forges import ForgeApi, ForgeTraits, WebPages
from bridge.forges.gogs_family import GogsFamily
from bridge.forges.hosts import Marks


class Gitea(GogsFamily):
    """Everything is a push; a `create` or `delete` beside it, or alone, builds nothing."""

    kind: ClassVar[str] = "Gitea"
    host: ClassVar[str] = "gitea"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        clone_username="oauth2",
        api=ForgeApi(path="/api/v1"),
        pages=WebPages(
            is_clone_url=True,
            commit="/commit/{}",
            branch="/src/branch/{}",
            tag="/src/tag/{}",
            hooks="/settings/hooks",
        ),
    )
    marks: ClassVar[Marks] = (frozenset({"x-gitea-event"}),)
    imitates: ClassVar[frozenset[str]] = frozenset({"gogs", "github"})
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "x-gitea-delivery", "x-gitea-event", "x-gitea-event-type"}
    )
