"""Azure DevOps Services and Azure DevOps Server.

Source: Microsoft Learn, Azure DevOps, "Webhooks"
(https://learn.microsoft.com/en-us/azure/devops/service-hooks/services/webhooks) and the event `git.push`
in "Service hooks events" (https://learn.microsoft.com/en-us/azure/devops/service-hooks/events).
"""

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.config.forges import ForgeTraits, WebPages
from bridge.forges.base import Forge
from bridge.forges.fields import Fields
from bridge.forges.push import Push, described, moved_refs, named_repository, person
from bridge.forges.request import Request
from bridge.forges.signature import check_basic
from bridge.model.event import Commit, Ignored, Person, PushEvent, Repo

_PUBLISHER: Final = "tfs"
_TEST: Final = "00000000-0000-0000-0000-000000000000"
"""The subscription that the sample of the button "Test" belongs to."""
_NO_TYPE: Final = "a body without an eventType"
_CLONE_PATH: Final = re.compile("(?:[^/]+/){0,2}([^/]+)/_git/([^/]+)|v3/[^/]+/([^/]+)/([^/]+)")
"""Behind the organisation, or on a server of one's own behind `tfs` and the collection."""


class AzureDevOps(Forge):
    kind: ClassVar[str] = "AzureDevOps"
    host: ClassVar[str] = "azure-devops"
    traits: ClassVar[ForgeTraits] = ForgeTraits(
        clone_host="https://dev.azure.com",
        clone_path=_CLONE_PATH,
        clone_form=None,  # rules do not name the organisation
        clone_username="bridge",
        sends_user_name=True,
        spaces_in_names=True,
        pages=WebPages(is_clone_url=True, commit="/commit/{}", branch="?version=GB{}", tag="?version=GT{}"),
    )
    kept_headers: ClassVar[frozenset[str]] = frozenset({"content-type", "user-agent"})

    def recognises(self, request: Request) -> bool:
        if self.others(request):
            return False
        fields = request.peek(request.body)
        return fields.text("publisherId") == _PUBLISHER and fields.text("eventType") is not None

    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # Azure DevOps signs nothing
        """Basic authentication, as set in the subscription; it does not cover the body."""
        check_basic(request.header("authorization"), secrets)

    def event(self, request: Request) -> str:
        # A body that cannot be decoded is still authentic: it is stored, and `parse` says why it fails.
        return request.peek(request.body).name("eventType") or _NO_TYPE

    def delivery_id(self, request: Request) -> str | None:
        """The event's id, which all subscriptions to it share, so that two of them do not build twice."""
        fields = request.peek(request.body)
        # What a subscription without resource details sends must not pass for the whole event.
        return fields.word("id") if fields.part("resource").parts("refUpdates") else None

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        fields = request.document
        event, resource = fields.name("eventType"), fields.part("resource")
        repo = _repo(resource.part("repository"))
        pusher = person(resource.part("pushedBy"), "displayName", "uniqueName", email_key="uniqueName")
        if event != "git.push":
            reason = f"{event or _NO_TYPE} is not a push"
            return [Ignored(event="other", reason=reason, repo=repo, author=pusher.name)]
        if fields.text("subscriptionId") == _TEST:
            return [Ignored(event="ping", reason="Azure DevOps tested the subscription", repo=repo)]
        if not resource.parts("refUpdates"):
            reason = "no refs are named: set “Resource details to send” of the subscription to All"
            return [Ignored(event="other", reason=reason, repo=repo, author=pusher.name)]
        commits = resource.parts("commits") or []
        return [_push(update, commits, repo, pusher) for update in moved_refs(resource, "refUpdates")]


def _push(
    update: Fields, commits: Sequence[Fields], repo: Repo | None, pusher: Person
) -> PushEvent | Ignored:
    after = update.text("newObjectId")
    head = next((commit for commit in commits if commit.text("commitId") == after), Fields(None))
    return Push(
        repo=repo,
        ref=update.text("name"),
        before=update.text("oldObjectId"),
        after=after,
        head_sha=head.text("commitId"),  # else a tag may be a tag object: nothing says so
        head=_commit(head),
        pusher=pusher,
        changed=None,
        partial=False,
        forced=update.flag("forced"),
    ).to_event()


def _commit(commit: Fields) -> Commit | None:
    # `url` is the API's, not a page for people.
    author, committer = (person(commit.part(key), "name") for key in ("author", "committer"))
    return described(commit.text("commitId"), commit.text("comment"), author, committer=committer)


def _repo(repository: Fields) -> Repo | None:
    project, name = repository.part("project").text("name"), repository.text("name")
    return named_repository(
        f"{project}/{name}" if project and name else None,
        clone_url=repository.url("remoteUrl"),
        ssh_url=repository.url("sshUrl"),
        web_url=repository.url("webUrl", "remoteUrl"),
    )
