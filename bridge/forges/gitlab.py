"""GitLab: project, group and system hooks.

Source: GitLab Docs, "Webhooks", "Webhook events" and "System hooks"; the signing token follows the Standard
Webhooks specification.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.errors import BadSignature
from bridge.forges.base import Forge, Headers
from bridge.forges.body import Fields, delivery_word, document, event_word
from bridge.forges.hosts import refuse_others
from bridge.forges.push import Push, changed_files, commit, person, repository
from bridge.forges.signature import SIGNING_KEY_PREFIX, check_standard, check_token, header, signing_key
from bridge.model.event import Ignored, Person, PushEvent, Repo

_LISTED: Final = 20
"""GitLab lists the newest commits only, this many."""
_PUSHES: Final = frozenset({"Push Hook", "Tag Push Hook"})


class GitLab(Forge):
    kind: ClassVar[str] = "GitLab"
    host: ClassVar[str] = "gitlab"
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {
            "content-type",
            "idempotency-key",
            "user-agent",
            "webhook-id",
            "x-gitlab-event",
            "x-gitlab-event-uuid",
            "x-gitlab-instance",
            "x-gitlab-webhook-uuid",
        }
    )

    def verify(self, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> None:
        """The signature of a signing token (`whsec_…`) where there is one, else the secret token.

        A signature is final: a wrong one is not made good by a right token.
        """
        refuse_others(headers, self.host)
        if "webhook-signature" not in headers:
            tokens = [secret for secret in secrets if not secret.startswith(SIGNING_KEY_PREFIX)]
            return check_token(header(headers, "x-gitlab-token"), tokens)
        keys = [key for secret in secrets if (key := signing_key(secret))]
        if not keys:
            raise BadSignature("the delivery is signed, but no usable whsec_ signing token is configured")
        return check_standard(headers, body, keys, now)

    def event(self, headers: Headers, body: bytes) -> str:  # noqa: ARG002  # a header says it
        return event_word(headers, "x-gitlab-event")

    def delivery_id(self, headers: Headers, body: bytes) -> str | None:  # noqa: ARG002  # a header says it
        # Not x-gitlab-event-uuid: all hooks set off by one event share that. webhook-id may be signed.
        return delivery_word(headers, "webhook-id", "idempotency-key")

    def occasion(self, headers: Headers) -> str:
        # GitLab before 17.4 sends no delivery id, and no time in the body: equal pushes differ here only.
        return f"{delivery_word(headers, 'x-gitlab-event-uuid') or 'sha256'}:"

    def parse(self, headers: Headers, body: bytes) -> list[PushEvent | Ignored]:
        event, fields = event_word(headers, "x-gitlab-event"), document(headers, body)
        if event == "System Hook":
            event = fields.name("event_name", "object_kind") or event
        if event in _PUSHES or event in {"push", "tag_push"}:
            return [_push(fields)]
        author = fields.name("user_name", "user_username")
        return [Ignored(event="other", reason=f"{event} is not a push", repo=_repo(fields), author=author)]


def _push(fields: Fields) -> PushEvent | Ignored:
    commits = fields.parts("commits") or []
    changed, partial = changed_files(commits)
    head_sha = fields.text("checkout_sha")
    head = next((entry for entry in commits if entry.text("id") == head_sha), Fields(None))
    total = fields.count("total_commits_count")
    pusher = Person(
        fields.name("user_name", "user_username"), person(Fields({"email": fields.text("user_email")})).email
    )
    return Push(
        repo=_repo(fields),
        ref=fields.text("ref"),
        before=fields.text("before"),
        after=fields.text("after"),
        head_sha=head_sha,
        head=commit(head),
        pusher=pusher,
        changed=changed,
        partial=partial or (len(commits) >= _LISTED if total is None else total > len(commits)),
    ).judge()


def _repo(fields: Fields) -> Repo | None:
    return repository(
        fields.part("project", "repository"),
        slug="path_with_namespace",
        clone=["git_http_url", "http_url"],
        ssh=["git_ssh_url", "ssh_url"],
        web=["web_url", "homepage"],
    )
