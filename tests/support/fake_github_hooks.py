"""The API of webhooks of GitHub, with its documented rules, and its deliveries.

Source: GitHub Docs, "REST API endpoints for repository webhooks" (https://docs.github.com/en/rest/repos/webhooks),
"Redelivering webhooks" (https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks)
and "Rate limits for the REST API"
(https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api).
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from support.fake_config_hooks import ConfigHooks
from support.fake_hooks import OTHERS, REPOSITORY, TOKEN, Invalid
from support.fake_http import Reply, json_reply
from support.fake_resending import ResendingHooks, Sent, gone, with_next

_MOST = 100


class GitHubHooks(ConfigHooks, ResendingHooks):
    """`left` is how many requests its limit allows until `resets_at`, None for any number."""

    root = "/api/v3/"
    size = "per_page"
    most = 20
    refused = json_reply({"message": "Resource not accessible by personal access token"}, 403)
    fields: ClassVar = {"name": str, "active": bool, "events": list, "config": dict}
    known: ClassVar = frozenset({"push", "create", "delete", "issues", "*"})
    days = 3

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None
        self.resets_at = 0.0

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        if self.left is None:
            return super().handle(method, target, body, headers)
        if self.left == 0:
            reply = json_reply({"message": "API rate limit exceeded"}, 403)
        else:
            self.left -= 1
            reply = super().handle(method, target, body, headers)
        limits = {"X-RateLimit-Remaining": str(self.left), "X-RateLimit-Reset": str(int(self.resets_at))}
        reply.headers |= limits
        return reply

    def knows(self, headers: Mapping[str, str]) -> bool:
        assert headers.get("Accept") == "application/vnd.github+json"
        assert headers.get("X-GitHub-Api-Version") == "2022-11-28"
        assert headers.get("User-Agent")
        return headers.get("Authorization") == f"Bearer {TOKEN}"

    def check(
        self, document: Mapping[str, Any], kept: Mapping[str, Any] | None, hooks: Sequence[Mapping[str, Any]]
    ) -> None:
        super().check(document, kept, hooks)
        config = document.get("config", {})
        if kept is None and (document.get("name", "web") != "web" or not config.get("url")):
            raise Invalid("Validation Failed")
        if not config.keys() <= {"url", "content_type", "secret", "insecure_ssl"}:
            raise Invalid("Validation Failed")
        if config.get("content_type", "form") not in {"json", "form"}:
            raise Invalid("Validation Failed")
        if config.get("insecure_ssl", "0") not in {"0", "1"} or not self.known.issuperset(document["events"]):
            raise Invalid("Validation Failed")
        same = [hook for hook in hooks if hook["config"]["url"] == config["url"]]
        if kept is None and any(set(hook["events"]) & set(document["events"]) for hook in same):
            raise Invalid("Hook already exists on this repository")

    def made(self, document: Mapping[str, Any], number: int) -> dict[str, Any]:
        config = {"content_type": "form", "insecure_ssl": "0", **document["config"]}
        return {
            "type": "Repository",
            "id": number,
            "name": "web",
            "active": document.get("active", True),
            "events": document.get("events", ["push"]),
            "config": config,
            "last_response": {"code": None, "status": "unused", "message": None},
        }

    def edit(self, kept: dict[str, Any], document: Mapping[str, Any]) -> None:
        """A `config` replaces the one before: without a secret in it, there is none."""
        kept |= {key: value for key, value in document.items() if key != "config"}
        kept["config"] = {"content_type": "form", "insecure_ssl": "0", **document["config"]}

    def shown(self, hook: Mapping[str, Any]) -> dict[str, Any]:
        config = hook["config"]
        hidden = {"secret": "********"} if config.get("secret") else {}
        return {**hook, "config": {**config, **hidden}}

    def document(self, address: str) -> dict[str, Any]:
        return {"config": {"url": address}, "events": ["push"]}

    def further(self, kept: dict[str, Any], rest: str, method: str, query: Mapping[str, str]) -> Reply:
        what, _, more = rest.partition("/")
        if what != "deliveries" or self.address(kept) == OTHERS:
            return gone()
        if not more and method == "GET":
            return self.deliveries(kept, query)
        number, _, attempts = more.partition("/")
        first = self.found(number)
        if first is None or attempts != "attempts" or method != "POST":
            return gone()
        self.attempt(first.key, first.event, first.body, again=True)
        return json_reply({}, 202)

    def deliveries(self, kept: Mapping[str, Any], query: Mapping[str, str]) -> Reply:
        """A page of them; the cursor names the first one of it."""
        size = int(query.get("per_page", "30"))
        first = self.found(query.get("cursor", "").removeprefix("v1_"))
        if (
            not 1 <= size <= _MOST
            or ("cursor" in query and first is None)
            or query.keys() - {"per_page", "cursor"}
        ):
            return json_reply({"message": "Validation Failed"}, 422)
        kept_ones = self.kept[self.kept.index(first) if first else 0 :]
        rest = (
            urlencode({"per_page": size, "cursor": f"v1_{kept_ones[size].number}"})
            if kept_ones[size:]
            else ""
        )
        address = f"{self.url}api/v3/repos/{REPOSITORY}/hooks/{kept['id']}/deliveries?{rest}"
        return with_next(json_reply([_item(one) for one in kept_ones[:size]]), address if rest else None)

    def sends(self, hook: Mapping[str, Any], event: str) -> bool:
        return bool(hook["active"]) and event in hook["events"]

    def proof(self, hook: Mapping[str, Any], key: str, event: str, body: bytes) -> dict[str, str]:
        digest = hmac.new(hook["config"]["secret"].encode(), body, hashlib.sha256).hexdigest()
        return {"X-GitHub-Event": event, "X-GitHub-Delivery": key, "X-Hub-Signature-256": f"sha256={digest}"}

    def attempt(self, key: str, event: str, body: bytes, *, again: bool) -> Sent:
        made = super().attempt(key, event, body, again=again)
        self.ours["last_response"] = {"code": made.status, "status": "active", "message": _status(made)}
        return made


def _status(one: Sent) -> str:
    if one.status is None:
        return "failed to connect to host"
    return "OK" if one.status < 300 else "Invalid HTTP Response"


def _item(one: Sent) -> dict[str, Any]:
    return {
        "id": one.number,
        "guid": one.key,
        "delivered_at": datetime.fromtimestamp(one.at, UTC).isoformat().replace("+00:00", "Z"),
        "redelivery": one.again,
        "duration": 0.27,
        "status": _status(one),
        "status_code": one.status or 0,
        "event": one.event,
        "action": None,
        "installation_id": None,
        "repository_id": 1,
        "throttled_at": None,
    }
