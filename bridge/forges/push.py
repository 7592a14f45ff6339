"""What the payloads of all hosts have in common: refs, shas, people, commits, changed files."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final
from urllib.parse import urlsplit

from bridge.errors import BadPayload
from bridge.forges.fields import MAX_NAME, Fields
from bridge.model.event import MAX_REF_BYTES, Commit, Ignored, Person, PushEvent, Ref, Repo

MAX_MESSAGE_BYTES: Final = 4096
MAX_CHANGED: Final = 10_000
MAX_REFS: Final = 100
"""How many refs one push may move."""
MAX_CO_AUTHORS: Final = 10
_MAX_TRAILERS: Final = 16 << 10
_CO_AUTHOR: Final = re.compile(
    r"^co-authored-by:[ \t]*([^<>\r\n]{0,256})<([^<>\s]{1,256})>[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)
ZERO_SHA: Final = "0" * 40
"""What a new ref was before, and a removed one is after."""
_MAX_SLUG: Final = 1024
_SHA: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.IGNORECASE)
# What `git check-ref-format` refuses.
_BAD_REF: Final = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^/|[/.]$|(?:^|/)\.|\.lock(?:/|$)", re.ASCII | re.DOTALL
)


def is_zero(sha: str) -> bool:
    """Whether this stands for "no object": zeros only, whatever the repository's hash."""
    return not sha.strip("0")


def read_sha(text: str | None, key: str) -> str:
    """A full SHA-1 or SHA-256 object name in lower case. Raises BadPayload."""
    if text is None or not _SHA.fullmatch(text):
        raise BadPayload(f"{key} is not a full commit id of 40 or 64 hexadecimal digits")
    return text.lower()


def known_sha(text: str | None) -> str | None:
    """The object name where `text` is one, for facts that are only shown."""
    return text.lower() if text and _SHA.fullmatch(text) else None


def check_ref_name(name: str) -> str:
    """A name that Git allows for a ref, of at most 1024 bytes. Raises BadPayload."""
    if len(name.encode()) > MAX_REF_BYTES:
        raise BadPayload(f"the ref name is over {MAX_REF_BYTES} bytes long")
    if not name or _BAD_REF.search(name):
        raise BadPayload("the ref name is one that Git does not allow")
    return name


def split_ref(full: str) -> Ref | None:
    """The branch or tag of a full ref name; None for other refs, such as notes. Raises BadPayload."""
    check_ref_name(full)
    if full.startswith("refs/heads/"):
        return Ref("branch", full.removeprefix("refs/heads/"))
    if full.startswith("refs/tags/"):
        return Ref("tag", full.removeprefix("refs/tags/"))
    return None


def short_ref(fields: Fields) -> Ref | None:
    """The ref of a `create` or `delete`: `ref` without its prefix, and `ref_type`. Raises BadPayload."""
    name = fields.text("ref")
    match fields.text("ref_type"):
        case "branch" | "tag" as kind if name:
            prefix = Ref(kind, "").full
            return Ref(kind, check_ref_name(name.removeprefix(prefix)))
        case _:
            return None


def moved_refs(fields: Fields, key: str) -> list[Fields]:
    """The changes of a delivery that may report several refs, or none. Raises BadPayload."""
    changes = fields.parts(key)
    if changes is None:
        raise BadPayload(f"the payload has no list of {key}")
    if len(changes) > MAX_REFS:
        raise BadPayload(
            f"one push moved {len(changes)} refs, and {MAX_REFS} are read at most: push fewer at once"
        )
    return changes


def person(fields: Fields, *names: str, email_key: str = "email") -> Person:
    """The name of a person, from the first of `names` that is set, and the mail address."""
    email = fields.name(email_key)
    return Person(fields.name(*names), email if email and "@" in email else None)


def repository(
    fields: Fields, *, slug: str, clone: Iterable[str], ssh: Iterable[str], web: Iterable[str]
) -> Repo | None:
    """The repository, or None when the slug is neither under its key nor in the web or clone address."""
    clone_url, web_url = fields.url(*clone), fields.url(*web)
    name = fields.text(slug) or _path(web_url) or _path(clone_url)
    return named_repository(name, clone_url=clone_url, ssh_url=fields.url(*ssh), web_url=web_url)


def named_repository(
    full_name: str | None, *, clone_url: str | None, ssh_url: str | None, web_url: str | None
) -> Repo | None:
    """The repository, or None without a usable name; the addresses are checked ones."""
    if full_name is None or len(full_name) > _MAX_SLUG or not full_name.isprintable():
        return None
    return Repo(full_name=full_name, clone_url=clone_url, ssh_url=ssh_url, web_url=web_url)


