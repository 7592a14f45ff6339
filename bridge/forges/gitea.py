"""Gitea.

Source: Gitea Documentation, "Webhooks", and the payload types of its API package.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.errors import BadSignature
from bridge.forges.base import Forge, Headers
from bridge.forges.body import (
    Fields,
    blanked,
    delivery_word,
    document,
    event_word,
    form_payload,
    is_form,
)
from bridge.forges.hosts import refuse_others
from bridge.forges.push import Push, changed_files, commit, is_zero, known_sha, person, repository, short_ref
from bridge.forges.signature import check_hex, header
from bridge.model.event import Ignored, PushEvent, Repo

_LISTED: Final = 5
"""Gitea lists this many commits unless set otherwise; old ones do not tell the total."""
_SECRET_KEYS: Final = frozenset({"secret"})


class Gitea(Forge):
    kind: ClassVar[str] = "Gitea"
    host: ClassVar[str] = "gitea"
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "x-gitea-delivery", "x-gitea-event", "x-gitea-event-type"}
    )

    def verify(self, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # Gitea signs no time
        """The HMAC over the JSON text: the body, or the decoded payload of a form."""
        refuse_others(headers, self.host)
        message = form_payload(body) if is_form(headers) else body
        if message is None:
            raise BadSignature("the body is a form without the payload that the signature covers")
        check_hex(header(headers, "x-gitea-signature"), message, secrets)

    def event(self, headers: Headers, body: bytes) -> str:  # noqa: ARG002  # a header says it
        return event_word(headers, "x-gitea-event")

    def delivery_id(self, headers: Headers, body: bytes) -> str | None:  # noqa: ARG002  # a header says it
        return delivery_word(headers, "x-gitea-delivery")

    def without_secrets(self, body: bytes, secrets: Sequence[bytes]) -> bytes:
        """Gitea before 1.14 repeats the secret in the body; newer bodies stay as they are."""
        is_old = b'"secret"' in body or b"%22secret%22" in body
        return blanked(body, _SECRET_KEYS, secrets) if is_old else body

    def parse(self, headers: Headers, body: bytes) -> list[PushEvent | Ignored]:
        event, fields = event_word(headers, "x-gitea-event"), document(headers, body)
        if event == "push":
            return [_push(fields)]
        repo, ref, author = _repo(fields), short_ref(fields), _user(fields, "sender")
        if event == "delete":
            kind = ref.kind if ref else "ref"
            return [
                Ignored(event="delete", reason=f"the {kind} was removed", repo=repo, ref=ref, author=author)
            ]
        reason = f"{event} is not a push"
        if event == "create":
            reason = "Gitea sends a push for every create too, and that one counts"
        sha = known_sha(fields.text("sha"))
        return [Ignored(event="other", reason=reason, repo=repo, ref=ref, sha=sha, author=author)]


def _push(fields: Fields) -> PushEvent | Ignored:
    commits = fields.parts("commits") or []
    changed, partial = changed_files(commits)
    after = fields.text("after")
    # Old versions send no head_commit; the list has the newest commit first.
    head = fields.part("head_commit") or next((c for c in commits if c.text("id") == after), Fields(None))
    total = fields.count("total_commits")
    judged = Push(
        repo=_repo(fields),
        ref=fields.text("ref"),
        before=fields.text("before"),
        after=after,
        head_sha=head.text("id"),
        head=commit(head),
        pusher=person(fields.part("pusher", "sender"), "full_name", "login", "username"),
        changed=changed,
        partial=partial or (len(commits) >= _LISTED if total is None else total > len(commits)),
    ).judge()
    return _test(judged, head) if fields.text("before") == after else judged


def _test(judged: PushEvent | Ignored, head: Fields) -> Ignored:
    """The button "Test Delivery": nothing moved, or even both ids are zeros."""
    sha = judged.sha if judged.sha and not is_zero(judged.sha) else None
    return Ignored(
        event="ping",
        reason="Gitea tested the webhook: the ref did not move",
        repo=judged.repo,
        ref=judged.ref,
        before=judged.before,
        sha=sha,
        author=person(head.part("author"), "name").name or judged.author,
    )


def _user(fields: Fields, key: str) -> str | None:
    return person(fields.part(key), "full_name", "login", "username").name


def _repo(fields: Fields) -> Repo | None:
    return repository(
        fields.part("repository"), slug="full_name", clone=["clone_url"], ssh=["ssh_url"], web=["html_url"]
    )
