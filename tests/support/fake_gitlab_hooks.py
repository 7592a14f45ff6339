"""The API of webhooks of GitLab, with its documented rules, and its deliveries.

Source: GitLab Docs, "Project webhooks API" (https://docs.gitlab.com/api/project_webhooks), and
`lib/api/hooks/events.rb` of its code: a page has up to 20 entries.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from support.fake_hooks import OTHERS, TOKEN, Invalid
from support.fake_http import Reply, json_reply
from support.fake_resending import ResendingHooks, Sent, gone, with_next

FLAGS: Final = ("push_events", "tag_push_events", "issues_events", "note_events", "merge_requests_events")
_TRIGGERS: Final = {"Push Hook": "push_events", "Tag Push Hook": "tag_push_events"}
_A_MINUTE: Final = 5


class GitLabHooks(ResendingHooks):
    """It sends again five times a minute at most; where no answer came it has words for a status."""

    root = "/api/v4/"
    size = "per_page"
    usual = 20
    edits = "PUT"
    refused = json_reply({"message": "403 Forbidden"}, 403)
    required = frozenset({"url"})
    fields: ClassVar = {
        "url": str,
        "token": str,
        "enable_ssl_verification": bool,
        **dict.fromkeys(FLAGS, bool),
    }
    days = 7

    def __init__(self) -> None:
        super().__init__()
        self.resent: list[float] = []

    def knows(self, headers: Mapping[str, str]) -> bool:
        return headers.get("PRIVATE-TOKEN") == TOKEN

    def asked(self, path: str) -> tuple[str, str, str]:
        """A project is named by its path as one part of the address."""
        parts = path.split("/")
        if len(parts) < 3 or (parts[0], parts[2]) != ("projects", "hooks"):
            return "", "", ""
        return unquote(parts[1]), "".join(parts[3:4]), "/".join(parts[4:])

    def check(
        self, document: Mapping[str, Any], kept: Mapping[str, Any] | None, hooks: Sequence[Mapping[str, Any]]
    ) -> None:
        super().check(document, kept, hooks)
        if "url" not in document or not document["url"].startswith(("http://", "https://")):
            raise Invalid("Invalid url given")
        if not document.get("token", "x").isprintable():
            raise Invalid("token is invalid")

    def made(self, document: Mapping[str, Any], number: int) -> dict[str, Any]:
        flags = {**dict.fromkeys(FLAGS, False), "push_events": True}
        usual = {
            "enable_ssl_verification": True,
            "push_events_branch_filter": None,
            "branch_filter_strategy": "wildcard",
            "alert_status": "executable",
            "disabled_until": None,
        }
        return {"id": number, **flags, **usual, **document}

    def shown(self, hook: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in hook.items() if key != "token"}

    def further(self, kept: dict[str, Any], rest: str, method: str, query: Mapping[str, str]) -> Reply:
        parts = rest.split("/")
        if parts[0] != "events" or self.address(kept) == OTHERS:
            return gone()
        if len(parts) == 1 and method == "GET":
            return self.events(query)
        first = self.found(parts[1]) if len(parts) == 3 and (parts[2], method) == ("resend", "POST") else None
        if first is None:
            return gone()
        now = self.clock()
        self.resent = [at for at in self.resent if at > now - 60]
        if len(self.resent) == _A_MINUTE:
            return json_reply({"message": {"error": "This endpoint has been requested too many times."}}, 429)
        self.resent.append(now)
        made = self.attempt(first.key, first.event, first.body, again=True)
        return json_reply({"response_status": made.status}, 201)

    def events(self, query: Mapping[str, str]) -> Reply:
        """A page of them, with the bodies that were sent."""
        size, page = (int(query.get(name, usual)) for name, usual in (("per_page", 20), ("page", 1)))
        if not 1 <= size <= 20 or page < 1 or query.keys() - {"per_page", "page"}:
            return json_reply({"message": "400 Bad Request"}, 400)
        shown, more = self.kept[(page - 1) * size : page * size], self.kept[page * size :]
        address = f"{self.url}api/v4/projects/1/hooks/1/events?per_page={size}&page={page + 1}"
        return with_next(json_reply(list(map(_item, shown))), address if more else None)

    def sends(self, hook: Mapping[str, Any], event: str) -> bool:
        return bool(hook[_TRIGGERS[event]])

    def proof(self, hook: Mapping[str, Any], key: str, event: str, body: bytes) -> dict[str, str]:
        return {"X-Gitlab-Event": event, "X-Gitlab-Token": hook["token"], "Idempotency-Key": key}

    def secret(self, hook: Mapping[str, Any]) -> str | None:
        return str(hook["token"]) if "token" in hook else None

    def of_others(self) -> dict[str, Any]:
        self.numbers += 1
        return self.made({"url": OTHERS}, self.numbers)

    def spoil_more(self, hook: dict[str, Any], what: str) -> None:
        hook["tag_push_events" if what == "events" else "enable_ssl_verification"] = False


def _item(one: Sent) -> dict[str, Any]:
    headers = {
        "Content-Type": "application/json",
        "X-Gitlab-Event": one.event,
        "X-Gitlab-Token": "[REDACTED]",
    }
    return {
        "id": one.number,
        "url": "https://bridge.example.com/[masked]",
        "trigger": _TRIGGERS[one.event].replace("_events", "_hooks"),
        "request_headers": {**headers, "Idempotency-Key": one.key},
        "request_data": json.loads(one.body),
        "response_headers": {},
        "response_body": "",
        "execution_duration": 1.09,
        "response_status": "internal error" if one.status is None else str(one.status),
    }
