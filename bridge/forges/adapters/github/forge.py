"""GitHub and GitHub Enterprise Server.

Source: GitHub Docs, "Validating webhook deliveries" and "Webhook events and payloads".
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.forges.base import Forge, Headers
from bridge.forges.fields import Fields, delivery_word, document, event_word
from bridge.forges.hosts import refuse_others
from bridge.forges.push import Push, changed_files, commit, person, repository, short_ref
from bridge.forges.signature import check_hex, header
from bridge.model.event import Ignored, Person, PushEvent, Repo

_MAX_COMMITS: Final = 2048
"""GitHub cuts the list of commits here."""


class GitHub(Forge):
    kind: ClassVar[str] = "GitHub"
    host: ClassVar[str] = "github"
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {
            "content-type",
            "user-agent",
            "x-github-delivery",
            "x-github-enterprise-host",
            "x-github-event",
            "x-github-hook-id",
        }
    )

    def verify(self, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # GitHub signs no time
        """The HMAC over the body as sent, forms too; the older SHA-1 header is not looked at."""
        refuse_others(headers, self.host)
        check_hex(header(headers, "x-hub-signature-256"), body, secrets, prefix=b"sha256=")

    def event(self, headers: Headers, body: bytes) -> str:  # noqa: ARG002  # a header says it
        return event_word(headers, "x-github-event")

    def delivery_id(self, headers: Headers, body: bytes) -> str | None:  # noqa: ARG002  # a header says it
        return delivery_word(headers, "x-github-delivery")

    def parse(self, headers: Headers, body: bytes) -> list[PushEvent | Ignored]:
        event, fields = event_word(headers, "x-github-event"), document(headers, body)
        if event == "push":
            return [_push(fields)]
        repo, author = _repo(fields), fields.part("sender").name("login")
        if event == "ping":
            return [Ignored(event="ping", reason="GitHub tested the webhook", repo=repo)]
        if event in {"create", "delete"}:
            reason = f"GitHub sends a push for every {event} too, and that one counts"
            ref = short_ref(fields)
            return [Ignored(event="other", reason=reason, repo=repo, ref=ref, author=author)]
        return [Ignored(event="other", reason=f"{event} is not a push", repo=repo, author=author)]


def _push(fields: Fields) -> PushEvent | Ignored:
    commits = fields.parts("commits") or []
    changed, partial = changed_files(commits)
    head = fields.part("head_commit")
    pusher = person(fields.part("pusher"), "name")
    return Push(
        repo=_repo(fields),
        ref=fields.text("ref"),
        before=fields.text("before"),
        after=fields.text("after"),
        head_sha=head.text("id"),
        head=commit(head),
        pusher=pusher if pusher.name else Person(fields.part("sender").name("login"), pusher.email),
        changed=changed,
        partial=partial or len(commits) >= _MAX_COMMITS,
        forced=fields.flag("forced"),
    ).to_event()


def _repo(fields: Fields) -> Repo | None:
    return repository(
        fields.part("repository"), slug="full_name", clone=["clone_url"], ssh=["ssh_url"], web=["html_url"]
    )
