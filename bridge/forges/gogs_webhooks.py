"""The API of webhooks of Gogs, which Gitea and Forgejo took over.

None of them shows the secret, or what became of a delivery. Nor does any change the secret: another one in
a repair is answered with 200, and the former one stays.

Source: `editHook` in the code of each, of Gitea and Forgejo in `routers/api/v1/utils/hook.go`
(https://github.com/go-gitea/gitea/blob/main/routers/api/v1/utils/hook.go).
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from bridge.forges.fields import Fields
from bridge.forges.webhooks import PAGE, Difference, Hook, Wanted, Webhooks, events, lack_of_events

_ALL: Final = "*"
"""The branch filter of a webhook that a person has made, and left as it was."""


class GogsFamilyWebhooks(Webhooks):
    """Subclasses name their type of webhook, and what it has to send."""

    type: ClassVar[str]
    """The word for webhooks in its own form; others are for chat robots."""
    sends: ClassVar[Sequence[str]]
    texts: ClassVar[Sequence[str]] = ("branch_filter", "authorization_header")
    """What else a webhook has that people set."""
    changes_secret: ClassVar[bool] = False

    def headers(self, token: str, username: str | None) -> Mapping[str, str]:  # noqa: ARG002  # it takes none
        return {"Authorization": f"token {token}"}

    def query(self, page: int) -> Mapping[str, int]:
        return {"limit": PAGE, "page": page}

    def hook(self, entry: object) -> Hook | None:
        fields = Fields(entry)
        number, address = fields.count("id"), fields.part("config").text("url")
        if number is None or address is None:
            return None
        pattern = fields.text("branch_filter") or _ALL
        branch_filter = "" if pattern == _ALL else pattern
        return Hook(id=str(number), address=address, fields=fields, branch_filter=branch_filter)

    def differences(self, hook: Hook, wanted: Wanted) -> list[Difference]:  # noqa: ARG002  # the server decides on TLS
        found = lack_of_events(hook, self.sends)
        if not hook.fields.flag("active"):
            found.append(Difference("active"))
        if (kind := hook.fields.part("config").text("content_type")) != "json":
            found.append(Difference("content type", kind or ""))
        return found

    def document(self, wanted: Wanted, hook: Hook | None) -> Mapping[str, object]:
        config = {"url": wanted.address, "content_type": "json", "secret": wanted.secret}
        # What is left out of a repair is emptied.
        fields = Fields(None) if hook is None else hook.fields
        kept = {name: text for name in self.texts if (text := fields.text(name))}
        named = {"type": self.type} if hook is None else {}
        return {**named, **kept, "config": config, "events": events(hook, self.sends), "active": True}
