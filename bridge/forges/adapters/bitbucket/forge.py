"""Bitbucket Cloud.

Source: Atlassian Support, "Event payloads"
(https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/), "Manage webhooks"
(https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/) and "Troubleshoot webhooks"
(https://support.atlassian.com/bitbucket-cloud/docs/troubleshoot-webhooks/).
"""

from typing import ClassVar, Final

from bridge.config.forges import ForgeApi, ForgeTraits, WebPages
from bridge.forges.bitbucket_family import EVENT, BitbucketFamily
from bridge.forges.fields import Fields
from bridge.forges.hosts import Marks
from bridge.forges.push import ZERO_SHA, Push, described, moved_refs, named_repository, person
from bridge.forges.request import Request
from bridge.model.event import Commit, Ignored, Person, PushEvent, Repo

_FOLDERS: Final = {"branch": "refs/heads", "tag": "refs/tags", "annotated_tag": "refs/tags"}


class Bitbucket(BitbucketFamily):
    kind: ClassVar[str] = "Bitbucket"
    host: ClassVar[str] = "bitbucket-cloud"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        clone_username="x-token-auth",
        api=ForgeApi(
            public="https://api.bitbucket.org/2.0", site="bitbucket.org", path="/2.0", takes_username=True
        ),
        pages=WebPages(
            site="https://bitbucket.org",
            is_clone_url=True,
            commit="/commits/{}",
            branch="/branch/{}",
            tag="/commits/tag/{}",
        ),
    )
    marks: ClassVar[Marks] = (
        frozenset({"x-event-key", "x-hook-uuid"}),
        frozenset({"x-event-key", "x-request-uuid"}),
    )
    imitates: ClassVar[frozenset[str]] = frozenset({"bitbucket-server"})
    kept_headers: ClassVar[frozenset[str]] = frozenset(
        {
            "content-type",
            "user-agent",
            "x-attempt-number",
            "x-event-key",
            "x-hook-uuid",
            "x-request-uuid",
        }
    )

    def delivery_id(self, request: Request) -> str | None:
        return request.delivery_id("x-request-uuid")

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        event, fields = request.event(EVENT), request.document
        repo, actor = _repo(fields), person(fields.part("actor"), "display_name", "nickname", "username")
        if event != "repo:push":
            reason = f"{event} is not a push"
            return [Ignored(event="other", reason=reason, repo=repo, author=actor.name)]
        reason = "the push moved no branch and no tag"
        return [_push(change, repo, actor) for change in moved_refs(fields.part("push"), "changes")] or [
            Ignored(event="other", reason=reason, repo=repo, author=actor.name)
        ]


def _push(change: Fields, repo: Repo | None, actor: Person) -> PushEvent | Ignored:
    old, new = change.part("old"), change.part("new")
    commit = _target(new)
    return Push(
        repo=repo,
        ref=_ref(new or old),
        before=_target(old),
        after=commit,
        head_sha=commit,
        head=_commit(new.part("target")),
        pusher=actor,
        changed=None,
        partial=False,
        forced=change.flag("forced"),
    ).to_event()


def _ref(side: Fields) -> str | None:
    kind, name = side.text("type"), side.text("name")
    return f"{_FOLDERS.get(kind, kind)}/{name}" if kind and name else None


def _target(side: Fields) -> str | None:
    """The commit, of an annotated tag too; zeros on the side where there is no ref."""
    return side.part("target").text("hash") if side else ZERO_SHA


def _commit(target: Fields) -> Commit | None:
    # `user` is only there for known addresses; `raw` is as Git writes it: "Name <address>".
    name, _, rest = (target.part("author").name("raw") or "").partition("<")
    author = person(Fields({"name": name, "email": rest.partition(">")[0]}), "name")
    url = target.part("links").part("html").url("href")
    return described(target.text("hash"), target.text("message"), author, url)


def _repo(fields: Fields) -> Repo | None:
    # The payload has no address to clone from; it is made from the page's.
    repository = fields.part("repository")
    page = repository.part("links").part("html").url("href")
    return named_repository(
        repository.text("full_name"), clone_url=page and f"{page}.git", ssh_url=None, web_url=page
    )
