"""The APIs of webhooks of each host, with their documented rules.

Source: Gitea, "Gitea API" (https://docs.gitea.com/api); Gogs Docs, "Webhooks" (https://gogs.io/api-reference/webhooks);
`editHook` in the code of both, which does not read a secret.
Source: Gitee, "API V5" (https://gitee.com/api/v5/swagger).
Source: Atlassian Developer, "The Bitbucket Cloud REST API", group Repositories
(https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories).
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from support.fake_config_hooks import ConfigHooks
from support.fake_github_hooks import GitHubHooks
from support.fake_gitlab_hooks import FLAGS, GitLabHooks
from support.fake_hooks import OTHERS, TOKEN, FakeHooks, Invalid
from support.fake_http import Reply, json_reply

USERNAME: Final = "bot@example.com"


class GiteaHooks(ConfigHooks):
    refused = json_reply({"message": "user should be an owner or a collaborator with admin write"}, 403)
    type = "gitea"
    fields: ClassVar = {
        "type": str,
        "config": dict,
        "events": list,
        "active": bool,
        "branch_filter": str,
        "authorization_header": str,
    }
    known: ClassVar = frozenset({"push", "create", "delete", "issues"})
    texts: ClassVar[tuple[str, ...]] = ("branch_filter", "authorization_header")

    def knows(self, headers: Mapping[str, str]) -> bool:
        return headers.get("Authorization") == f"token {TOKEN}"

    def check(
        self, document: Mapping[str, Any], kept: Mapping[str, Any] | None, hooks: Sequence[Mapping[str, Any]]
    ) -> None:
        super().check(document, kept, hooks)
        config = document.get("config", {})
        if not all(isinstance(value, str) for value in config.values()):
            raise Invalid("config has texts")
        if kept is None and document.get("type") != self.type:
            raise Invalid("Invalid hook type")
        if kept is not None and "type" in document:
            raise Invalid("the type stays")
        if kept is None and not {"url", "content_type"} <= config.keys():
            raise Invalid("Missing config option")
        if config.get("content_type", "json") not in {"json", "form"}:
            raise Invalid("Invalid content type")
        if not self.known.issuperset(document.get("events", [])):
            raise Invalid("Invalid event")

    def made(self, document: Mapping[str, Any], number: int) -> dict[str, Any]:
        texts = dict.fromkeys(self.texts, "")
        return {"id": number, "active": False, "events": ["push"], **texts, **document}

    def shown(self, hook: Mapping[str, Any]) -> dict[str, Any]:
        config = {key: value for key, value in hook["config"].items() if key != "secret"}
        return {**hook, "config": config}

    def edit(self, kept: dict[str, Any], document: Mapping[str, Any]) -> None:
        """Texts that are left out are emptied; the secret stays, whatever is sent."""
        config = {key: value for key, value in document.get("config", {}).items() if key != "secret"}
        kept |= {**dict.fromkeys(self.texts, ""), **document, "config": {**kept["config"], **config}}

    def document(self, address: str) -> dict[str, Any]:
        return {"type": self.type, "config": {"url": address, "content_type": "json"}}


class ForgejoHooks(GiteaHooks):
    type = "forgejo"


class GogsHooks(GiteaHooks):
    """It has no pages: every answer has all."""

    type = "gogs"
    fields: ClassVar = {"type": str, "config": dict, "events": list, "active": bool}
    texts: ClassVar = ()

    def page(self, hooks: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
        return hooks


class GiteeHooks(FakeHooks):
    root = "/api/v5/"
    size = "per_page"
    usual = 20
    invalid = 400
    refused = json_reply({"message": "没有权限"}, 403)
    fields: ClassVar = {"url": str, "encryption_type": int, "password": str, **dict.fromkeys(FLAGS, bool)}

    def knows(self, headers: Mapping[str, str]) -> bool:
        return headers.get("Authorization") == f"Bearer {TOKEN}"

    def check(
        self, document: Mapping[str, Any], kept: Mapping[str, Any] | None, hooks: Sequence[Mapping[str, Any]]
    ) -> None:
        super().check(document, kept, hooks)
        if "url" not in document:
            raise Invalid("url is missing")
        if document.get("encryption_type", 0) not in {0, 1}:
            raise Invalid("encryption_type does not have a valid value")

    def made(self, document: Mapping[str, Any], number: int) -> dict[str, Any]:
        flags = {**dict.fromkeys(FLAGS, False), "push_events": True}
        return {"id": number, **flags, "result": None, "result_code": None, **document}

    def shown(self, hook: Mapping[str, Any]) -> dict[str, Any]:
        return dict(hook)

    def edit(self, kept: dict[str, Any], document: Mapping[str, Any]) -> None:
        """What is left out gets its usual value."""
        kept |= {**dict.fromkeys(FLAGS, False), "push_events": True, **document}

    def secret(self, hook: Mapping[str, Any]) -> str | None:
        return str(hook["password"]) if hook["encryption_type"] == 1 else None

    def of_others(self) -> dict[str, Any]:
        self.numbers += 1
        return self.made({"url": OTHERS, "encryption_type": 0}, self.numbers)

    def spoil_more(self, hook: dict[str, Any], what: str) -> None:
        hook["tag_push_events"] = False


class BitbucketHooks(FakeHooks):
    root = "/2.0/"
    size = "pagelen"
    usual = 10
    edits = "PUT"
    invalid = 400
    most = 50
    required = frozenset({"description", "url", "active", "events"})
    refused = json_reply(
        {"type": "error", "error": {"message": "Your credentials lack required scopes"}}, 403
    )
    fields: ClassVar = {
        "description": str,
        "url": str,
        "active": bool,
        "skip_cert_verification": bool,
        "events": list,
        "secret": str,
    }

    def knows(self, headers: Mapping[str, str]) -> bool:
        pair = base64.b64encode(f"{USERNAME}:{TOKEN}".encode()).decode()
        return headers.get("Authorization") in {f"Bearer {TOKEN}", f"Basic {pair}"}

    def check(
        self, document: Mapping[str, Any], kept: Mapping[str, Any] | None, hooks: Sequence[Mapping[str, Any]]
    ) -> None:
        super().check(document, kept, hooks)
        if kept is not None and (missing := self.required - document.keys()):
            raise Invalid(f"{min(missing)} is missing")
        if not {"repo:push", "issue:created"}.issuperset(document["events"]):
            raise Invalid("unknown event")

    def made(self, document: Mapping[str, Any], number: int) -> dict[str, Any]:
        return {"uuid": f"{{{number}}}", "skip_cert_verification": False, **document}

    def number(self, hook: Mapping[str, Any]) -> str:
        return str(hook["uuid"]).replace("{", "%7B").replace("}", "%7D")

    def listed(self, hooks: list[dict[str, Any]], query: Mapping[str, str]) -> Reply:
        return json_reply({"values": list(map(self.shown, self.page(hooks, query))), "pagelen": self.largest})

    def shown(self, hook: Mapping[str, Any]) -> dict[str, Any]:
        rest = {key: value for key, value in hook.items() if key != "secret"}
        return {**rest, "type": "webhook_subscription", "secret_set": bool(hook.get("secret"))}

    def secret(self, hook: Mapping[str, Any]) -> str | None:
        secret: str | None = hook.get("secret")
        return secret

    def of_others(self) -> dict[str, Any]:
        self.numbers += 1
        return self.made(
            {"url": OTHERS, "active": True, "description": "", "events": ["repo:push"]}, self.numbers
        )

    def spoil_more(self, hook: dict[str, Any], what: str) -> None:
        match what:
            case "events":
                hook["events"] = ["issue:created"]
            case "active":
                hook["active"] = False
            case "TLS verification":
                hook["skip_cert_verification"] = True
            case _:
                del hook["secret"]


HOSTS: Final[Mapping[str, type[FakeHooks]]] = {
    "GitHub": GitHubHooks,
    "GitLab": GitLabHooks,
    "Gitea": GiteaHooks,
    "Forgejo": ForgejoHooks,
    "Gogs": GogsHooks,
    "Gitee": GiteeHooks,
    "Bitbucket": BitbucketHooks,
}
SPOILT: Final[Mapping[str, tuple[str, ...]]] = {
    "GitHub": ("address", "events", "active", "content type", "TLS verification", "secret"),
    "GitLab": ("address", "events", "TLS verification"),
    "Gitea": ("address", "events", "active", "content type"),
    "Forgejo": ("address", "events", "active", "content type"),
    "Gogs": ("address", "events", "active", "content type"),
    "Gitee": ("address", "events"),
    "Bitbucket": ("address", "events", "active", "TLS verification", "secret"),
}
"""In which ways a webhook of each kind can be wrong, as far as the host shows it."""
