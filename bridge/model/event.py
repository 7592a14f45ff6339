"""What a delivery says was pushed, in one vocabulary for all Git hosts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

MAX_REF_BYTES: Final = 1024
"""As long as the full name of a ref may be."""
RefKind = Literal["branch", "tag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    """A code repository; `full_name` is the slug used in URLs, never a display name."""

    full_name: str
    clone_url: str | None = None
    ssh_url: str | None = None
    web_url: str | None = None


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or a tag; `name` is without `refs/heads/` or `refs/tags/` and may hold slashes."""

    kind: RefKind
    name: str

    @property
    def full(self) -> str:
        return f"refs/heads/{self.name}" if self.kind == "branch" else f"refs/tags/{self.name}"


@dataclass(frozen=True, slots=True)
class Person:
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The commit that a ref points to; `url` is its web page where the host names one.

    `co_authors` are those that the message names in lines `Co-authored-by`, ten at most.
    """

    sha: str
    message: str = ""
    author: Person = Person()
    committer: Person = Person()
    co_authors: tuple[Person, ...] = ()
    url: str | None = None

    @property
    def subject(self) -> str:
        return self.message.split("\n", 1)[0].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class PushEvent:
    """A branch or tag was made or moved.

    `sha` is the commit to build, unless `peeled` is False: then it is what a tag points to, and the host
    does not say whether that is the commit or an annotated tag's own object, which the builder peels.
    `before` is the previous sha, all zeros for a new ref, None where the host does not say. `changed` are
    the paths the push touched, None where the host sends no list; `truncated` says that the host may have
    cut it. `unseen` says, in a sentence, that the ref moved before without a report of it.
    """

    event: Literal["push", "tag"]
    repo: Repo
    ref: Ref
    sha: str
    before: str | None = None
    tag_object_sha: str | None = None
    peeled: bool = True
    commit: Commit | None = None
    pusher: Person = Person()
    changed: tuple[str, ...] | None = None
    truncated: bool = False
    unseen: str | None = None
    forced: bool = False

    @property
    def commit_sha(self) -> str | None:
        """The commit to build, where the host says so much."""
        return self.sha if self.peeled else None

    @property
    def pushed(self) -> str:
        """What the ref was set to: for an annotated tag its object, else the commit."""
        return self.tag_object_sha or self.sha

    @property
    def author(self) -> str | None:
        """The head commit's author where the host sends the commit, else who pushed."""
        return (self.commit.author.name if self.commit else None) or self.pusher.name


@dataclass(frozen=True, slots=True)
class RefMove:
    """That a ref was set from one object to another; None is "there was none" or "it was removed".

    `code` names the code repository for all hosts, `ref` is the full ref name. `builders` has the builder of
    each build repository (namespace and name) that is made from this code, `clone_url` where it can be had.
    `seen` says that a look at the host found it: there may have been others in between.
    """

    code: str
    ref: str
    before: str | None
    after: str | None
    builders: Mapping[tuple[str, str], str]
    clone_url: str | None = None
    seen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A change that never builds, with the reason; a value, not an error."""

    event: Literal["delete", "ping", "other"]
    reason: str
    repo: Repo | None = None
    ref: Ref | None = None
    before: str | None = None
    sha: str | None = None
    author: str | None = None
