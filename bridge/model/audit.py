"""Who changed what: the entries of the audit trail."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bridge.model.access import Principal


class Action(StrEnum):
    """What was done; an interface: people search by these words."""

    RULES_RELOADED = "rules.reloaded"
    REPOSITORY_CREATED = "repository.created"
    REPOSITORY_CHANGED = "repository.changed"
    REPOSITORY_DELETED = "repository.deleted"
    BUILD_TRIGGERED = "build.triggered"
    BUILD_CANCELLED = "build.cancelled"
    BUILD_RETRIED = "build.retried"
    BUILD_RESOLVED = "build.resolved"
    DELIVERY_REDELIVERED = "delivery.redelivered"
    NOTICE_REPLAYED = "notice.replayed"
    NOTICE_DROPPED = "notice.dropped"
    PART_TESTED = "part.tested"
    SILENCE_ADDED = "silence.added"
    SILENCE_ENDED = "silence.ended"
    SESSION_STARTED = "session.started"
    SESSION_ENDED = "session.ended"
    TOKEN_ADDED = "token.added"  # noqa: S105  # a word, not a secret
    TOKEN_REVOKED = "token.revoked"  # noqa: S105  # a word, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change as the one who makes it says it; the store makes an `AuditEntry` of it.

    Where the store gives a new id or number, that becomes its `after`.
    """

    who: Principal
    action: Action
    subject: str
    origin: str
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change: `name` and `token_id` say who, `origin` from where: a client's address, or `cli`.

    `subject` is the id or the name of what was changed. `before` and `after` are what of it changed, as JSON
    values without secrets. `at` is in Unix seconds.
    """

    id: str
    at: float
    name: str
    token_id: str | None
    action: str
    subject: str
    origin: str
    before: Any = None
    after: Any = None
