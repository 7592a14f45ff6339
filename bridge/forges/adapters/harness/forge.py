"""Harness Code, and Gitness, which it grew out of.

Source: Harness Developer Hub, "Webhooks" of the Code Repository module
(https://developer.harness.io/docs/code-repository/config-repos/webhooks/), and the payload types of
Gitness (https://github.com/harness/harness/blob/main/app/services/webhook/types.go).
"""

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.config.forges import ForgeTraits, WebPages
from bridge.forges.base import Forge
from bridge.forges.fields import Fields
from bridge.forges.hosts import Marks
from bridge.forges.push import Push, changed_files, described, person, repository
from bridge.forges.request import Request
from bridge.forges.signature import check_hex
from bridge.model.event import Commit, Ignored, PushEvent, Repo

_PUSHES: Final = frozenset(
    {"branch_created", "branch_updated", "branch_deleted", "tag_created", "tag_updated", "tag_deleted"}
)


class Harness(Forge):
    kind: ClassVar[str] = "Harness"
    host: ClassVar[str] = "harness"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        clone_path=re.compile("(?:git/)?(.+)"),
        clone_form=None,  # some have git/ before it
        pages=WebPages(commit="/commit/{}"),
    )
    marks: ClassVar[Marks] = (frozenset({"x-harness-trigger"}),)
    kept_headers: ClassVar[frozenset[str]] = frozenset({"content-type", "user-agent", "x-harness-trigger"})

    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # Harness signs no time
        """The HMAC over the body as sent."""
        check_hex(request.header("x-harness-signature"), request.body, secrets)

    def event(self, request: Request) -> str:
        return request.event("x-harness-trigger")

    def delivery_id(self, request: Request) -> str | None:  # noqa: ARG002  # Harness has none
        return None

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        """By the trigger that the body names: the header's is not signed."""
        fields = request.document
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
    author, committer = (person(fields.part(key).part("identity"), "name") for key in ("author", "committer"))
    return described(fields.text("sha"), fields.text("message"), author, committer=committer)


def _repo(fields: Fields) -> Repo | None:
    return repository(fields.part("repo"), slug="path", clone=["git_url"], ssh=["git_ssh_url"], web=["url"])
