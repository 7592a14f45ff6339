"""Bitbucket Server and Data Center.

Source: Atlassian Documentation, Bitbucket Data Center, "Event payload"
(https://confluence.atlassian.com/bitbucketserver0815/event-payload-1319571452.html) and "Manage webhooks"
(https://confluence.atlassian.com/bitbucketserver0812/manage-webhooks-1272382316.html).
"""

import re
from typing import ClassVar

from bridge.config.forges import ForgeTraits, WebPages
from bridge.forges.bitbucket_family import EVENT, BitbucketFamily
from bridge.forges.fields import Fields
from bridge.forges.hosts import Marks
from bridge.forges.push import Push, described, moved_refs, named_repository, person
from bridge.forges.request import Request
from bridge.model.event import Commit, Ignored, Person, PushEvent, Repo


class BitbucketServer(BitbucketFamily):
    kind: ClassVar[str] = "BitbucketServer"
    host: ClassVar[str] = "bitbucket-server"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        clone_path=re.compile("(?:scm/)?(.+)"),
        clone_form="scm/{}.git",
        pages=WebPages(
            front="/browse",
            commit="/commits/{}",
            branch="/browse?at=refs/heads/{}",
            tag="/browse?at=refs/tags/{}",
        ),
    )
    marks: ClassVar[Marks] = (frozenset({"x-event-key", "x-request-id"}),)
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {"content-type", "user-agent", "x-event-key", "x-request-id"}
    )

    def delivery_id(self, request: Request) -> str | None:
        return request.delivery_id("x-request-id")

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        event, fields = request.event(EVENT), request.document
        repo = _repo(fields.part("repository"))
        if event == "diagnostics:ping":
            return [Ignored(event="ping", reason="Bitbucket tested the webhook", repo=repo)]
        actor = person(fields.part("actor"), "displayName", "name", email_key="emailAddress")
        if event != "repo:refs_changed":
            reason = f"{event} is not a push"
            return [Ignored(event="other", reason=reason, repo=repo, author=actor.name)]
        changes = moved_refs(fields, "changes")
        if not changes:
            reason = "the push moved no branch and no tag"
            return [Ignored(event="other", reason=reason, repo=repo, author=actor.name)]
        return [_push(change, _head(change, fields, len(changes)), repo, actor) for change in changes]


def _push(change: Fields, head: Fields, repo: Repo | None, actor: Person) -> PushEvent | Ignored:
    return Push(
        repo=repo,
        ref=change.part("ref").text("id") or change.text("refId"),
        before=change.text("fromHash"),
        after=change.text("toHash"),
        head_sha=head.text("id"),
        head=_commit(head),
        pusher=actor,
        changed=None,
        partial=False,
    ).to_event()


def _head(change: Fields, fields: Fields, count: int) -> Fields:
    """The commit that the ref points to, where the payload describes it; old versions never do."""
    if count == 1 and (head := fields.part("toCommit")):
        return head  # of an annotated tag too, whose `toHash` is the tag object
    listed = fields.parts("commits") or []
    return next((commit for commit in listed if commit.text("id") == change.text("toHash")), Fields(None))


def _commit(head: Fields) -> Commit | None:
    author, committer = (
        person(head.part(key), "name", "displayName", email_key="emailAddress")
        for key in ("author", "committer")
    )
    return described(head.text("id"), head.text("message"), author, committer=committer)


def _repo(repository: Fields) -> Repo | None:
    key, slug = repository.part("project").text("key"), repository.text("slug")
    links = repository.part("links")
    # Old versions send no addresses to clone from.
    clone = {link.text("name"): link.url("href") for link in links.parts("clone") or []}
    pages = [link.url("href") for link in links.parts("self") or []]
    return named_repository(
        f"{key}/{slug}" if key and slug else None,
        clone_url=clone.get("http"),
        ssh_url=clone.get("ssh"),
        web_url=next(iter(pages), None),
    )
