"""A build that a person asks for; it becomes a delivery, stored and evaluated like any other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter

from bridge.model.delivery import Delivery
from bridge.model.event import Commit, Person, PushEvent, Ref, RefKind, Repo
from bridge.rules.own_delivery import own_delivery

FORGE: Final = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualPush:
    """Build this commit of this ref as if it had been pushed, but for one build repository only.

    With `docker_repo_tag`, as a tag configuration has it, only what that one builds. `parameters` take the
    place of those of the rule with the same names.
    """

    namespace: str
    repo_name: str
    full_name: str
    clone_url: str
    ref_kind: RefKind
    ref_name: str
    sha: str
    by: str
    docker_repo_tag: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    def delivery(self, now: float, delivery_id: str | None = None) -> Delivery:
        """The delivery that asks for it; it repeats only one of the same id, if one is given."""
        return own_delivery(FORGE, "trigger", _ADAPTER.dump_json(self), now, delivery_id=delivery_id)

    @classmethod
    def read(cls, delivery: Delivery) -> "ManualPush":
        return _ADAPTER.validate_json(delivery.body)

    def event(self) -> PushEvent:
        return PushEvent(
            event="tag" if self.ref_kind == "tag" else "push",
            repo=Repo(full_name=self.full_name, clone_url=self.clone_url),
            ref=Ref(self.ref_kind, self.ref_name),
            sha=self.sha,
            commit=Commit(sha=self.sha, message=""),
            pusher=Person(name=self.by),
        )


_ADAPTER: Final = TypeAdapter(ManualPush)
