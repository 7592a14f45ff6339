"""The webhooks of repositories at Gitee.

Source: Gitee, "API V5", group Webhooks (https://gitee.com/api/v5/swagger).
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from bridge.forges.fields import Fields
from bridge.forges.webhooks import Difference, Hook, LastAnswer, Wanted, Webhooks

_EVENTS: Final = ("push_events", "tag_push_events")
"""They cover what is deleted, too."""
_OTHERS: Final = ("issues_events", "note_events", "merge_requests_events")
_SIGNS: Final = 1
"""The type of encryption that signs with the secret, in place of sending it."""


class GiteeWebhooks(Webhooks):
    peer: ClassVar[str] = "Gitee"
    needs: ClassVar[str] = "the scope hook, of an administrator of the repository"

    def headers(self, token: str, username: str | None) -> Mapping[str, str]:  # noqa: ARG002  # it takes none
        return {"Authorization": f"Bearer {token}"}

    def hook(self, entry: object) -> Hook | None:
        fields = Fields(entry)
        number, address = fields.count("id"), fields.text("url")
        if number is None or address is None:
            return None
        code, words = fields.count("result_code"), fields.name("result") or ""
        answer = LastAnswer(code or None, words) if code or words else None
        return Hook(id=str(number), address=address, fields=fields, answer=answer)

    def differences(self, hook: Hook, wanted: Wanted) -> list[Difference]:  # noqa: ARG002  # it has no such choice
        missing = [name for name in _EVENTS if not hook.fields.flag(name)]
        if not missing:
            return []
        return [Difference("events", ", ".join(name for name in _EVENTS if name not in missing))]

    def document(self, wanted: Wanted, hook: Hook | None) -> Mapping[str, object]:
        others = {name: hook.fields.flag(name) for name in _OTHERS} if hook else {}
        return {
            "url": wanted.address,
            "encryption_type": _SIGNS,
            "password": wanted.secret,
            **others,
            **dict.fromkeys(_EVENTS, True),
        }
