"""The webhooks of repositories at Gitea.

Source: "Gitea API", group repository, hooks (https://docs.gitea.com/api).
"""

from collections.abc import Sequence
from typing import ClassVar

from bridge.forges.gogs_webhooks import GogsFamilyWebhooks


class GiteaWebhooks(GogsFamilyWebhooks):
    peer: ClassVar[str] = "Gitea"
    type: ClassVar[str] = "gitea"
    needs: ClassVar[str] = "the permission repository (read and write), of an administrator of the repository"
    sends: ClassVar[Sequence[str]] = ("push", "delete")
    """It covers branches and tags; only `delete` says that a branch is gone."""
