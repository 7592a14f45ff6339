"""The webhooks of repositories at Bitbucket Cloud.

Source: Atlassian Developer, "The Bitbucket Cloud REST API", group Repositories, resource hooks
(https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories).
"""

import base64
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal

from bridge.forges.fields import Fields
from bridge.forges.webhooks import PAGE, Difference, Hook, Wanted, Webhooks, events, lack_of_events, quoted

_EVENTS: Final = ("repo:push",)
"""It covers branches, tags, and what is deleted."""
_UNCHECKED: Final = "skip_cert_verification"


class BitbucketWebhooks(Webhooks):
    peer: ClassVar[str] = "Bitbucket"
    needs: ClassVar[str] = "the scope webhook, or read:webhook and write:webhook, of an administrator"
    updates_by: ClassVar[Literal["PATCH", "PUT"]] = "PUT"

    def headers(self, token: str, username: str | None) -> Mapping[str, str]:
        if username is None:
            return {"Authorization": f"Bearer {token}"}
        return {"Authorization": "Basic " + base64.b64encode(f"{username}:{token}".encode()).decode()}

    def path(self, repository: str) -> str:
        return f"repositories/{quoted(repository)}/hooks"

    def query(self, page: int) -> Mapping[str, int]:
        return {"pagelen": PAGE, "page": page}

    def entries(self, data: object) -> Sequence[object] | None:
        values = data.get("values") if isinstance(data, dict) else None
        return values if isinstance(values, list) else None

    def hook(self, entry: object) -> Hook | None:
        fields = Fields(entry)
        number, address = fields.word("uuid"), fields.text("url")
        return None if number is None or address is None else Hook(id=number, address=address, fields=fields)

    def differences(self, hook: Hook, wanted: Wanted) -> list[Difference]:
        found = lack_of_events(hook, _EVENTS)
        if not hook.fields.flag("active"):
            found.append(Difference("active"))
        if wanted.by_tls and hook.fields.flag(_UNCHECKED):
            found.append(Difference("TLS verification"))
        if not hook.fields.flag("secret_set"):
            found.append(Difference("secret"))
        return found

    def document(self, wanted: Wanted, hook: Hook | None) -> Mapping[str, object]:
        unchecked = not wanted.by_tls and hook is not None and hook.fields.flag(_UNCHECKED)
        return {
            "description": (hook and hook.fields.name("description")) or "Buildbridge",
            "url": wanted.address,
            "active": True,
            _UNCHECKED: unchecked,
            "events": events(hook, _EVENTS),
            "secret": wanted.secret,
        }
