"""The webhooks of repositories at Forgejo.

Source: Forgejo Docs, "API usage", with the description that each server has at `/api/swagger` (https://forgejo.org/docs/latest/user/api-usage/).
"""

from collections.abc import Sequence
from typing import ClassVar

from bridge.forges.gogs_webhooks import GogsFamilyWebhooks


class ForgejoWebhooks(GogsFamilyWebhooks):
    peer: ClassVar[str] = "Forgejo"
    type: ClassVar[str] = "forgejo"
    needs: ClassVar[str] = "the permission repository (read and write), of an administrator of the repository"
    sends: ClassVar[Sequence[str]] = ("push", "delete")
    """It covers branches and tags; only `delete` says that a branch is gone."""
