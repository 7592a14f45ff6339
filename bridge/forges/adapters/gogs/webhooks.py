"""The webhooks of repositories at Gogs.

Source: Gogs Docs, "Webhooks" (https://gogs.io/api-reference/webhooks/list-hooks).
"""

from collections.abc import Sequence
from typing import ClassVar

from bridge.forges.gogs_webhooks import GogsFamilyWebhooks


class GogsWebhooks(GogsFamilyWebhooks):
    peer: ClassVar[str] = "Gogs"
    type: ClassVar[str] = "gogs"
    needs: ClassVar[str] = "a token of an administrator of the repository"
    sends: ClassVar[Sequence[str]] = ("push", "create", "delete")
    """Of tags there is no push: `create` and `delete` say that they come and go."""
    texts: ClassVar[Sequence[str]] = ()
