"""Pagure.

Source: Pagure Documentation, "Using web-hooks" (https://docs.pagure.org/pagure/usage/using_webhooks.html),
and the topics of its Git hook
(https://pagure.io/pagure/blob/master/f/pagure/hooks/default.py).
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.config.forges import ForgeTraits, WebPages
from bridge.forges.base import Forge
from bridge.forges.fields import Fields
from bridge.forges.hosts import Marks
from bridge.forges.push import Push, described, person, repository
from bridge.forges.request import Request
from bridge.forges.signature import check_hex
from bridge.model.event import Ignored, Person, PushEvent, Repo

_ZEROS: Final = "0" * 40
_NEW: Final = "^"
"""Begins the `old_commit` of a ref that was not there before."""


class Pagure(Forge):
    kind: ClassVar[str] = "Pagure"
    host: ClassVar[str] = "pagure"
    marks: ClassVar[Marks] = (frozenset({"x-pagure-topic"}),)
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        needs_namespace=False,
        pages=WebPages(is_clone_url=True, commit="/c/{}", branch="/tree/{}", tag="/tree/{}"),
    )
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "x-pagure", "x-pagure-project", "x-pagure-topic"}
    )

    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # Pagure signs no time
        """The HMAC-SHA256 over the JSON text.

        The other header, `x-pagure-signature`, is ignored: it is SHA-1 in some accounts of Pagure and
        SHA-512 in others, and never comes alone.
        """
        check_hex(request.header("x-pagure-signature-256"), _json(request), secrets)

    def event(self, request: Request) -> str:
        return request.event("x-pagure-topic")

    def delivery_id(self, request: Request) -> str | None:
        return request.peek(_json(request)).word("msg_id")

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        """By the topic that the body names: the header's is not signed.

        A new tag comes with what it points to, which may be a tag object. The author of the
        head commit is known only if the whole push has one author.
        """
        fields = request.decode(_json(request))
        topic, msg = fields.name("topic"), fields.part("msg")
        match (topic or "").split("."):
            case ["git", "receive"]:
                return [_received(msg)]
            case ["git", "branch" | "tag" as kind, "creation"]:
                return [_moved(msg, _full(kind, msg), _ZEROS, msg.text("rev"))]
            case ["git", "branch" | "tag" as kind, "deletion"]:
                return [_moved(msg, _full(kind, msg), msg.text("rev"), _ZEROS)]
        reason = f"{topic or 'a body without a topic'} is not a push"
        return [Ignored(event="other", reason=reason, repo=_repo(msg), author=msg.name("agent"))]


def _json(request: Request) -> bytes:
    # Pagure before 5.0 sends a form, but calls it JSON in the content type.
    payload = request.form_payload if request.body.startswith(b"payload=") else None
    return request.body if payload is None else payload


def _full(kind: str, msg: Fields) -> str | None:
    name = msg.text(kind)
    return name and f"refs/{'heads' if kind == 'branch' else 'tags'}/{name}"


def _received(msg: Fields) -> PushEvent | Ignored:
    before, sha = msg.text("old_commit"), msg.text("end_commit")
    if before and before.startswith(_NEW):
        # For a tag, `branch` holds the tag's name here.
        reason = "Pagure sends an event of its own for every new branch and tag too, and that one counts"
        return Ignored(event="other", reason=reason, repo=_repo(msg), author=msg.name("agent"))
    # Tags that moved keep their prefix.
    ref = msg.text("branch")
    full = ref if ref and ref.startswith("refs/") else _full("branch", msg)
    # After a forced push, old_commit is what old and new have in common.
    return _moved(msg, full, None if msg.flag("forced") else before, sha, commit=sha)


def _moved(
    msg: Fields, ref: str | None, before: str | None, after: str | None, commit: str | None = None
) -> PushEvent | Ignored:
    authors = msg.parts("authors") or []
    head = described(after, None, person(authors[0], "fullname", "name")) if len(authors) == 1 else None
    return Push(
        repo=_repo(msg),
        ref=ref,
        before=before,
        after=after,
        head_sha=commit,
        head=head,
        pusher=Person(msg.name("agent")),
        changed=None,
        partial=False,
        forced=msg.flag("forced"),
    ).to_event()


def _repo(msg: Fields) -> Repo | None:
    """The addresses are made: the payload has none to clone from."""
    part, base = msg.part("repo"), (msg.url("pagure_instance") or "").rstrip("/")
    name, path = msg.text("project_fullname") or part.text("fullname"), part.text("url_path")
    made = {
        "name": name,
        "clone": f"{base}/{name}.git" if base and name else None,
        "web": f"{base}/{path}" if base and path else None,
    }
    return repository(Fields(made), slug="name", clone=["clone"], ssh=[], web=["web"])
