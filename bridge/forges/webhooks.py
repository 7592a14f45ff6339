"""The contract of a host's API of webhooks: what each kind asks and how it reads the answers. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal
from urllib.parse import quote

from bridge.forges.fields import Fields

PAGE: Final = 30
"""The webhooks of one page, which fit into one answer."""
_GOOD: Final = range(200, 300)
_EVERY: Final = "*"
"""All events, among those of a webhook."""

What = Literal["address", "events", "active", "content type", "TLS verification", "secret"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What of a webhook is not as it has to be; `now` is what the host shows, "" for a mere lack."""

    what: What
    now: str = ""


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """What the host got for its last delivery: a status, None where no answer came, and its own words."""

    status: int | None
    words: str = ""

    @property
    def good(self) -> bool:
        return self.status in _GOOD


@dataclass(frozen=True, slots=True)
class MovedRef:
    """A ref, by its full name, and the objects that it was moved between; "" for none."""

    ref: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a host to deliver a push; `key` is the id that the delivery has here.

    `at` is when, in Unix seconds, and `moved` is what was pushed: a list of attempts has one of the two, and
    None for the other. `again` is set where the host says that it was asked to send it once more.
    """

    id: str
    key: str
    answer: LastAnswer
    at: float | None = None
    moved: MovedRef | None = None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A webhook as the host shows it.

    `answer` is None where nothing was delivered yet, or the host does not say. `stopped` says why the host
    sends nothing, where a repair cannot change that. `branch_filter` is the pattern of the branches whose
    pushes it sends, "" for all: people set it, so it may be meant.
    """

    id: str
    address: str
    fields: Fields
    answer: LastAnswer | None = None
    stopped: str = ""
    branch_filter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The webhook that should be there; with `by_tls` the host has to check our certificate."""

    address: str
    secret: str
    by_tls: bool


class Webhooks(ABC):
    """The API of one kind of Git host. Paths are below the address of the API, and percent-encoded."""

    peer: ClassVar[str]
    """Its name, for sentences."""
    needs: ClassVar[str]
    """What a token has to be allowed."""
    updates_by: ClassVar[Literal["PATCH", "PUT"]] = "PATCH"
    changes_secret: ClassVar[bool] = True
    """Whether a repair can set another secret; where not, a new webhook takes the place of one."""

    @abstractmethod
    def headers(self, token: str, username: str | None) -> Mapping[str, str]:
        """What proves who asks."""

    def path(self, repository: str) -> str:
        """The webhooks of a repository."""
        return f"repos/{quoted(repository)}/hooks"

    def query(self, page: int) -> Mapping[str, int]:
        """What asks for a page of them; the first one is 1."""
        return {"per_page": PAGE, "page": page}

    def entries(self, data: object) -> Sequence[object] | None:
        """The webhooks in an answer; None for what is no list of them."""
        return data if isinstance(data, list) else None

    @abstractmethod
    def hook(self, entry: object) -> Hook | None:
        """One of them; None for what cannot be read as one."""

    @abstractmethod
    def differences(self, hook: Hook, wanted: Wanted) -> list[Difference]:
        """What a repair would change, but for the address."""

    @abstractmethod
    def document(self, wanted: Wanted, hook: Hook | None) -> Mapping[str, object]:
        """The body that makes a webhook, or repairs this one: what else it sends stays."""

    def unfit(self, secret: str) -> str | None:  # noqa: ARG002  # most hosts take any
        """Why the host cannot get this secret; None where it can."""
        return None

    def answers_path(self, repository: str, hook: Hook) -> str | None:  # noqa: ARG002  # most show it, or never
        """Where the host keeps its last deliveries, if the list of webhooks does not show them."""
        return None

    def last_answer(self, data: object) -> LastAnswer | None:  # noqa: ARG002  # of who has `answers_path`
        """The newest one of what is kept there."""
        return None


class Resending(ABC):
    """The part of a host's API that lists attempts to deliver, the newest first, and sends one again."""

    first_page: ClassVar[str]
    """The query of the first page."""
    pages: ClassVar[int]
    """So many are read."""

    def smaller_page(self, query: str) -> str:  # noqa: ARG002  # most have no bodies in their lists
        """What asks for the first entry of a page alone, and has those behind it follow; "" for no less."""
        return ""

    @abstractmethod
    def attempts_path(self, repository: str, hook: Hook) -> str:
        """Where they are listed; behind it stands the query of a page."""

    @abstractmethod
    def attempt(self, entry: object) -> Attempt | None:
        """One of them; None for what is no push."""

    @abstractmethod
    def again_path(self, repository: str, hook: Hook, attempt: Attempt) -> str:
        """What is posted to, so that it is sent again under the same key."""


def quoted(repository: str) -> str:
    """The name of a repository as the path of an address."""
    return "/".join(quote(part, safe="") for part in repository.split("/"))


def events(hook: Hook | None, needed: Sequence[str]) -> list[str]:
    """Those that the webhook has, and behind them those that it lacks."""
    known = (hook and hook.fields.texts("events")) or []
    return [*known] if _EVERY in known else [*known, *(one for one in needed if one not in known)]


def lack_of_events(hook: Hook, needed: Sequence[str]) -> list[Difference]:
    known = hook.fields.texts("events") or []
    enough = _EVERY in known or set(needed) <= set(known)
    return [] if enough else [Difference("events", ", ".join(known))]
