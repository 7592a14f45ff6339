"""Coding, which took over GitCafe: hooks of version 1 and 2.

Source: Coding Help, "Webhook" of version 1 (https://open.coding.net/webhooks) and "WebHook" of version 2
(https://coding.net/docs/project-settings/open/webhook.html); Coding's Jenkins plugin distinguishes the
versions by their headers. Where no source confirms a fact, the careful reading is taken: the body of
version 2 is read under the keys of both versions, and no list of changed files counts as complete.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Final

from bridge.config.forges import ForgeTraits, WebPages
from bridge.errors import BadPayload, BadSignature, NoSignature
from bridge.forges.base import Forge
from bridge.forges.fields import Fields
from bridge.forges.hosts import Marks
from bridge.forges.push import Push, changed_files, described, person, repository
from bridge.forges.redaction import redacted
from bridge.forges.request import Request
from bridge.forges.signature import check_hex, check_token
from bridge.model.event import Commit, Ignored, Person, PushEvent, Repo

_VERSION: Final = "x-coding-webhook-version"
_VERSION_2_ONLY: Final = frozenset({"x-coding-signature", "x-coding-delivery"})
_MAX_UNPROVEN: Final = 1 << 20
"""Bytes of a body that is read before anything proves its sender."""
_SECRET_KEYS: Final = frozenset({"token", "hook"})
"""Version 1 puts the secret into the first; the second holds the settings of a hook of version 2."""


class Coding(Forge):
    kind: ClassVar[str] = "Coding"
    host: ClassVar[str] = "coding"
    marks: ClassVar[Marks] = (frozenset({"x-coding-event"}),)
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        former_kinds=("GitCafe",),
        pages=WebPages(commit="/commit/{}", branch="/tree/{}", tag="/tree/{}"),
    )
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "x-coding-delivery", "x-coding-event", _VERSION}
    )

    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # Coding signs no time
        """Version 2: the HMAC-SHA1 over the body as sent. Version 1: the secret itself, the body's `token`.

        The headers alone give the version. A request with any header of version 2 needs its signature, so
        that no one can drop or empty a wrong signature and pass with a token. Whether forms are signed as
        sent or decoded is not documented: only the former is accepted. A token in the body proves nothing
        about the rest of it, and a body over 1 MiB is not searched for one.
        """
        if _is_version_2(request):
            claimed = request.header("x-coding-signature")
            return check_hex(claimed, request.body, secrets, prefix=b"sha1=", algorithm="sha1")
        return check_token(_token(request), secrets)

    def event(self, request: Request) -> str:
        return request.event("x-coding-event")

    def delivery_id(self, request: Request) -> str | None:
        return request.delivery_id("x-coding-delivery")

    def without_secrets(self, request: Request, secrets: Sequence[bytes]) -> bytes:
        return redacted(request, _SECRET_KEYS, secrets)

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        event, fields = request.event("x-coding-event"), request.document
        if event == "push":
            return [_push(fields)]
        repo, author = _repo(fields), _user(fields, "sender", "user").name
        if event == "ping":
            return [Ignored(event="ping", reason="Coding tested the webhook", repo=repo, author=author)]
        return [Ignored(event="other", reason=f"{event} is not a push", repo=repo, author=author)]


def _is_version_2(request: Request) -> bool:
    return not _VERSION_2_ONLY.isdisjoint(request.headers) or request.headers.get(_VERSION, "v1") != "v1"


def _token(request: Request) -> bytes:
    if len(request.body) > _MAX_UNPROVEN:
        raise BadSignature("the body is over 1 MiB, too long to look for a token: use a hook of version 2")
    try:
        return (request.document.text("token") or "").encode()
    except BadPayload:
        raise NoSignature("the token is missing: the body cannot be read") from None


def _push(fields: Fields) -> PushEvent | Ignored:
    commits, after = fields.parts("commits") or [], fields.text("after")
    # Version 1 has no head_commit, and the order of its list is not documented.
    listed = (entry for entry in commits if entry.text("id", "sha") == after)
    head = fields.part("head_commit") or next(listed, Fields(None))
    changed, _ = changed_files(commits)
    return Push(
        repo=_repo(fields),
        ref=fields.text("ref"),
        before=fields.text("before"),
        after=after,
        head_sha=head.text("id", "sha"),
        head=_commit(head),
        pusher=_user(fields, "pusher", "user", "sender"),
        changed=changed,
        partial=True,
    ).to_event()


def _user(fields: Fields, *keys: str) -> Person:
    return person(fields.part(*keys), "name", "username", "global_key", "login")


def _commit(fields: Fields) -> Commit | None:
    author = person(fields.part("author", "committer"), "name", "username")
    message = fields.text("message", "short_message")
    committer = person(fields.part("committer"), "name", "username")
    return described(
        fields.text("id", "sha"), message, author, fields.url("url", "web_url"), committer=committer
    )


def _repo(fields: Fields) -> Repo | None:
    part = fields.part("repository")
    # The page's address holds more than the slug; version 1 has it in the clone address only.
    repo = repository(part, slug="full_name", clone=["clone_url", "https_url"], ssh=["ssh_url"], web=[])
    return repo and replace(repo, web_url=part.url("html_url", "web_url"))
