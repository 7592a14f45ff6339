"""A build that a cron schedule asks for; it becomes a delivery, stored and evaluated like any other."""

from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from bridge.model.delivery import Delivery
from bridge.model.event import Commit, Ignored, PushEvent, Ref, Repo
from bridge.rules.own_delivery import own_delivery

FORGE: Final = "schedule"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledPush:
    """Build the newest known commit of a branch, for one build repository only.

    `name` is that of the schedule, `due` the moment in ISO 8601. `sha` and `clone_url` are None until the
    first push of the branch has been received.
    """

    name: str
    due: str
    namespace: str
    repo_name: str
    full_name: str
    branch: str
    clone_url: str | None
    sha: str | None

    def delivery(self, now: float) -> Delivery:
        """The delivery that asks for it: one for each moment at which the schedule is due."""
        return own_delivery(FORGE, FORGE, _ADAPTER.dump_json(self), now, key=f"{self.name} {self.due}")

    @classmethod
    def read(cls, delivery: Delivery) -> "ScheduledPush":
        return _ADAPTER.validate_json(delivery.body)

    def event(self) -> PushEvent | Ignored:
        repo = Repo(full_name=self.full_name, clone_url=self.clone_url)
        ref = Ref("branch", self.branch)
        if self.sha is None or self.clone_url is None:
            reason = f"due at {self.due}, but no push has reported the commit of {self.branch} yet"
            return Ignored(event="other", reason=reason, repo=repo, ref=ref)
        commit = Commit(sha=self.sha, message="")
        return PushEvent(event="push", repo=repo, ref=ref, sha=self.sha, commit=commit)


_ADAPTER: Final = TypeAdapter(ScheduledPush)
