"""Deliveries as JSON documents, for the API and for the command line alike."""

from typing import Any

from typing_extensions import TypedDict

from bridge.model.delivery import DeliveryState
from bridge.model.event import RefKind
from bridge.runtime.clock import when
from bridge.store.values import DeliveryHead
from bridge.web.api.documents import BuildDocument, StepDocument


class DeliveryDocument(TypedDict):
    """A delivery without its body."""

    id: str
    source: str
    """The source of bridge.yaml that took it."""
    forge: str
    """The kind of Git host that sent it."""
    event: str
    key: str
    """The host's own id of it, or a digest of the body where the host sends none."""
    replay: int
    """How many redeliveries came before it."""
    size: int
    """The bytes of its body."""
    received_at: str
    state: DeliveryState
    detail: str
    """Why it is in this state, in words."""
    repo: str | None
    """The code repository, as its host names it; null where that is not known, or not yet."""
    ref_kind: RefKind | None
    ref_name: str | None
    """The first branch or tag that it moved."""
    sha: str | None
    """What that was set to; null for one that was removed."""
    author: str | None
    """Who made the commit, or pushed it."""
    other_refs: int
    """How many other refs it moved."""


class DeliveryStory(DeliveryDocument):
    """A delivery with its timeline, and the builds that it made."""

    explanation: Any
    """What each rule decided."""
    timeline: list[StepDocument]
    builds: list[BuildDocument]


def delivery_document(head: DeliveryHead) -> DeliveryDocument:
    pushed = head.pushed
    ref = pushed.ref if pushed else None
    return {
        "id": head.id,
        "source": head.source,
        "forge": head.forge,
        "event": head.event,
        "key": head.key,
        "replay": head.replay,
        "size": head.size,
        "received_at": when(head.received_at),
        "state": head.state,
        "detail": head.detail,
        "repo": pushed.repo if pushed else None,
        "ref_kind": ref.kind if ref else None,
        "ref_name": ref.name if ref else None,
        "sha": pushed.sha if pushed else None,
        "author": pushed.author if pushed else None,
        "other_refs": head.other_refs,
    }
