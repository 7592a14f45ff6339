"""Forgejo, which also sends the headers of Gitea, Gogs and GitHub: only its own are read.

Source: Forgejo Documentation, "Webhooks" (https://forgejo.org/docs/latest/user/webhooks/).
"""

from typing import ClassVar

from bridge.config.forges import ForgeApi, ForgeTraits, WebPages
from bridge.forges.gogs_family import GogsFamily
from bridge.forges.hosts import Marks


class Forgejo(GogsFamily):
    """Everything is a push; a `create` or `delete` beside it, or alone, builds nothing."""

    kind: ClassVar[str] = "Forgejo"
    host: ClassVar[str] = "forgejo"
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
    marks: ClassVar[Marks] = (frozenset({"x-forgejo-event"}),)
    imitates: ClassVar[frozenset[str]] = frozenset({"gitea", "gogs", "github"})
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "x-forgejo-delivery", "x-forgejo-event", "x-forgejo-event-type"}
    )
