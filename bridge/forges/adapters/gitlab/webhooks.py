"""The webhooks of projects at GitLab, which sends deliveries again from 17.4 on.

Source: GitLab Docs, "Project webhooks API" (https://docs.gitlab.com/api/project_webhooks) and "Webhooks"
(https://docs.gitlab.com/user/project/integrations/webhooks).
"""

from collections.abc import Mapping
from typing import ClassVar, Final, Literal
from urllib.parse import parse_qsl, quote

from bridge.forges.fields import Fields
from bridge.forges.signature import SIGNING_KEY_PREFIX
from bridge.forges.webhooks import (
    Attempt,
    Difference,
    Hook,
    LastAnswer,
    MovedRef,
    Resending,
    Wanted,
    Webhooks,
)

_EVENTS: Final = ("push_events", "tag_push_events")
"""They cover what is deleted, too."""
_UNFILTERED: Final = "all_branches"
_RUNS: Final = "executable"
_KEY_HEADERS: Final = ("webhook-id", "Webhook-Id", "Idempotency-Key")


class GitLabWebhooks(Webhooks, Resending):
    peer: ClassVar[str] = "GitLab"
    needs: ClassVar[str] = "the scope api, and the role Maintainer"
    updates_by: ClassVar[Literal["PATCH", "PUT"]] = "PUT"
    first_page: ClassVar[str] = "per_page=20"
    pages: ClassVar[int] = 100

    def headers(self, token: str, username: str | None) -> Mapping[str, str]:  # noqa: ARG002  # it takes none
        return {"PRIVATE-TOKEN": token}

    def path(self, repository: str) -> str:
        return f"projects/{quote(repository, safe='')}/hooks"

    def hook(self, entry: object) -> Hook | None:
        fields = Fields(entry)
        number, address = fields.count("id"), fields.text("url")
        if number is None or address is None:
            return None
        state = fields.word("alert_status")
        stopped = (
            ""
            if state in {None, _RUNS}
            else (
                f"GitLab has switched the webhook off after failures ({state}): "
                "Test on its page switches it on"
            )
        )
        is_filtered = fields.word("branch_filter_strategy") != _UNFILTERED
        branch_filter = (fields.text("push_events_branch_filter") or "") if is_filtered else ""
        return Hook(
            id=str(number), address=address, fields=fields, stopped=stopped, branch_filter=branch_filter
        )

    def differences(self, hook: Hook, wanted: Wanted) -> list[Difference]:
        found = []
        missing = [name for name in _EVENTS if not hook.fields.flag(name)]
        if missing:
            found.append(Difference("events", ", ".join(name for name in _EVENTS if name not in missing)))
        if wanted.by_tls and not hook.fields.flag("enable_ssl_verification"):
            found.append(Difference("TLS verification"))
        return found

    def document(self, wanted: Wanted, hook: Hook | None) -> Mapping[str, object]:
        checks = wanted.by_tls or (hook is not None and hook.fields.flag("enable_ssl_verification"))
        return {
            "url": wanted.address,
            "token": wanted.secret,
            "enable_ssl_verification": checks,
            **dict.fromkeys(_EVENTS, True),
        }

    def unfit(self, secret: str) -> str | None:
        if secret.startswith(SIGNING_KEY_PREFIX.decode()):
            return (
                "the first secret is a signing token, which only GitLab makes: put a plain one before it, or "
                "make the webhook by hand"
            )
        return None

    def answers_path(self, repository: str, hook: Hook) -> str:
        return f"{self.attempts_path(repository, hook)}?per_page=1"

    def last_answer(self, data: object) -> LastAnswer | None:
        return _answer(Fields(data[0]) if isinstance(data, list) and data else Fields(None))

    def attempts_path(self, repository: str, hook: Hook) -> str:
        return f"{self.path(repository)}/{quote(hook.id)}/events"

    def smaller_page(self, query: str) -> str:
        """An entry has the whole body of its delivery, so that several may be too much for one answer."""
        asked = dict(parse_qsl(query))
        try:
            size, page = int(asked["per_page"]), int(asked.get("page", "1"))
        except (KeyError, ValueError):
            return ""
        return f"per_page=1&page={size * (page - 1) + 1}" if size > 1 else ""

    def attempt(self, entry: object) -> Attempt | None:
        """It says no time; where no answer came, it has words in place of a status.

        Of a body that was too large for its own database it does not keep what was pushed.
        """
        fields = Fields(entry)
        number, answer, sent = fields.count("id"), _answer(fields), fields.part("request_headers")
        key = next((key for name in _KEY_HEADERS if (key := sent.word(name))), None)
        moved = _moved(fields.part("request_data"))
        if number is None or key is None or answer is None or moved is None:
            return None
        return Attempt(id=str(number), key=key, answer=answer, moved=moved)

    def again_path(self, repository: str, hook: Hook, attempt: Attempt) -> str:
        return f"{self.attempts_path(repository, hook)}/{quote(attempt.id)}/resend"


def _moved(body: Fields) -> MovedRef | None:
    ref, before, after = (body.word(name) for name in ("ref", "before", "after"))
    if ref is None or before is None or after is None:
        return None
    return MovedRef(ref, before.strip("0") and before, after.strip("0") and after)


def _answer(event: Fields) -> LastAnswer | None:
    """What became of a delivery; an answer that never came has words in place of a number."""
    text = event.text("response_status") or str(event.count("response_status") or "")
    if not text:
        return None
    return LastAnswer(int(text) if text.isdecimal() else None, "" if text.isdecimal() else text)
