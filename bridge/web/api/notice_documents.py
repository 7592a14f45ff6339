"""Notices and in-app messages as JSON documents, for the API and for the command line alike."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from typing_extensions import TypedDict

from bridge.model.notice import BuildFacts, DigestFacts, EventName, NoticeState, ServiceFacts
from bridge.runtime.clock import maybe_when, when
from bridge.store.values import MessageRow, NoticeRow, Step
from bridge.web.api.documents import StepDocument, timeline_document


class NoticeDocument(TypedDict):
    """A notice; one about the bridge itself has no build_id, namespace and repo_name."""

    id: str
    created_at: str
    channel: str
    moved_from: str | None
    """The channel that it was for, where the fallback of that sends it."""
    recipient: str | None
    """Whom of the channel it is for; null for all."""
    event: EventName
    build_id: str | None
    """The build that it is about; null for one about the bridge itself."""
    namespace: str | None
    repo_name: str | None
    job: str
    """What notices are kept in order for."""
    about: str
    """What it tells, in a line."""
    state: NoticeState
    reason: str
    """A word for what kept it from being sent; empty without one."""
    detail: str
    attempts: int
    """How often it was sent."""
    next_at: str
    """When it is sent next, if it has not ended."""
    ended_at: str | None
    digest_id: str | None
    """The digest that it goes out in; null where it goes by itself."""


class NoticeStory(NoticeDocument):
    """A notice with its timeline."""

    timeline: list[StepDocument]


class PreviewDocument(TypedDict):
    """What a channel would send."""

    channel: str
    text: str
    """In a form to read, without secrets."""


class MessageDocument(TypedDict):
    """An in-app message."""

    id: int
    notice_id: str
    at: str
    """When its notice was made."""
    event: EventName
    about: str
    """What it tells, in a line."""
    facts: dict[str, Any]
    """All that its notice tells."""


def notice_document(row: NoticeRow) -> NoticeDocument:
    notice = row.notice
    return {
        "id": notice.id,
        "created_at": when(notice.created_at),
        "channel": notice.channel,
        "moved_from": notice.moved_from,
        "recipient": notice.recipient,
        "event": notice.event,
        "build_id": row.build_id,
        "namespace": row.namespace,
        "repo_name": row.repo_name,
        "job": row.job,
        "about": _about(notice.facts),
        "state": row.state,
        "reason": row.reason,
        "detail": row.detail,
        "attempts": row.attempts,
        "next_at": when(row.next_at),
        "ended_at": maybe_when(row.ended_at),
        "digest_id": row.digest_id,
    }


def notice_story(row: NoticeRow, steps: Sequence[Step]) -> NoticeStory:
    return {**notice_document(row), "timeline": timeline_document(steps)}


def message_document(row: MessageRow) -> MessageDocument:
    return {
        "id": row.id,
        "notice_id": row.notice_id,
        "at": when(row.at),
        "event": row.event,
        "about": _about(row.facts),
        "facts": asdict(row.facts),
    }


def _about(facts: BuildFacts | ServiceFacts | DigestFacts) -> str:
    if isinstance(facts, DigestFacts):
        return f"digest of {len(facts.members)} notices"
    if isinstance(facts, ServiceFacts):
        return f"{facts.subject}: {facts.detail}"
    return f"{facts.namespace}/{facts.repo_name} {facts.label} {facts.ref_name}: {facts.state}"
