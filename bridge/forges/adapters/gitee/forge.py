"""Gitee, once git.oschina.net.

Source: Gitee Help, "WebHook push data format" (https://help.gitee.com/webhook/gitee-webhook-push-data-format)
and "WebHook signature algorithm" (https://help.gitee.com/webhook/how-to-verify-webhook-keys).
"""

import base64
import hmac
from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.config.forges import ForgeApi, ForgeTraits, WebPages
from bridge.errors import BadSignature, NoSignature
from bridge.forges.base import Forge
from bridge.forges.fields import Fields
from bridge.forges.hosts import Marks
from bridge.forges.push import Push, changed_files, commit, person, repository
from bridge.forges.redaction import redacted
from bridge.forges.request import Request
from bridge.forges.signature import check_fresh, same, signed_time
from bridge.model.delivery import DIGEST
from bridge.model.event import Ignored, PushEvent, Repo

_TOLERANCE: Final = 3600.0
"""Seconds, the sender's own rule."""
_EVENT: Final = ("x-gitee-event", "x-git-oschina-event")
_PUSHES: Final = frozenset({"Push Hook", "Tag Push Hook"})
_SECRET_KEYS: Final = frozenset({"password", "sign"})


class Gitee(Forge):
    kind: ClassVar[str] = "Gitee"
    host: ClassVar[str] = "gitee"
    marks: ClassVar[Marks] = (frozenset({"x-gitee-event"}), frozenset({"x-git-oschina-event"}))
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        former_kinds=("OSChina",),
        api=ForgeApi(public="https://gitee.com/api/v5", site="gitee.com", path="/api/v5"),
        pages=WebPages(
            site="https://gitee.com",
            is_clone_url=True,
            commit="/commit/{}",
            branch="/tree/{}",
            tag="/tree/{}",
            hooks="/hooks",
        ),
    )
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {
            "content-type",
            "user-agent",
            "x-git-oschina-event",
            "x-gitee-event",
            "x-gitee-ping",
            "x-gitee-timestamp",
        }
    )

    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:
        """The password itself, or the HMAC of time-stamp and secret; no header says which of the two.

        Neither covers the body. The time-stamp counts milliseconds, and only a signature makes it mean
        anything.
        """
        claimed, moment = request.header("x-gitee-token"), request.header("x-gitee-timestamp")
        if not claimed:
            raise NoSignature("the header x-gitee-token is missing or empty: set the secret at Gitee")
        is_password = same(secrets, claimed)
        is_signature = same([_signature(moment, secret) for secret in secrets], claimed)
        if is_password:
            return
        if not is_signature:
            raise BadSignature("x-gitee-token is neither the password nor a signature made with it")
        check_fresh(signed_time(moment) / 1000, now, _TOLERANCE)

    def event(self, request: Request) -> str:
        return request.event(*_EVENT)

    def delivery_id(self, request: Request) -> str | None:  # noqa: ARG002  # Gitee has none
        return None

    def dedup_prefix(self, request: Request) -> str:
        # A test of the webhook repeats the body of a push, which it must not pass for.
        return f"{DIGEST}ping:" if _is_ping(request) else DIGEST

    def without_secrets(self, request: Request, secrets: Sequence[bytes]) -> bytes:
        return redacted(request, _SECRET_KEYS, secrets)

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        event, fields = request.event(*_EVENT), request.document
        # Hooks from the days of git.oschina.net wrap the push.
        fields = fields.part("push_data") or fields
        if _is_ping(request):
            return [Ignored(event="ping", reason="Gitee tested the webhook", repo=_repo(fields))]
        if event in _PUSHES:
            return [_push(fields)]
        author = person(fields.part("sender"), "name", "login").name
        return [Ignored(event="other", reason=f"{event} is not a push", repo=_repo(fields), author=author)]


def _is_ping(request: Request) -> bool:
    return request.headers.get("x-gitee-ping") == "true"


def _signature(moment: bytes, secret: bytes) -> bytes:
    return base64.b64encode(hmac.digest(secret, moment + b"\n" + secret, "sha256"))


def _push(fields: Fields) -> PushEvent | Ignored:
    commits = fields.parts("commits")
    changed, partial = changed_files(commits)
    head = fields.part("head_commit")
    total = fields.count("total_commits_count") or 0
    who = fields.part("user", "pusher", "sender") or fields
    return Push(
        repo=_repo(fields),
        ref=fields.text("ref"),
        before=fields.text("before"),
        after=fields.text("after"),
        head_sha=head.text("id"),
        head=commit(head),
        pusher=person(who, "name", "user_name", "username"),
        changed=changed,
        partial=partial or fields.flag("commits_more_than_ten") or total > len(commits or ()),
    ).to_event()


def _repo(fields: Fields) -> Repo | None:
    # full_name and name_with_namespace are display names here.
    return repository(
        fields.part("repository", "project"),
        slug="path_with_namespace",
        clone=["git_http_url", "clone_url"],
        ssh=["git_ssh_url", "ssh_url"],
        web=["html_url", "homepage", "url"],
    )
