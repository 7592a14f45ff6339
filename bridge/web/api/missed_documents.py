"""Pushes that no webhook reported as JSON documents, for the API and for the command line alike."""

from typing_extensions import TypedDict

from bridge.model.missed import MissedRef, MissedState
from bridge.runtime.clock import when


class MissedDocument(TypedDict):
    """A ref that moved without a webhook; of several moves the newest."""

    at: str
    """When a look at the Git host found it."""
    source: str
    repo: str
    """The code repository, as the Git host names it."""
    ref: str | None
    """null for a delivery that the host was asked to send again, until it arrives."""
    before: str | None
    """What the ref pointed to; null for a new one, and where only its new value is known."""
    after: str | None
    """What it points to; null where it was deleted."""
    state: MissedState
    """named; built; late: named, and its webhook arrived after all; asked: its delivery had failed, and the
    host was asked to send it again; or redelivered: the same, and it has arrived."""
    reason: str
    """Why no webhook came, as far as that can be known."""
    delivery_id: str | None
    """The delivery that builds it, or that the host sent again."""


def missed_document(one: MissedRef) -> MissedDocument:
    return {
        "at": when(one.at),
        "source": one.source,
        "repo": one.repo,
        "ref": one.ref or None,
        "before": one.before or None,
        "after": one.after or None,
        "state": one.state,
        "reason": one.reason,
        "delivery_id": one.delivery_id,
    }
