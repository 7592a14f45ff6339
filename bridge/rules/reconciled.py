"""A push that no webhook reported; it becomes a delivery, stored and evaluated like any other."""

from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from bridge.model.delivery import Delivery
from bridge.model.event import Commit, PushEvent, Ref, RefKind, Repo
from bridge.rules.own_delivery import own_delivery

FORGE: Final = "reconcile"
NOTE: Final = "found by a look at the Git host: no webhook had reported the push"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciledPush:
    """A ref that points elsewhere than it did; `before` is all zeros for a new one.

    `kind` is that of the Git host of the `source`. `pushed` is what the ref points to, and `sha` the commit.
    """

    kind: str
    source: str
    full_name: str
    clone_url: str
    ref_kind: RefKind
    ref_name: str
    before: str
    pushed: str
    sha: str

    def delivery(self, now: float) -> Delivery:
        """The delivery that builds it."""
        event = "push" if self.ref_kind == "branch" else "tag"
        return own_delivery(FORGE, event, _ADAPTER.dump_json(self), now)

    @classmethod
    def read(cls, delivery: Delivery) -> "ReconciledPush":
        return _ADAPTER.validate_json(delivery.body)

    def event(self) -> PushEvent:
        return PushEvent(
            event="tag" if self.ref_kind == "tag" else "push",
            repo=Repo(full_name=self.full_name, clone_url=self.clone_url),
            ref=Ref(self.ref_kind, self.ref_name),
            sha=self.sha,
            before=self.before,
            tag_object_sha=None if self.pushed == self.sha else self.pushed,
            commit=Commit(sha=self.sha, message=""),
        )


_ADAPTER: Final = TypeAdapter(ReconciledPush)
