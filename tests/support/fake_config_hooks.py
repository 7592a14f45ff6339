"""What webhooks of GitHub and of the family of Gogs have in common: a `config` with address and secret."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from support.fake_hooks import OTHERS, FakeHooks


class ConfigHooks(FakeHooks):
    """Webhooks with `events`, `active` and a `config`."""

    def config(self, hook: dict[str, Any]) -> dict[str, Any]:
        config: dict[str, Any] = hook["config"]
        return config

    def secret(self, hook: Mapping[str, Any]) -> str | None:
        secret: str | None = hook["config"].get("secret")
        return secret

    def of_others(self) -> dict[str, Any]:
        self.numbers += 1
        return self.made(self.document(OTHERS), self.numbers)

    @abstractmethod
    def document(self, address: str) -> dict[str, Any]:
        """A webhook of people."""

    def spoil_more(self, hook: dict[str, Any], what: str) -> None:
        config = hook["config"]
        match what:
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
