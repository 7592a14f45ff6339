"""Gogs.

Source: Gogs, "Webhooks" (https://gogs.io/advancing/webhooks), and deliveries of Gogs 0.11.91.
"""

import hashlib
from typing import ClassVar

from bridge.config.forges import ForgeApi, ForgeTraits, WebPages
from bridge.forges.fields import Fields
from bridge.forges.gogs_family import GogsFamily, repo
from bridge.forges.hosts import Marks
from bridge.forges.push import Push, person, short_ref
from bridge.forges.request import Request
from bridge.model.delivery import DIGEST
from bridge.model.event import Ignored, PushEvent


class Gogs(GogsFamily):
    """A new branch is a `create` and a push, a new tag is a `create` only; a removal is a `delete` only."""

    kind: ClassVar[str] = "Gogs"
    host: ClassVar[str] = "gogs"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        api=ForgeApi(path="/api/v1"),
        pages=WebPages(
            is_clone_url=True, commit="/commit/{}", branch="/src/{}", tag="/src/{}", hooks="/settings/hooks"
        ),
    )
    marks: ClassVar[Marks] = (frozenset({"x-gogs-event"}),)
    imitates: ClassVar[frozenset[str]] = frozenset({"github"})
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "x-gogs-delivery", "x-gogs-event"}
    )

    def delivery_id(self, request: Request) -> str | None:
        """A digest of the JSON text, which is the same, with its times, for all webhooks of a repository.

        The id in the header is another for each webhook: with a JSON and a form one everything came twice.
        """
        message = request.payload
        return None if message is None else f"{DIGEST}{hashlib.sha256(message).hexdigest()}"

    def created(self, fields: Fields) -> PushEvent | Ignored:
        ref = short_ref(fields)
        if ref is None or ref.kind == "branch":
            return self.other(fields, "Gogs sends a push for every new branch too, and that one counts")
        return Push(
            repo=repo(fields),
            ref=ref.full,
            before=None,
            after=fields.text("sha"),
            head_sha=None,
            head=None,
            pusher=person(fields.part("sender"), "full_name", "login", "username"),
            changed=None,
            partial=False,
        ).to_event()
