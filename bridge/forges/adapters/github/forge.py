"""GitHub and GitHub Enterprise Server.

Source: GitHub Docs, "Validating webhook deliveries"
(https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries) and "Webhook events and
payloads" (https://docs.github.com/en/webhooks/webhook-events-and-payloads).
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.config.forges import ForgeApi, ForgeTraits, WebPages
from bridge.forges.base import Forge
from bridge.forges.fields import Fields
from bridge.forges.hosts import Marks
from bridge.forges.push import Push, changed_files, commit, person, repository, short_ref
from bridge.forges.request import Request
from bridge.forges.signature import check_hex
from bridge.model.event import Ignored, Person, PushEvent, Repo

_MAX_COMMITS: Final = 2048
"""GitHub cuts the list of commits here."""


class GitHub(Forge):
    kind: ClassVar[str] = "GitHub"
    host: ClassVar[str] = "github"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        clone_username="x-access-token",
        api=ForgeApi(public="https://api.github.com", site="github.com", path="/api/v3"),
        pages=WebPages(
            site="https://github.com",
            is_clone_url=True,
            commit="/commit/{}",
            branch="/tree/{}",
            tag="/tree/{}",
            hooks="/settings/hooks",
        ),
    )
    marks: ClassVar[Marks] = (frozenset({"x-github-event"}),)
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

    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # GitHub signs no time
        """The HMAC over the body as sent, forms too; the older SHA-1 header is ignored."""
        check_hex(request.header("x-hub-signature-256"), request.body, secrets, prefix=b"sha256=")

    def event(self, request: Request) -> str:
        return request.event("x-github-event")

    def delivery_id(self, request: Request) -> str | None:
        return request.delivery_id("x-github-delivery")

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        event, fields = request.event("x-github-event"), request.document
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
