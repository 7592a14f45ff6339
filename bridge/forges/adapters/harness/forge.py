"""Harness Code, and Gitness, which it grew out of.

Source: Harness Developer Hub, "Webhooks" of the Code Repository module, and the payload types of Gitness.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.forges.base import Forge, Headers
from bridge.forges.fields import Fields, document, event_word
from bridge.forges.hosts import refuse_others
from bridge.forges.push import Push, changed_files, described, person, repository
from bridge.forges.signature import check_hex, header
from bridge.model.event import Commit, Ignored, PushEvent, Repo

_PUSHES: Final = frozenset(
    {"branch_created", "branch_updated", "branch_deleted", "tag_created", "tag_updated", "tag_deleted"}
)


class Harness(Forge):
    kind: ClassVar[str] = "Harness"
    host: ClassVar[str] = "harness"
    kept_headers: ClassVar[frozenset[str]] = frozenset({"content-type", "user-agent", "x-harness-trigger"})

    def verify(self, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # Harness signs no time
        """The HMAC over the body as sent."""
        refuse_others(headers, self.host)
        check_hex(header(headers, "x-harness-signature"), body, secrets)

    def event(self, headers: Headers, body: bytes) -> str:  # noqa: ARG002  # a header says it
        return event_word(headers, "x-harness-trigger")

    def delivery_id(self, headers: Headers, body: bytes) -> str | None:  # noqa: ARG002  # Harness has none
        return None

    def parse(self, headers: Headers, body: bytes) -> list[PushEvent | Ignored]:
        """By the trigger that the body names: the header's is not signed."""
        fields = document(headers, body)
        trigger = fields.name("trigger")
        if trigger in _PUSHES:
            return [_push(fields)]
        author = person(fields.part("principal"), "display_name", "uid").name
        reason = f"{trigger or 'a body without a trigger'} is not a push"
        return [Ignored(event="other", reason=reason, repo=_repo(fields), author=author)]


def _push(fields: Fields) -> PushEvent | Ignored:
    commits = fields.parts("commits") or []
    changed, partial = changed_files(commits)
    total = fields.count("total_commits_count")
    head = fields.part("head_commit", "commit")
    return Push(
        repo=_repo(fields),
        ref=fields.part("ref").text("name"),
        before=fields.text("old_sha"),
        after=fields.text("sha"),
        head_sha=head.text("sha"),
        head=_commit(head),
        pusher=person(fields.part("principal"), "display_name", "uid"),
        changed=changed,
        partial=partial or total is None or total > len(commits),
        forced=fields.flag("forced"),
    ).to_event()


def _commit(fields: Fields) -> Commit | None:
    author = person(fields.part("author").part("identity"), "name")
    return described(fields.text("sha"), fields.text("message"), author)


def _repo(fields: Fields) -> Repo | None:
    return repository(fields.part("repo"), slug="path", clone=["git_url"], ssh=["git_ssh_url"], web=["url"])