def _path(url: str | None) -> str | None:
    try:
        return urlsplit(url or "").path.strip("/").removesuffix(".git") or None
    except ValueError:
        return None


def commit(fields: Fields) -> Commit | None:
    """A commit as GitHub, GitLab, Gitee and Gitea describe one; None without a usable id."""
    author, committer = (person(fields.part(key), "name", "username") for key in ("author", "committer"))
    return described(
        fields.text("id"), fields.text("message"), author, fields.url("url"), committer=committer
    )


def described(
    sha: str | None,
    message: str | None,
    author: Person,
    url: str | None = None,
    *,
    committer: Person = Person(),  # noqa: B008  # a value
) -> Commit | None:
    """A commit from its parts, whatever the host calls them; None without a usable id."""
    known = known_sha(sha)
    if known is None:
        return None
    text = (message or "").replace("\0", "\ufffd").encode()[:MAX_MESSAGE_BYTES]
    return Commit(
        sha=known,
        message=text.decode(errors="ignore"),
        author=author,
        committer=committer,
        co_authors=co_authors(message or ""),
        url=url,
    )


def co_authors(message: str) -> tuple[Person, ...]:
    """Whom the end of a commit message names in lines `Co-authored-by: Name <address>`: ten at most.

    A squash has them after each of its parts, so that not only the last paragraph counts.
    """
    found = (
        person(Fields({"name": match[1], "email": match[2]}), "name")
        for match in _CO_AUTHOR.finditer(message[-_MAX_TRAILERS:])
    )
    return tuple(islice(dict.fromkeys(one for one in found if one.email), MAX_CO_AUTHORS))


def changed_files(commits: Iterable[Fields] | None) -> tuple[tuple[str, ...] | None, bool]:
    """The paths that the commits touched, None where none says so, and whether some may be missing."""
    seen: dict[str, None] = {}
    known = partial = False
    for entry in commits or ():
        lists = [paths for key in ("added", "modified", "removed") if (paths := entry.texts(key)) is not None]
        known, partial = known or bool(lists), partial or not lists
        seen.update(dict.fromkeys(chain.from_iterable(lists)))
        if len(seen) > MAX_CHANGED:
            return tuple(islice(seen, MAX_CHANGED)), True
    return (tuple(seen) if known else None), known and partial


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One ref that moved, as a host reports it.

    `after` may be a tag object, unless `head_sha`, the commit, is given; `head` describes the commit.
    `partial` says that `changed` may not be all.
    """

    repo: Repo | None
    ref: str | None
    before: str | None
    after: str | None
    head_sha: str | None
    head: Commit | None
    pusher: Person
    changed: tuple[str, ...] | None
    partial: bool
    forced: bool = False

    def to_event(self) -> PushEvent | Ignored:
        """A push, or why it is not one. Raises BadPayload where a fact that every push has is missing."""
        if self.repo is None:
            raise BadPayload("the payload does not name its repository")
        if self.ref is None:
            raise BadPayload("the payload has no ref")
        ref = split_ref(self.ref)
        before = None if self.before is None else read_sha(self.before, "before")
        after = read_sha(self.after, "after")
        if ref is None:
            reason = f"{self.ref[:MAX_NAME]} is neither a branch nor a tag"
            return Ignored(
                event="other", reason=reason, repo=self.repo, before=before, author=self.pusher.name
            )
        if is_zero(after):
            return Ignored(
                event="delete",
                reason=f"the {ref.kind} was removed",
                repo=self.repo,
                ref=ref,
                before=before,
                author=self.pusher.name,
            )
        return self._event(self.repo, ref, before, after)

    def _event(self, repo: Repo, ref: Ref, before: str | None, after: str) -> PushEvent:
        sha = after
        if ref.kind == "tag" and self.head_sha is not None:
            sha = read_sha(self.head_sha, "the id of the tagged commit")
        if is_zero(sha):
            raise BadPayload("the tagged commit has an id of zeros")
        # A new or rewound ref differs from what was built before by more than the commits listed.
        partial = self.partial or self.forced or (before is not None and is_zero(before))
        return PushEvent(
            event="tag" if ref.kind == "tag" else "push",
            repo=repo,
            ref=ref,
            sha=sha,
            before=before,
            tag_object_sha=after if sha != after else None,
            peeled=ref.kind == "branch" or self.head_sha is not None,
            commit=self.head if self.head and self.head.sha == sha else None,
            pusher=self.pusher,
            changed=self.changed,
            truncated=partial and self.changed is not None,
            forced=self.forced,
        )
