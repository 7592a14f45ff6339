"""Silences as JSON documents, for the API and for the command line alike."""

from typing_extensions import TypedDict

from bridge.model.notice import EventName
from bridge.model.silence import Silence, SilenceState
from bridge.runtime.clock import maybe_when, when


class SilenceDocument(TypedDict):
    """Notices that are not sent for a time: those that match all of repository, ref, events and channel."""

    id: str
    created_at: str
    until: str
    """When it ends."""
    state: SilenceState
    author: str
    """Who made it: the name of a token, or a user of the system."""
    reason: str
    repository: str | None
    """A pattern of namespace/repo_name; null for all, as with the others."""
    ref: str | None
    """A pattern of the name of a branch or tag."""
    events: list[EventName] | None
    channel: str | None
    ended_at: str | None
    """When it was ended, if that was before its time."""
    ended_by: str | None
    held: int
    """How many notices it has held."""


def silence_document(silence: Silence, now: float) -> SilenceDocument:
    return {
        "id": silence.id,
        "created_at": when(silence.created_at),
        "until": when(silence.until),
        "state": silence.state(now),
        "author": silence.author,
        "reason": silence.reason,
        "repository": silence.repository,
        "ref": silence.ref,
        "events": sorted(silence.events) or None,
        "channel": silence.channel,
        "ended_at": maybe_when(silence.ended_at),
        "ended_by": silence.ended_by,
        "held": silence.held,
    }


def matcher_text(silence: Silence) -> str:
    """What it holds, in a line."""
    parts = {
        "repository": silence.repository,
        "ref": silence.ref,
        "events": ", ".join(sorted(silence.events)),
        "channel": silence.channel,
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items() if value)
