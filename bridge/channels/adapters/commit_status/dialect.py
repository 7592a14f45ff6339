"""What Git hosts have in common in reports about a commit, and where they differ."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

State = Literal["pending", "running", "success", "failure", "error", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a build of a commit is.

    `repository` is its full name at the host. `name` is that of the build among those of the commit. `page`
    is that of the build, None where it has none, and `home` a page that there is in any case.
    """

    repository: str
    sha: str
    ref: str
    state: State
    name: str
    description: str
    page: str | None
    home: str


class Dialect(ABC):
    """How one kind of host wants to hear of it."""

    peer: ClassVar[str]
    """Its name, for sentences."""
    kinds: ClassVar[frozenset[str]]
    """The kinds of Git hosts whose code it has, in small letters, as rules name them."""
    site: ClassVar[str] = ""
    """The name of the public host, and `public` the address of its API."""
    public: ClassVar[str | None] = None
    api: ClassVar[str] = ""
    """The path of the API at a host of your own."""
    needs: ClassVar[str]
    """What a token has to be allowed."""
    states: ClassVar[Mapping[State, str]]
    longest: ClassVar[int] = 255
    """The most characters of a description."""
    repeated: ClassVar[str | None] = None
    """The words, in small letters, with which it keeps the state that it has."""
    takes_username: ClassVar[bool] = False

    def known(self, report: Report) -> str | None:  # noqa: ARG002  # most take a report again
        """The path of what the host knows of this name, where a repeated report would stand there twice."""
        return None

    def call(self, report: Report, known: object) -> tuple[str, str] | None:  # noqa: ARG002  # as above
        """The method and path of the request, by what the host knows; None where it says this already."""
        return "POST", self.path(report)

    @abstractmethod
    def path(self, report: Report) -> str:
        """Of the request, behind the address of the API."""

    @abstractmethod
    def document(self, report: Report) -> Mapping[str, object]:
        """The body of the request."""

    @abstractmethod
    def headers(self, token: str, username: str | None) -> Mapping[str, str]:
        """What proves who reports."""
