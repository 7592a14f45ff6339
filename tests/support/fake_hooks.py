"""What the APIs of webhooks of all hosts have in common: repositories with webhooks, tokens, pages."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from support.fake_http import FakeServer, Reply, json_reply

TOKEN = "token-of-the-host-0123456789"
REPOSITORY = "acme/shop"
OTHERS = "https://other.example.com/hook?key=of-others"


class Invalid(Exception):
    """The host does not take this request."""


class FakeHooks(FakeServer):
    """`hooks` are the webhooks by repository, as the host keeps them: with their secrets.

    `refused` answers for repositories that the token may see and not manage; `largest` is how many webhooks
    a page has at most, `usual` how many without a wish.
    """

    root: ClassVar[str] = "/api/v1/"
    size: ClassVar[str] = "limit"
    usual: ClassVar[int] = 30
    invalid: ClassVar[int] = 422
    most: ClassVar[int] = 100
    edits: ClassVar[str] = "PATCH"
    refused: ClassVar[Reply]
    fields: ClassVar[Mapping[str, type]] = {}
    """The types of the fields of a document; a further one is a mistake."""
    required: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.hooks: dict[str, list[dict[str, Any]]] = {REPOSITORY: []}
        self.readonly: set[str] = set()
        self.largest = 50
        self.numbers = 100

    @property
    def ours(self) -> dict[str, Any]:
        """The one webhook of the repository that is no other's."""
        (found,) = [hook for hook in self.hooks[REPOSITORY] if self.address(hook) != OTHERS]
        return found

    def changes(self) -> list[str]:
        """The requests that may have changed something."""
        return [line for line in self.requests if not line.startswith("GET ")]

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        parts = urlsplit(target)
        if not parts.path.startswith(self.root):
            return Reply(404, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html><body>404</body></html>")
        if not self.knows(headers) or (body and headers.get("Content-Type") != "application/json"):
            return json_reply({"message": "Bad credentials"}, 401)
        repository, number, rest = self.asked(parts.path.removeprefix(self.root))
        if repository in self.readonly:
            return self.refused
        hooks = self.hooks.get(repository)
        kept = next((hook for hook in hooks or [] if self.number(hook) == number), None)
        if hooks is None or (number and kept is None):
            return json_reply({"message": "Not Found"}, 404)
        query = dict(parse_qsl(parts.query))
        with self.lock:
            if rest and kept is not None:
                return self.further(kept, rest, method, query)
            return self.acted(hooks, kept, method, body) if method != "GET" else self.got(hooks, kept, query)

    def got(
        self, hooks: list[dict[str, Any]], kept: dict[str, Any] | None, query: Mapping[str, str]
    ) -> Reply:
        return self.listed(hooks, query) if kept is None else json_reply(self.shown(kept))

    def acted(
        self, hooks: list[dict[str, Any]], kept: dict[str, Any] | None, method: str, body: bytes
    ) -> Reply:
        if method == "DELETE" and kept is not None:
            hooks.remove(kept)
            return Reply(204, {}, b"")
        if method != ("POST" if kept is None else self.edits):
            return json_reply({"message": "Method Not Allowed"}, 405)
        try:
            document = json.loads(body)
            self.check(document, kept, hooks)
        except (Invalid, json.JSONDecodeError) as error:
            return json_reply({"message": str(error)}, self.invalid)
        if kept is not None:
            self.edit(kept, document)
            return json_reply(self.shown(kept))
        self.numbers += 1
        hooks.append(self.made(document, self.numbers))
        return json_reply(self.shown(hooks[-1]), 201)

    def check(
        self, document: Mapping[str, Any], kept: Mapping[str, Any] | None, hooks: Sequence[Mapping[str, Any]]
    ) -> None:
        """Raises Invalid; `hooks` are those of the repository."""
        if kept is None and len(hooks) >= self.most:
            raise Invalid("too many webhooks")
        for name, value in document.items():
            if name not in self.fields or type(value) is not self.fields[name]:
                raise Invalid(f"{name} is invalid")
        if kept is None and (missing := self.required - document.keys()):
            raise Invalid(f"{min(missing)} is missing")

    def listed(self, hooks: list[dict[str, Any]], query: Mapping[str, str]) -> Reply:
        return json_reply(list(map(self.shown, self.page(hooks, query))))

    def page(self, hooks: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
        size = min(int(query.get(self.size, self.usual)), self.largest)
        first = (int(query.get("page", 1)) - 1) * size
        return hooks[first : first + size]

    def further(self, kept: dict[str, Any], rest: str, method: str, query: Mapping[str, str]) -> Reply:
        """What stands behind a webhook."""
        return json_reply({"message": "Not Found"}, 404)

    def number(self, hook: Mapping[str, Any]) -> str:
        return str(hook["id"])

    def asked(self, path: str) -> tuple[str, str, str]:
        """Repository, webhook, and what stands behind it."""
        parts = path.split("/")
        if len(parts) < 4 or parts[0] not in {"repos", "repositories"} or parts[3] != "hooks":
            return "", "", ""
        return "/".join(parts[1:3]), "".join(parts[4:5]), "/".join(parts[5:])

    def edit(self, kept: dict[str, Any], document: Mapping[str, Any]) -> None:
        kept |= document

    @abstractmethod
    def knows(self, headers: Mapping[str, str]) -> bool:
        """Whether the headers prove who asks."""

    def config(self, hook: dict[str, Any]) -> dict[str, Any]:
        """The part of a webhook that has its address."""
        return hook

    def address(self, hook: dict[str, Any]) -> str:
        """Where it sends to."""
        return str(self.config(hook)["url"])

    @abstractmethod
    def secret(self, hook: Mapping[str, Any]) -> str | None:
        """What it signs with."""

    @abstractmethod
    def made(self, document: Mapping[str, Any], number: int) -> dict[str, Any]:
        """A new webhook of this document."""

    @abstractmethod
    def shown(self, hook: Mapping[str, Any]) -> dict[str, Any]:
        """The webhook as an answer has it."""

    @abstractmethod
    def of_others(self) -> dict[str, Any]:
        """A webhook of someone else."""

    def spoil(self, what: str) -> None:
        """Change ours in one way, as a person would do."""
        config = self.config(self.ours)
        if what == "address":
            config["url"] = config["url"].replace("https:", "http:")
        else:
            self.spoil_more(self.ours, what)

    @abstractmethod
    def spoil_more(self, hook: dict[str, Any], what: str) -> None:
        """The same, in other ways than its address."""
