"""What Gogs, Gitea, which grew out of it, and Forgejo, which grew out of that, have in common."""

from collections.abc import Sequence
from typing import Final

from bridge.errors import BadSignature
from bridge.forges.base import Forge
from bridge.forges.fields import Fields
from bridge.forges.push import Push, changed_files, commit, is_zero, known_sha, person, repository, short_ref
from bridge.forges.redaction import redacted
from bridge.forges.request import Request
from bridge.forges.signature import check_hex
from bridge.model.event import Ignored, PushEvent, Repo

_LISTED: Final = 5
"""A list of fewer commits is complete, where the body has no total; this is the lowest usual limit."""
_SECRET_KEYS: Final = frozenset({"secret"})


class GogsFamily(Forge):
    """Headers contain the host's name; a `create` announces a new ref in addition to its push."""

    def check_proof(self, request: Request, secrets: Sequence[bytes], now: float) -> None:  # noqa: ARG002  # no time is signed
        """The HMAC over the JSON text: the body, or the decoded payload of a form."""
        message = request.payload
        if message is None:
            raise BadSignature("the body is a form without the payload that the signature covers")
        check_hex(request.header(f"x-{self.host}-signature"), message, secrets)

    def event(self, request: Request) -> str:
        return request.event(f"x-{self.host}-event")

    def delivery_id(self, request: Request) -> str | None:
        return request.delivery_id(f"x-{self.host}-delivery")

    def without_secrets(self, request: Request, secrets: Sequence[bytes]) -> bytes:
        """Old versions repeat the secret in the body; newer bodies stay as they are."""
        body = request.body
        is_old = b'"secret"' in body or b"%22secret%22" in body
        return redacted(request, _SECRET_KEYS, secrets) if is_old else body

    def parse(self, request: Request) -> list[PushEvent | Ignored]:
        event, fields = self.event(request), request.document
        match event:
            case "push":
                return [self._push(fields)]
            case "create":
                return [self.created(fields)]
            case "delete":
                ref = short_ref(fields)
                reason = f"the {ref.kind if ref else 'ref'} was removed"
                return [
                    Ignored(event="delete", reason=reason, repo=repo(fields), ref=ref, author=_who(fields))
                ]
            case _:
                return [self.other(fields, f"{event} is not a push")]

    def created(self, fields: Fields) -> PushEvent | Ignored:
        """What a `create` says: nothing that its push does not say, too. Raises BadPayload."""
        return self.other(fields, f"{self.kind} sends a push for every create too, and that one counts")

    def other(self, fields: Fields, reason: str) -> Ignored:
        """An event that never builds."""
        return Ignored(
            event="other",
            reason=reason,
            repo=repo(fields),
            ref=short_ref(fields),
            sha=known_sha(fields.text("sha")),
            author=_who(fields),
        )

    def _push(self, fields: Fields) -> PushEvent | Ignored:
        commits = fields.parts("commits") or []
        changed, partial = changed_files(commits)
        before, after = fields.text("before"), fields.text("after")
        # Gogs and old Gitea send no head_commit, and after a forced push their list begins with the old head.
        head = fields.part("head_commit") or next((c for c in commits if c.text("id") == after), Fields(None))
        total = fields.count("total_commits")
        found = Push(
            repo=repo(fields),
            ref=fields.text("ref"),
            before=before,
            after=after,
            head_sha=head.text("id"),
            head=commit(head),
            pusher=person(fields.part("pusher", "sender"), "full_name", "login", "username"),
            changed=changed,
            partial=partial or (len(commits) >= _LISTED if total is None else total > len(commits)),
            # The new commits of a branch that only grew never contain its old head.
            forced=any(c.text("id") == before for c in commits),
        ).to_event()
        return self._test(found, head) if before == after else found

    def _test(self, found: PushEvent | Ignored, head: Fields) -> Ignored:
        """The button "Test Delivery": nothing moved, or even both ids are zeros."""
        return Ignored(
            event="ping",
            reason=f"{self.kind} tested the webhook: the ref did not move",
            repo=found.repo,
            ref=found.ref,
            before=found.before,
            sha=found.sha if found.sha and not is_zero(found.sha) else None,
            author=person(head.part("author"), "name").name or found.author,
        )


def repo(fields: Fields) -> Repo | None:
    return repository(
        fields.part("repository"), slug="full_name", clone=["clone_url"], ssh=["ssh_url"], web=["html_url"]
    )


def _who(fields: Fields) -> str | None:
    return person(fields.part("sender"), "full_name", "login", "username").name
