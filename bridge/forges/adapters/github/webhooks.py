"""The webhooks of repositories at GitHub and GitHub Enterprise Server (deliveries from 3.2 on).

Source: GitHub Docs, "REST API endpoints for repository webhooks" (https://docs.github.com/en/rest/repos/webhooks)
and "Handling failed webhook deliveries"
(https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries).
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from bridge.forges.fields import Fields
from bridge.forges.webhooks import (
    Attempt,
    Difference,
    Hook,
    LastAnswer,
    Resending,
    Wanted,
    Webhooks,
    events,
    lack_of_events,
    quoted,
)

_EVENTS: Final = ("push",)
"""It covers branches, tags, and what is deleted."""
_CHECKED: Final = "0"


class GitHubWebhooks(Webhooks, Resending):
    peer: ClassVar[str] = "GitHub"
    needs: ClassVar[str] = (
        "the permission Webhooks (read and write), or the scope admin:repo_hook, of an administrator"
    )
    first_page: ClassVar[str] = "per_page=50"
    pages: ClassVar[int] = 20

    def headers(self, token: str, username: str | None) -> Mapping[str, str]:  # noqa: ARG002  # it takes none
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def hook(self, entry: object) -> Hook | None:
        fields = Fields(entry)
        number, address = fields.count("id"), fields.part("config").text("url")
        if number is None or address is None:
            return None
        answer = _answer(fields.part("last_response"))
        return Hook(id=str(number), address=address, fields=fields, answer=answer)

    def differences(self, hook: Hook, wanted: Wanted) -> list[Difference]:
        config = hook.fields.part("config")
        found = lack_of_events(hook, _EVENTS)
        if not hook.fields.flag("active"):
            found.append(Difference("active"))
        if (kind := config.text("content_type")) != "json":
            found.append(Difference("content type", kind or ""))
        if wanted.by_tls and _checks(config) != _CHECKED:
            found.append(Difference("TLS verification"))
        # It shows asterisks in place of one.
        if config.text("secret") is None:
            found.append(Difference("secret"))
        return found

    def document(self, wanted: Wanted, hook: Hook | None) -> Mapping[str, object]:
        config = {"url": wanted.address, "content_type": "json", "secret": wanted.secret}
        if wanted.by_tls:
            config["insecure_ssl"] = _CHECKED
        elif hook is not None:
            config["insecure_ssl"] = _checks(hook.fields.part("config"))
        named = {"name": "web"} if hook is None else {}
        return {**named, "active": True, "events": events(hook, _EVENTS), "config": config}

    def attempts_path(self, repository: str, hook: Hook) -> str:
        return f"{self.path(repository)}/{quoted(hook.id)}/deliveries"

    def attempt(self, entry: object) -> Attempt | None:
        fields = Fields(entry)
        number, key = fields.count("id"), fields.word("guid")
        if number is None or key is None or fields.text("event") not in _EVENTS:
            return None
        return Attempt(
            id=str(number),
            key=key,
            answer=LastAnswer(fields.count("status_code") or None, fields.name("status") or ""),
            at=fields.moment("delivered_at"),
            again=fields.flag("redelivery"),
        )

    def again_path(self, repository: str, hook: Hook, attempt: Attempt) -> str:
        return f"{self.attempts_path(repository, hook)}/{quoted(attempt.id)}/attempts"


def _checks(config: Fields) -> str:
    """Whether certificates are checked: a text or a number, and missing where they are."""
    return config.text("insecure_ssl") or str(config.count("insecure_ssl") or _CHECKED)


def _answer(fields: Fields) -> LastAnswer | None:
    """What `last_response` says, which has no code before the first delivery."""
    if not fields or fields.text("status") == "unused":
        return None
    return LastAnswer(fields.count("code") or None, fields.name("message", "status") or "")
