"""The push of GitLab, which several hosts send as theirs, and those hosts.

Source: GitLab Docs, "Webhook events" (https://docs.gitlab.com/user/project/integrations/webhook_events/).
"""

from collections.abc import Sequence
from typing import ClassVar, Final

from bridge.forges.base import Forge
from bridge.forges.fields import Fields
from bridge.forges.push import Push, changed_files, commit, person, repository
from bridge.forges.request import Request
from bridge.forges.signature import check_tokens
from bridge.model.event import Ignored, Person, PushEvent, Repo

PUSH: Final = "Push Hook"
TAG_PUSH: Final = "Tag Push Hook"


class GitLabShaped(Forge):
    """A host that sends GitLab's push under headers of its own and proves itself by a plain token.

    The token covers neither the body nor the time: a reader of one delivery can forge others. Only TLS
    protects them.
    """

    event_headers: ClassVar[tuple[str, ...]]
    """Where the event may stand, the first of them that is there counts."""
    token_headers: ClassVar[tuple[str, ...]]
    """Where the token may stand; each of them that is there has to be right."""
    imitates: ClassVar[frozenset[str]] = frozenset({"gitlab", "simple"})

    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # a token covers neither
        check_tokens(request, self.token_headers, secrets)

    def event(self, request: Request) -> str:
        return request.event(*self.event_headers)

    def delivery_id(self, request: Request) -> str | None:  # noqa: ARG002  # most of them have none
        return None

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        return [self.read(request.event(*self.event_headers), request.document)]

    def read(self, event: str, fields: Fields) -> PushEvent | Ignored:
        """What the event is; hosts that say more than GitLab override this. Raises BadPayload."""
        return read_event(event, fields)


def read_event(event: str, fields: Fields, *, listed: int = 0, forced: bool = False) -> PushEvent | Ignored:
    """The push of a branch or tag, or why the event is not one. Raises BadPayload.

    `listed` is how many commits the host lists at most; 0, where that is not documented, takes any list
    without a total for one that was cut.
    """
    if event in {PUSH, TAG_PUSH}:
        return _push(fields, listed, forced=forced).to_event()
    author = fields.name("user_name", "user_username")
    return Ignored(event="other", reason=f"{event} is not a push", repo=_repo(fields), author=author)


def _push(fields: Fields, listed: int, *, forced: bool) -> Push:
    commits = fields.parts("commits") or []
    changed, partial = changed_files(commits)
    after, head_sha = fields.text("after"), fields.text("checkout_sha")
    # The order of the list differs between hosts, so the head is found by its id.
    head = next((entry for entry in commits if entry.text("id") == (head_sha or after)), Fields(None))
    total = fields.count("total_commits_count")
    return Push(
        repo=_repo(fields),
        ref=fields.text("ref"),
        before=fields.text("before"),
        after=after,
        head_sha=head_sha,
        head=commit(head),
        pusher=_pusher(fields),
        changed=changed,
        partial=partial or (len(commits) >= listed if total is None else total > len(commits)),
        forced=forced,
    )


def _pusher(fields: Fields) -> Person:
    email = person(Fields({"email": fields.text("user_email")})).email
    return Person(fields.name("user_name", "user_username"), email)


def _repo(fields: Fields) -> Repo | None:
    # `project` has the path; where only `repository` is sent, its addresses do.
    return repository(
        fields.part("project", "repository"),
        slug="path_with_namespace",
        clone=["git_http_url", "http_url"],
        ssh=["git_ssh_url", "ssh_url"],
        web=["web_url", "homepage"],
    )
