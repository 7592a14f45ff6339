"""The API of webhooks of GitHub, with its documented rules, and its deliveries.

Source: GitHub Docs, "REST API endpoints for repository webhooks" (https://docs.github.com/en/rest/repos/webhooks).
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import httpx
from support.daemon import NO_TLS
from support.fake_hooks import OTHERS, TOKEN, FakeHooks, Invalid
from support.fake_http import json_reply


class GitHubHooks(FakeHooks):
    root = "/api/v3/"
    size = "per_page"
    most = 20
    refused = json_reply({"message": "Resource not accessible by personal access token"}, 403)
    fields: ClassVar = {"name": str, "active": bool, "events": list, "config": dict}
    known: ClassVar = frozenset({"push", "create", "delete", "issues", "*"})

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

    def address(self, hook: Mapping[str, Any]) -> str:
        return str(hook["config"]["url"])

    def secret(self, hook: Mapping[str, Any]) -> str | None:
        secret: str | None = hook["config"].get("secret")
        return secret

    def of_others(self) -> dict[str, Any]:
        self.numbers += 1
        return self.made({"config": {"url": OTHERS}, "events": ["push"]}, self.numbers)

    def spoil(self, what: str) -> None:
        hook, config = self.ours, self.ours["config"]
        match what:
            case "address":
                config["url"] = config["url"].replace("bridge.", "former.")
            case "events":
                hook["events"] = ["issues"]
            case "active":
                hook["active"] = False
            case "content type":
                config["content_type"] = "form"
            case "TLS verification":
                config["insecure_ssl"] = "1"
            case _:
                del config["secret"]

    def deliver(self, event: str, body: bytes) -> int:
        """Send our webhook a delivery as GitHub does, and keep the answer."""
        hook = self.ours
        if not hook["active"] or event not in hook["events"]:
            return 0
        proof = hmac.new(hook["config"]["secret"].encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": f"delivery-{len(self.requests)}",
            "X-Hub-Signature-256": f"sha256={proof}",
        }
        address = hook["config"]["url"]
        answer = httpx.post(address, content=body, headers=headers, verify=NO_TLS)
        hook["last_response"] = {
            "code": answer.status_code,
            "status": "active",
            "message": answer.reason_phrase,
        }
        return answer.status_code
